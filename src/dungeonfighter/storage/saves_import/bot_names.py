"""The name of the bot of an imported hero: the hero's name in legal characters, and the hash of its file.

The same file has the same bot on every machine and with every version of Python. So accents are removed only
where Unicode had its present form long ago.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dungeonfighter import limits

HASH_DIGITS: Final = 8
_ACCENTED: Final = ((0xC0, 0x24F), (0x1E00, 0x1EFF))
"""The code points of Latin letters that may have an accent."""
_SPECIAL: Final = str.maketrans({
    "ß": "ss", "Æ": "Ae", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "Oe", "œ": "oe", "Ł": "L", "ł": "l", "Đ": "D",
    "đ": "d", "Þ": "Th", "þ": "th",
})  # fmt: skip
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9.-]+")
_NAME_CHARS_MAX: Final = 1000
_NAMELESS: Final = "hero"


def bot_id_of(name: str, file_hash: str) -> str:
    """Return the bot id for a hero of this name; `file_hash` is the SHA-256 of its file in hexadecimal."""
    latin = "".join(_without_accent(char) for char in name[:_NAME_CHARS_MAX].translate(_SPECIAL))
    legal = _ILLEGAL.sub("_", latin).strip("_.-")
    legal = legal[: limits.bot_id_chars_max - HASH_DIGITS - 1].rstrip("_.-")
    return f"{legal or _NAMELESS}-{file_hash[:HASH_DIGITS]}"


def _without_accent(char: str) -> str:
    if not any(first <= ord(char) <= last for first, last in _ACCENTED):
        return char
    plain = unicodedata.normalize("NFKD", char)[0]
    return plain if plain.isascii() else char
