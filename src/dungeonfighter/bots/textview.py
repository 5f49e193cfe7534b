"""What can be read back from the text view: where the run stands and the legal inputs.

The layout (rules/telling.py owns it): a status line that begins with `e3 t14`, and while the run lives a last
line with the legal inputs, `1 attack 2 precise` in a fight and `1 dungeons | 2 inventory | equip 1-3`
elsewhere. Only what a program needs is read; a model reads the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_POSITION: Final = re.compile(r"\be(\d+) t(\d+)\b")
_IN_FIGHT: Final = re.compile(r"(?:^| )(item \d+|\d) (?=[a-z])")
_IN_MENU: Final = re.compile(r"(\d|unequip [a-z]+)\b")
_RANGE: Final = re.compile(r"equip (\d+)(?:-(\d+))?")
_BAR: Final = " | "


def position(text: str) -> tuple[int, int] | None:
    """(episode, turn) of the view, or None if the text is no view."""
    found = _POSITION.search(text)
    return (int(found[1]), int(found[2])) if found else None


def is_over(text: str) -> bool:
    """Whether the run the view shows has ended: nothing is legal any more."""
    return not inputs(text)


def inputs(text: str) -> list[str]:
    """The legal inputs in the order shown, without patterns."""
    line = text.rpartition("\n")[2]
    if _BAR not in line:
        return _IN_FIGHT.findall(line)
    return [text for part in line.split(_BAR) for text in _of_part(part)]


def _of_part(part: str) -> Iterator[str]:
    found = _IN_MENU.match(part)
    if found:
        yield found[1]
    elif wearable := _RANGE.match(part):
        first = int(wearable[1])
        for number in range(first, int(wearable[2] or first) + 1):
            yield f"equip {number}"
