"""Numbers with their nouns, for tables and lines of progress."""

from __future__ import annotations


def several(number: int, one: str, many: str = "") -> str:
    """Return `1 bot`, `2 bots`; `many` is the plural where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
