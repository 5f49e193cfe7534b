"""What can be read back from the text view: where the run stands and the legal inputs.

The layout (rules/observe.py owns it): a status line that begins with `e3 t14`, what happened, and one line
for each legal input, its input first. Only the few things a program needs are read; a model reads the rest.
"""

from __future__ import annotations

import re

_position = re.compile(r"\be(\d+) t(\d+)\b")
_score = re.compile(r"\bscore (\d+(?:\.\d+)?)")
_input = re.compile(r"^(\d|equip \d+|item \d+)\b", re.MULTILINE)


def position(text: str) -> tuple[int, int] | None:
    """(episode, turn) of the view, or None if the text is no view."""
    found = _position.search(text)
    return (int(found[1]), int(found[2])) if found else None


def score(text: str) -> float:
    """The score in the status line, 0.0 if there is none."""
    found = _score.search(text)
    return float(found[1]) if found else 0.0


def is_over(text: str) -> bool:
    """Whether the run the view shows has ended."""
    return not inputs(text)


def inputs(text: str) -> list[str]:
    """The legal inputs in the order shown, without patterns."""
    return _input.findall(text)
