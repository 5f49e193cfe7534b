"""The table of `make bench`: what is measured, what must be reached, what is hoped for, and whether it is.

Pure: figures in, lines out. A row says which figure it shows, or which two make its ratio; a figure has one
value a repeat, and the median counts. A figure that is missing (with the reason) judges nothing; one that is
void counts as missed, and so does every ratio with it.

Source: docs/performance.md, "What is measured, side by side in one run".
"""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

_WIDTH: Final = 150
_WHAT_WIDTH: Final = 62


class Row(Struct, frozen=True):
    """One line of the table to be.

    Attributes:
        what: In words; unique.
        figure: The name of the figure it shows.
        over: The figure it is divided by, repeat by repeat side by side; "" for none.
        unit: Of the value, must and goal.
        must: What has to be reached; None where a figure is only printed.
        goal: What is hoped for.
        less: Less is better.
        digits: Behind the decimal point.
    """

    what: str
    figure: str
    over: str = ""
    unit: str = ""
    must: float | None = None
    goal: float | None = None
    less: bool = False
    digits: int = 0

    @property
    def figures(self) -> tuple[str, ...]:
        """All it needs."""
        return (self.figure, self.over) if self.over else (self.figure,)


class Figure(Struct):
    """What was measured under one name.

    Attributes:
        repeats: One value each, in order.
        note: For the reader of the table.
        missing: Why there are no values.
        void: Why the values do not count, or why there are none though there should be.
        detail: Other things of the same repeats, for the JSON file.
    """

    repeats: list[float] = field(default_factory=list)
    note: str = ""
    missing: str = ""
    void: str = ""
    detail: dict[str, list[float]] = field(default_factory=dict)


class Reached(StrEnum):
    """What became of a row; `printed` has neither must nor goal, `short` no must and not its goal."""

    goal = "goal"
    must = "must"
    missed = "MISSED"
    void = "VOID"
    short = "not goal"
    printed = "-"
    missing = "not measured"


class Line(Struct):
    """One line of the table that is; `lowest` and `highest` are those of the repeats."""

    what: str
    value: float | None
    unit: str
    must: float | None
    goal: float | None
    reached: Reached
    note: str
    lowest: float | None = None
    highest: float | None = None


def judge(rows: Iterable[Row], figures: Mapping[str, Figure]) -> list[Line]:
    """One line for each row, in order; a figure that is not there at all is missing too."""
    absent = Figure(missing="not measured")
    return [_line(row, [figures.get(name, absent) for name in row.figures]) for row in rows]


def missed(lines: Iterable[Line]) -> list[str]:
    """What had to be reached and was not, a void row included."""
    return [line.what for line in lines if line.reached in {Reached.missed, Reached.void}]


def unmeasured(lines: Iterable[Line]) -> list[str]:
    """What would have to be reached and was not measured."""
    return [line.what for line in lines if line.must is not None and line.reached is Reached.missing]


def as_text(rows: Sequence[Row], lines: Sequence[Line]) -> str:
    """The table, aligned; notes wrapped below their line."""
    heads = ("what", "measured", "must", "goal", "reached")
    out = [_columns(*heads), "-" * len(_columns(*heads))]
    for row, line in zip(rows, lines, strict=True):
        sign = "<= " if row.less else ""
        shown = [
            "-" if value is None else f"{prefix}{value:,.{row.digits}f}"
            for value, prefix in ((line.value, ""), (line.must, sign), (line.goal, sign))
        ]
        shown[0] += f" {line.unit}" if line.value is not None and line.unit else ""
        out.append(_columns(line.what, *shown, line.reached))
        out += textwrap.wrap(line.note, _WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(out)


def _columns(*words: str) -> str:
    what, value, must, goal, reached = words
    return f"{what:{_WHAT_WIDTH}} {value:>18} {must:>10} {goal:>10}  {reached}".rstrip()


def _line(row: Row, needed: list[Figure]) -> Line:
    note = "; ".join(filter(None, _notes(row, needed)))
    line = Line(row.what, None, row.unit, row.must, row.goal, Reached.missing, note)
    if any(figure.void for figure in needed):
        line.reached = Reached.void
    if any(figure.missing or not figure.repeats for figure in needed):
        return line
    line.value = statistics.median(needed[0].repeats)
    each = needed[0].repeats
    if row.over:
        line.value /= statistics.median(needed[1].repeats) or float("nan")
        each = [
            one / other for one, other in zip(needed[0].repeats, needed[1].repeats, strict=False) if other
        ]
    line.lowest, line.highest = (min(each), max(each)) if each else (None, None)
    if line.reached is not Reached.void:
        line.reached = _reached(row, line.value)
    return line


def _notes(row: Row, needed: list[Figure]) -> Iterable[str]:
    """Why there is none, or why it does not count; else what is to be said about it. A ratio has none."""
    for name, figure in zip(row.figures, needed, strict=True):
        reason = figure.missing or (f"void: {figure.void}" if figure.void else "")
        if reason:
            yield f"{name}: {reason}" if row.over else reason
    if not row.over and not needed[0].missing:
        yield needed[0].note


def _reached(row: Row, value: float) -> Reached:
    if row.goal is not None and _is_met(row, value, row.goal):
        return Reached.goal
    if row.must is None:
        return Reached.printed if row.goal is None else Reached.short
    return Reached.must if _is_met(row, value, row.must) else Reached.missed


def _is_met(row: Row, value: float, bound: float) -> bool:
    """A value that is no number meets nothing."""
    return value <= bound if row.less else value >= bound
