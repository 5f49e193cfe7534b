"""A parser for the text view: it reads the position of the run and the legal inputs.

`rules.views.text_view` defines the layout: a status line that begins with `e3 t14`, and while the run lives a
last line with the legal inputs: `1 attack 75%:9-14 |2 precise`, `5 potion |item 6 powder`, `1 dungeons |
equip 1-3`, `unequip slot (weapon, head)`. The parser skips the rest, and the patterns of which only an
example is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dungeonfighter.rules.state import Slot

_POSITION: Final = re.compile(r"\be(\d+) t(\d+)\b")
_NUMBERED: Final = re.compile(r"(?:item )?\d+\b")
_SLOTS: Final = re.compile(r"unequip (?:slot \()?([a-z, ]+)")
_ANY_SLOT: Final = "unequip slot"
_RANGE: Final = re.compile(r"equip (?:n \()?(\d+)(?:-(\d+))?")


def position(text: str) -> tuple[int, int] | None:
    """Return (episode, turn) of a view, or None if the text is no view."""
    found = _POSITION.search(text)
    return (int(found[1]), int(found[2])) if found else None


def is_over(text: str) -> bool:
    """Return True if the run of the view has ended: no input is legal any more."""
    return not inputs(text)


def inputs(text: str) -> list[str]:
    """Return the legal inputs in the order shown, without patterns."""
    return [text for part in text.rpartition("\n")[2].split("|") for text in _of_part(part.strip())]


def _of_part(part: str) -> Iterator[str]:
    if found := _NUMBERED.match(part):
        yield found[0]
    elif part == _ANY_SLOT:
        for slot in Slot.__members__:
            yield f"unequip {slot}"
    elif worn := _SLOTS.match(part):
        for slot in worn[1].split(", "):
            yield f"unequip {slot}"
    elif wearable := _RANGE.match(part):
        first = int(wearable[1])
        for number in range(first, int(wearable[2] or first) + 1):
            yield f"equip {number}"
