"""The time line and the bars: to scale, with the guide of the first row, readable without a scale."""

from __future__ import annotations

import pytest

from dungeonfighter.terminal import bars
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.spans import plain
from dungeonfighter.terminal.time_line import Moment, time_line

FIGHT = [Moment("you", 0, 7600), Moment("it: heavy", 0, 3800), Moment("it: then light", 3800, 15200)]


def drawn(moments: list[Moment], columns: int = 80) -> list[str]:
    return [plain(line) for line in time_line(Canvas(columns, ASCII), moments)]


@pytest.mark.parametrize("columns", [60, 80, 110])
def test_the_marks_are_to_scale(columns: int) -> None:
    _, hero, first, second = drawn(FIGHT, columns)
    zero = hero.index("|")
    places = [line.rindex("^") - zero for line in (first, hero, second)]
    assert abs(places[1] - 2 * places[0]) <= 1
    assert abs(places[2] - 4 * places[0]) <= 2
    assert second.rstrip().endswith("15.2 s")
    assert max(map(len, drawn(FIGHT, columns))) <= columns


def test_the_numbers_of_the_scale_stand_over_their_times() -> None:
    head, hero, *_ = drawn([Moment("you", 0, 10_000)])
    assert head.index("0") == hero.index("|")
    assert head.index("10") in {hero.rindex("^"), hero.rindex("^") - 1}


def test_the_guide_of_the_first_row_crosses_the_others() -> None:
    _, hero, first, second = drawn(FIGHT)
    at = hero.rindex("^")
    assert first[at] == ":"
    assert second[at] == ":"


def test_the_second_action_begins_where_the_first_ends() -> None:
    _, _, first, second = drawn(FIGHT)
    end = first.rindex("^")
    assert second[end - 1] == "."
    assert second[end] == "-"


def test_actions_at_once_are_marked_at_the_beginning() -> None:
    _, hero, first = drawn([Moment("you", 0, 0), Moment("it", 0, 0)])
    assert hero.count("^") == first.count("^") == 1
    assert "0.0 s" in first


def test_a_narrow_terminal_gets_words() -> None:
    lines = drawn(FIGHT, 30)
    assert " it: heavy in 3.8 s" in lines
    assert not any("^" in line for line in lines)


@pytest.mark.parametrize(
    ("now", "most", "full"), [(0, 9, 0), (1, 500, 1), (499, 500, 19), (500, 500, 20), (130, 260, 10)]
)
def test_a_bar_is_empty_or_full_only_at_the_ends(now: int, most: int, full: int) -> None:
    line = plain(bars.health(Canvas(80, ASCII), now, most))
    assert line.startswith(f"[{'#' * full}{'-' * (20 - full)}] {now}/{most}")


def test_little_health_is_said_in_a_word() -> None:
    assert plain(bars.health(Canvas(80, ASCII), 25, 100)).endswith(" low")
    assert not plain(bars.health(Canvas(80, ASCII), 26, 100)).endswith(" low")
