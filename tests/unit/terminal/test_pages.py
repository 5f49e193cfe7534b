"""Pages: each fits, no line is lost, and a heading stays with what it is about."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.pages import page_prompt, pages
from dungeonfighter.terminal.spans import Spans, spans
from tests.unit.terminal.screens import LOW

ROOM = 22


def text(*sections: int) -> list[Spans]:
    """Return sections of so many lines, each under a heading of its own."""
    lines = []
    for number, count in enumerate(sections):
        lines += [spans(f" heading {number}"), *[spans(f"    line {n}") for n in range(1, count)]]
    return lines


def sizes(lines: list[Spans], canvas: Canvas = LOW) -> list[int]:
    return [len(page) for page in pages(lines, canvas, canvas.rows - ROOM if canvas.rows else 2)]


@pytest.mark.parametrize("count", [1, ROOM, ROOM + 1, 100])
def test_each_page_fits_and_no_line_is_lost(count: int) -> None:
    lines = [spans(f"line {number}") for number in range(count)]
    given = pages(lines, LOW, 2)
    assert [line for page in given for line in page] == lines
    assert max(map(len, given)) <= ROOM
    assert len(given) == -(-count // ROOM)


def test_without_a_terminal_or_in_a_very_low_one_there_is_one_page() -> None:
    lines = text(50)
    assert sizes(lines, Canvas(80, ASCII)) == [50]
    assert pages(lines, Canvas(80, ASCII, 7), 2) == [lines]
    assert pages([], LOW, 2) == []


def test_a_page_ends_before_a_heading() -> None:
    assert sizes(text(15, 15)) == [15, 15]
    assert sizes(text(8, 20)) == [8, 20], "a section that fits is not parted"
    assert sizes(text(3, 25)) == [ROOM, 6], "a page is not nearly empty"
    assert sizes(text(21, 21)) == [21, 21], "the heading is not the last line of a page"
    assert sizes(text(50)) == [ROOM, ROOM, 6]


def test_an_empty_line_is_the_best_end_and_begins_no_page() -> None:
    lines = [*text(14, 5), (), *text(10)]
    given = pages(lines, LOW, 2)
    assert [len(page) for page in given] == [19, 10]
    assert [line for page in given for line in page] == [line for line in lines if line]


@pytest.mark.parametrize("columns", [20, 59, 60, 80])
def test_the_prompt_counts_the_pages_and_fits_one_row(columns: int) -> None:
    given = [page_prompt(number, 9, Canvas(columns, ASCII, 24)) for number in (1, 2)]
    assert all(len(one) < columns and one.endswith(" > ") for one in given)
    assert all(one != other and "9: Enter" in one for one, other in pairwise(given))
