"""Bars of health."""

from __future__ import annotations

from typing import Final

from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans

CELLS: Final = 20
CELLS_NARROW: Final = 10
NARROW: Final = 60
"""The columns under which bars are short."""


def health(canvas: Canvas, now: int, most: int, cells: int = 0) -> Spans:
    """Return the bar of the hero with its numbers, which says in a word if little is left.

    Args:
        cells: The length of the bar; 0 for the usual one.
    """
    if now * 4 <= most:
        return _bar(canvas, now, most, Meaning.harm, " low", cells)
    return _bar(canvas, now, most, Meaning.warning if now * 2 <= most else Meaning.gain, "", cells)


def enemy_health(canvas: Canvas, now: int, most: int, cells: int = 0) -> Spans:
    """Return the bar of an enemy with its numbers; `cells` as in `health`."""
    return _bar(canvas, now, most, Meaning.harm, "", cells)


def _bar(canvas: Canvas, now: int, most: int, meaning: Meaning, word: str, cells: int) -> Spans:
    cells = cells or (CELLS if canvas.columns >= NARROW else CELLS_NARROW)
    full = share(now, most, cells)
    glyphs = canvas.glyphs
    drawn = glyphs.full * full + glyphs.empty * (cells - full)
    return Span(f"[{drawn}]", meaning), Span(f" {now}/{most}{word}", meaning)


def share(now: int, most: int, cells: int) -> int:
    """Return the number of full cells: 0 only for no health, and all only for full health."""
    if now >= most:
        return cells
    return min(cells - 1, max(1, now * cells // most)) if now > 0 else 0
