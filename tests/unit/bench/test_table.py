"""The table of `make bench`: medians, ratios, judgements, void and missing rows, text."""

from __future__ import annotations

import pytest

from bench.rows import ROWS
from bench.table import Figure, Reached, Result, Row, as_text, judge, missed, unmeasured

SPEED = Row("ours", "ours", unit="turns/s", must=100, goal=200)
DELAY = Row("p99", "p99", unit="ms", must=10, goal=5, less=True, digits=1)
RATIO = Row("ours / theirs", "ours", "theirs", "x", 2, 3, digits=2)


def result_of(row: Row, **figures: Figure) -> Result:
    (line,) = judge([row], figures)
    return line


def test_the_median_counts_and_lowest_and_highest_are_kept() -> None:
    line = result_of(SPEED, ours=Figure([90, 500, 150]))
    assert (line.value, line.lowest, line.highest) == (150, 90, 500)


@pytest.mark.parametrize(
    ("row", "value", "reached"),
    [
        (SPEED, 200, Reached.goal),
        (SPEED, 199, Reached.must),
        (SPEED, 100, Reached.must),
        (SPEED, 99, Reached.missed),
        (DELAY, 5, Reached.goal),
        (DELAY, 10, Reached.must),
        (DELAY, 10.1, Reached.missed),
        (DELAY, float("nan"), Reached.missed),
        (Row("ours", "ours"), 1, Reached.printed),
        (Row("ours", "ours", goal=3, less=True), 3, Reached.goal),
        (Row("ours", "ours", goal=3, less=True), 3.1, Reached.short),
    ],
)
def test_a_value_is_judged_by_must_and_goal(row: Row, value: float, reached: Reached) -> None:
    assert result_of(row, ours=Figure([value]), p99=Figure([value])).reached is reached


def test_a_ratio_is_of_medians_with_lowest_and_highest_of_single_repeats() -> None:
    line = result_of(RATIO, ours=Figure([100, 300, 200]), theirs=Figure([100, 75, 80]))
    assert line.value == 200 / 80
    assert (line.lowest, line.highest) == (1.0, 4.0)
    assert line.reached is Reached.must


def test_a_ratio_over_zero_is_missed() -> None:
    assert result_of(RATIO, ours=Figure([100]), theirs=Figure([0])).reached is Reached.missed


def test_a_void_figure_voids_its_row_and_every_ratio_with_it() -> None:
    figures = {"ours": Figure([1000], void="only 90 % count"), "theirs": Figure([1])}
    lines = judge([SPEED, RATIO], figures)
    assert [line.reached for line in lines] == [Reached.void, Reached.void]
    assert missed(lines) == ["ours", "ours / theirs"]
    assert "only 90 % count" in lines[0].note
    assert "ours: void: only 90 % count" in lines[1].note


def test_a_figure_that_failed_without_a_value_is_void() -> None:
    assert result_of(SPEED, ours=Figure(void="it did not start")).reached is Reached.void


def test_a_missing_peer_affects_its_rows_only() -> None:
    figures = {"ours": Figure([150]), "theirs": Figure(missing="cannot be installed here")}
    lines = judge([SPEED, RATIO, Row("theirs", "theirs")], figures)
    assert [line.reached for line in lines] == [Reached.must, Reached.missing, Reached.missing]
    assert lines[1].value is None
    assert "theirs: cannot be installed here" in lines[1].note
    assert missed(lines) == []
    assert unmeasured(lines) == ["ours / theirs"]


def test_an_unmeasured_figure_is_missing() -> None:
    assert result_of(SPEED).reached is Reached.missing


def test_the_text_shows_value_bounds_verdict_and_note() -> None:
    rows = [SPEED, DELAY, Row("nothing", "nothing")]
    text = as_text(rows, judge(rows, {"ours": Figure([12345.6], "quiet machine"), "p99": Figure([5.04])}))
    lines = [line.split() for line in text.splitlines()]
    assert lines[2] == ["ours", "12,346", "turns/s", "100", "200", "goal"]
    assert lines[3] == ["quiet", "machine"]
    assert lines[4] == ["p99", "5.0", "ms", "<=", "10.0", "<=", "5.0", "must"]
    assert lines[5] == ["nothing", "-", "-", "-", "not", "measured"]


def test_the_names_of_rows_are_unique() -> None:
    assert len({row.what for row in ROWS}) == len(ROWS)


def test_a_goal_is_never_easier_than_its_must() -> None:
    both = [row for row in ROWS if row.must is not None and row.goal is not None]
    assert both
    assert not [row.what for row in both if (row.goal > row.must if row.less else row.goal < row.must)]  # type: ignore[operator]
