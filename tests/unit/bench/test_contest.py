"""The contest: repeats are interleaved, bad answers void a row, a failing contestant delays no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import rows
from bench.contest import Repeat, as_figure, contestants, interleave, repeat_of, wanted
from bench.load import LEGACY, MODERN, LoadResult
from bench.many import Unavailable
from bench.options import Options
from bench.rows import ROWS
from bench.servers import Failed


def options_for(*names: str) -> Options:
    return Options(repeats=1, seconds=1.0, bots=1, figures=frozenset(names))


def always(taken: Repeat) -> Callable[[], Repeat]:
    return lambda: taken


def raising(error: Exception) -> Callable[[], Repeat]:
    def once() -> Repeat:
        raise error

    return once


def test_an_answer_counts_if_it_is_good_and_the_database_agrees() -> None:
    result = LoadResult(per_second=100, answers=200, good=199)
    assert repeat_of(result, counted=190, spent=1).share == 190 / 200
    assert repeat_of(result, counted=200, spent=1).share == 199 / 200


def test_without_answers_the_share_is_zero() -> None:
    assert repeat_of(LoadResult(), counted=0, spent=0).share == 0


def test_the_cpu_time_of_the_server_is_divided_by_the_answers() -> None:
    taken = repeat_of(LoadResult(per_second=5000, answers=10_000, good=10_000), counted=10_000, spent=1.0)
    assert taken.detail["server_cpu_us"] == pytest.approx(100)
    assert taken.detail["server_busy"] == pytest.approx(0.5)


def test_one_repeat_below_the_least_share_voids_the_figure() -> None:
    figure = as_figure([Repeat(100, 1.0), Repeat(300, 0.949, "HTTP/1.1 503"), Repeat(200, 1.0)])
    assert "94.9%" in figure.void
    assert "HTTP/1.1 503" in figure.void


def test_a_repeat_at_the_least_share_counts() -> None:
    figure = as_figure([Repeat(100, 0.95, detail={"p99_ms": 3.0}), Repeat(200, 1.0, detail={"p99_ms": 5.0})])
    assert not figure.void
    assert figure.repeats == [100, 200]
    assert figure.detail["p99_ms"] == [3.0, 5.0]
    assert "p99 4.0 ms" in figure.note


def test_repeats_are_interleaved() -> None:
    announced: list[str] = []
    interleave({"a": always(Repeat(1, 1.0)), "b": always(Repeat(2, 1.0))}, 2, announced.append)
    assert announced == ["1/2 a", "1/2 b", "2/2 a", "2/2 b"]


def test_an_unavailable_or_failing_contestant_is_measured_once() -> None:
    announced: list[str] = []
    figures = interleave(
        {
            "away": raising(Unavailable("not in this version")),
            "broken": raising(Failed("it did not start")),
            "well": always(Repeat(7, 1.0)),
        },
        2,
        announced.append,
    )
    assert figures["away"].missing == "not in this version"
    assert figures["broken"].void == "it did not start"
    assert figures["well"].repeats == [7, 7]
    assert announced == ["1/2 away", "1/2 broken", "1/2 well", "2/2 well"]


def test_only_contestants_of_the_requested_rows_are_measured() -> None:
    assert wanted(options_for(rows.OURS, rows.BARE, rows.TEXT)) == [rows.OURS, rows.BARE]
    assert wanted(options_for(rows.SQLITE_BYTES)) == [rows.OURS]
    assert wanted(options_for(rows.STEP_MANY)) == [rows.STEP_MANY]


def test_ratios_compare_one_era_with_itself() -> None:
    eras = {one.name: one.era for one in contestants("python")}
    eras |= {rows.NO_TRACE: MODERN, rows.VARYING_TRACE: MODERN}  # bench.varying_meta
    eras |= {rows.QUIET_ALONE: MODERN, rows.QUIET_BESIDE: MODERN}  # bench.two_fleets
    eras |= dict.fromkeys((rows.TRACES_OFF, rows.TRACES_ON), MODERN)
    eras |= dict.fromkeys((rows.TRACES_ANSWERED, rows.TRACES_FROZEN), MODERN)  # bench.traces
    ratios = [row for row in ROWS if row.over]
    assert {eras[row.figure] for row in ratios} == {MODERN, LEGACY}
    assert not [row.what for row in ratios if eras[row.figure] != eras[row.over]]
