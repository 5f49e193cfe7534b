"""Judges the name of a hero by a fixed table, so that every release and every Python version agrees.

The interpreter's own Unicode tables grow with its version: a name with a new character would be a name here
and none there. This table refuses what cannot be shown or changes how the rest of a line is shown. Every
other code point is allowed, also one that no version of Unicode has assigned yet.

A name is judged once, when it comes from outside. A stored name is good: `reset_game` takes it as it is.

Source: docs/tools.md, "Names of heroes".
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from dungeonfighter import limits

RULE: Final = f"1 to {limits.hero_name_chars_max} characters that can be shown, and no space at either end"
"""The rule in words, for people."""

REFUSED: Final[tuple[tuple[int, int], ...]] = (
    (0x0000, 0x001F), (0x007F, 0x009F),  # control characters
    (0x00A0, 0x00A0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F),
    (0x3000, 0x3000),  # spaces other than U+0020
    (0x00AD, 0x00AD), (0x0600, 0x0605), (0x061C, 0x061C), (0x06DD, 0x06DD), (0x070F, 0x070F),
    (0x0890, 0x0891), (0x08E2, 0x08E2), (0x180E, 0x180E),  # format characters
    (0x115F, 0x1160), (0x2800, 0x2800), (0x3164, 0x3164), (0xFFA0, 0xFFA0),  # letters that show nothing
    (0x200B, 0x200F), (0x2028, 0x2029), (0x202A, 0x202E), (0x2060, 0x206F),  # joiners, lines, directions
    (0xD800, 0xDFFF),  # surrogates
    (0xE000, 0xF8FF), (0xF0000, 0x10FFFF),  # private use
    (0xFDD0, 0xFDEF), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB),  # noncharacters, byte order, annotations
    (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),  # format characters of scripts and of music
    *((plane << 16 | 0xFFFE, plane << 16 | 0xFFFF) for plane in range(14)),  # noncharacters
    (0xE0000, 0xEFFFF),  # tags and their plane
)  # fmt: skip
"""The refused code points, as ranges with both ends."""
_FIRSTS: Final = sorted(first for first, _ in REFUSED)
_LASTS: Final = sorted(last for _, last in REFUSED)


def is_refused(code_point: int) -> bool:
    """Return True if no name may contain this code point."""
    at = bisect_right(_FIRSTS, code_point) - 1
    return at >= 0 and code_point <= _LASTS[at]


def fault_in(name: str) -> str:
    """Return the fault of a name in words, to follow `RULE`; empty if the name is good."""
    if not 1 <= len(name) <= limits.hero_name_chars_max:
        return f"this one has {len(name)} characters"
    for char in name:
        if is_refused(ord(char)):
            return f"U+{ord(char):04X} cannot be shown"
    return "this one has a space at an end" if " " in {name[0], name[-1]} else ""
