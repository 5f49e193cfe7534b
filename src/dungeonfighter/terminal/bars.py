"""Bars of health."""

from __future__ import annotations

from typing import Final

from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans

CELLS: Final = 20
CELLS_NARROW: Final = 10
NARROW: Final = 60
"""The columns under which bars are short."""


def health(canvas: Canvas, now: int, most: int) -> Spans:
    """Return a bar with its numbers, which says in a word if little is left."""
    cells = CELLS if canvas.columns >= NARROW else CELLS_NARROW
    full = share(now, most, cells)
    meaning, word = Meaning.gain, ""
    if now * 4 <= most:
        meaning, word = Meaning.harm, " low"
    elif now * 2 <= most:
        meaning = Meaning.warning
    glyphs = canvas.glyphs
    bar = glyphs.full * full + glyphs.empty * (cells - full)
    return Span(f"[{bar}]", meaning), Span(f" {now}/{most}{word}", meaning)


def share(now: int, most: int, cells: int) -> int:
    """Return the number of full cells: 0 only for no health, and all only for full health."""
    if now >= most:
        return cells
    return min(cells - 1, max(1, now * cells // most)) if now > 0 else 0
