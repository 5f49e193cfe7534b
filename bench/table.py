"""The table of `make bench`: for each row the measured value, the bound that must be reached, and the goal.

The functions are pure. A row names the figure that it shows, or the two figures of its ratio; a figure has
one value for each repeat, and the median counts. A row with a missing figure is not judged; a row with a void
figure counts as missed.

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
    """The definition of one row of the table.

    Attributes:
        what: The name of the row; unique.
        figure: The name of the figure it shows.
        over: The name of the figure it is divided by; "" for none.
        unit: The unit of value, must and goal.
        must: The bound that has to be reached; None for a figure that is only printed.
        goal: The bound that is aimed at.
        less: Less is better.
        digits: The digits after the decimal point.
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
        return (self.figure, self.over) if self.over else (self.figure,)


class Figure(Struct):
    """The measured values of one name.

    Attributes:
        repeats: One value for each repeat, in order.
        note: A remark for the reader of the table.
        missing: The reason why there are no values; "" if there are.
        void: The reason why the values do not count, or why a measurement failed; "" if they count.
        detail: Further values of the same repeats, for the JSON file.
    """

    repeats: list[float] = field(default_factory=list)
    note: str = ""
    missing: str = ""
    void: str = ""
    detail: dict[str, list[float]] = field(default_factory=dict)


class Reached(StrEnum):
    """The judgement of a row; `printed` has no must and no goal, `short` has no must and misses its goal."""

    goal = "goal"
    must = "must"
    missed = "MISSED"
    void = "VOID"
    short = "not goal"
    printed = "-"
    missing = "not measured"


class Result(Struct):
    """A judged row; `lowest` and `highest` are those of the repeats."""

    what: str
    value: float | None
    unit: str
    must: float | None
    goal: float | None
    reached: Reached
    note: str
    lowest: float | None = None
    highest: float | None = None


def judge(rows: Iterable[Row], figures: Mapping[str, Figure]) -> list[Result]:
    """Return one result for each row, in order; an absent figure counts as missing."""
    absent = Figure(missing="not measured")
    return [_result(row, [figures.get(name, absent) for name in row.figures]) for row in rows]


def missed(results: Iterable[Result]) -> list[str]:
    return [result.what for result in results if result.reached in {Reached.missed, Reached.void}]


def unmeasured(results: Iterable[Result]) -> list[str]:
    return [
        result.what for result in results if result.must is not None and result.reached is Reached.missing
    ]


def as_text(rows: Sequence[Row], results: Sequence[Result]) -> str:
    """Return the aligned table, with each note wrapped below its row."""
    heads = ("what", "measured", "must", "goal", "reached")
    out = [_columns(*heads), "-" * len(_columns(*heads))]
    for row, result in zip(rows, results, strict=True):
        sign = "<= " if row.less else ""
        shown = [
            "-" if value is None else f"{prefix}{value:,.{row.digits}f}"
            for value, prefix in ((result.value, ""), (result.must, sign), (result.goal, sign))
        ]
        shown[0] += f" {result.unit}" if result.value is not None and result.unit else ""
        out.append(_columns(result.what, *shown, result.reached))
        out += textwrap.wrap(result.note, _WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(out)


def _columns(*words: str) -> str:
    what, value, must, goal, reached = words
    return f"{what:{_WHAT_WIDTH}} {value:>18} {must:>10} {goal:>10}  {reached}".rstrip()


def _result(row: Row, needed: list[Figure]) -> Result:
    note = "; ".join(filter(None, _notes(row, needed)))
    result = Result(row.what, None, row.unit, row.must, row.goal, Reached.missing, note)
    if any(figure.void for figure in needed):
        result.reached = Reached.void
    if any(figure.missing or not figure.repeats for figure in needed):
        return result
    result.value = statistics.median(needed[0].repeats)
    each = needed[0].repeats
    if row.over:
        result.value /= statistics.median(needed[1].repeats) or float("nan")
        each = [
            one / other for one, other in zip(needed[0].repeats, needed[1].repeats, strict=False) if other
        ]
    result.lowest, result.highest = (min(each), max(each)) if each else (None, None)
    if result.reached is not Reached.void:
        result.reached = _reached(row, result.value)
    return result


def _notes(row: Row, needed: list[Figure]) -> Iterable[str]:
    """Yield the reasons of missing and void figures, else the note of the figure; a ratio has no note."""
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
    """Return True if the value meets the bound; NaN meets none."""
    return value <= bound if row.less else value >= bound
