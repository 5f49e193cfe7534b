"""Times to one scale: a row for each moment, so that a person sees which comes first and by how much.

    seconds               0       2       4       6       8      10
    you, after an attack  |------------------------------^            7.6 s
    light, about 9        |------------------------^     :            6.1 s
    then not known yet    |........................------:--------^  13.7 s

The guide shows the end of the first row in the others. A terminal too narrow for a scale gets the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, cut, spans, width

LABEL_COLUMNS_MAX: Final = 34
CELLS_MIN: Final = 20
_HEAD: Final = "seconds"
_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_TICK_CELLS: Final = 6


class Moment(NamedTuple):
    """One row: it begins at `since` and ends at `at`, in milliseconds from now."""

    label: str
    since: int
    at: int
    meaning: Meaning = Meaning.neutral


def time_line(canvas: Canvas, moments: Sequence[Moment]) -> list[Spans]:
    """Return the rows of the moments under a scale; the first moment is the guide of the others."""
    columns = max(width(moment.label) for moment in moments)
    label = min(max(columns, len(_HEAD)), LABEL_COLUMNS_MAX)
    times = [_seconds(moment.at) for moment in moments]
    time_columns = max(map(len, times))
    cells = canvas.columns - label - time_columns - 5
    if cells < CELLS_MIN:
        words = (
            spans(" ", Span(moment.label, moment.meaning), f" in {time}")
            for moment, time in zip(moments, times, strict=True)
        )
        return canvas.fitted(words, hanging=3)
    scale = _Scale(max(1, *(moment.at for moment in moments)), cells)
    guide = scale.cell(moments[0].at)
    lines = [spans(Span(f" {_HEAD:<{label}}  {scale.numbers()}", Meaning.quiet))]
    for place, moment in enumerate(moments):
        name = cut(moment.label, label)
        name += " " * (label - width(name))
        drawn = _drawn(canvas, scale, moment, guide if place else -1)
        time = Span(f" {times[place]:>{time_columns}}", moment.meaning)
        lines.append(spans(" ", Span(name, moment.meaning), "  ", Span(drawn, moment.meaning), time))
    return lines


class _Scale:
    """The cells of the times from 0 to `longest` milliseconds."""

    def __init__(self, longest: int, cells: int) -> None:
        self.cells = cells
        self._longest = longest

    def cell(self, time: int) -> int:
        return min(self.cells - 1, (time * (self.cells - 1) * 2 + self._longest) // (2 * self._longest))

    def numbers(self) -> str:
        """Return the numbers of the scale, each above its cell."""
        most = self._longest // 1000
        step = next((one for one in _STEPS if self.cell(one * 1000) >= _TICK_CELLS), _STEPS[-1])
        text = ""
        for second in range(0, most + 1, step):
            number = str(second)
            begin = min(self.cell(second * 1000), self.cells - len(number))
            text += " " * (begin - len(text)) + number
        return text


def _drawn(canvas: Canvas, scale: _Scale, moment: Moment, guide: int) -> str:
    glyphs = canvas.glyphs
    since, end = scale.cell(moment.since), scale.cell(moment.at)
    cells = [glyphs.dot] * since + [glyphs.dash] * (end - since) + [" "] * (scale.cells - end)
    if guide >= 0:
        cells[guide] = glyphs.guide
    cells[0] = glyphs.begin
    cells[end] = glyphs.mark
    return "".join(cells)


def _seconds(time: int) -> str:
    return f"{time / 1000:.1f} s"
