"""The contest: whose turn it is, what makes a row void, and what a failing contestant costs the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import rows
from bench.asked import Asked
from bench.contest import Taken, as_figure, contestants, in_turns, taken_of, wanted
from bench.load import LEGACY, MODERN, Loaded
from bench.many import NotThere
from bench.rows import ROWS
from bench.servers import Failed


def asked_for(*names: str) -> Asked:
    return Asked(repeats=1, seconds=1.0, bots=1, figures=frozenset(names))


def always(taken: Taken) -> Callable[[], Taken]:
    return lambda: taken


def raising(error: Exception) -> Callable[[], Taken]:
    def once() -> Taken:
        raise error

    return once


def test_an_answer_counts_when_it_said_so_and_the_database_agrees() -> None:
    told = Loaded(per_second=100, answers=200, good=199)
    assert taken_of(told, counted=190, spent=1).share == 190 / 200
    assert taken_of(told, counted=200, spent=1).share == 199 / 200


def test_nothing_answered_is_no_share_at_all() -> None:
    assert taken_of(Loaded(), counted=0, spent=0).share == 0


def test_the_servers_time_is_told_by_the_answer() -> None:
    taken = taken_of(Loaded(per_second=5000, answers=10_000, good=10_000), counted=10_000, spent=1.0)
    assert taken.detail["server_cpu_us"] == pytest.approx(100)
    assert taken.detail["server_busy"] == pytest.approx(0.5)


def test_one_repeat_below_the_share_makes_all_void() -> None:
    figure = as_figure([Taken(100, 1.0), Taken(300, 0.949, "HTTP/1.1 503"), Taken(200, 1.0)])
    assert "94.9%" in figure.void
    assert "HTTP/1.1 503" in figure.void


def test_at_the_share_it_counts() -> None:
    figure = as_figure([Taken(100, 0.95, detail={"p99_ms": 3.0}), Taken(200, 1.0, detail={"p99_ms": 5.0})])
    assert not figure.void
    assert figure.repeats == [100, 200]
    assert figure.detail["p99_ms"] == [3.0, 5.0]
    assert "p99 4.0 ms" in figure.note


def test_repeats_are_interleaved() -> None:
    told: list[str] = []
    in_turns({"a": always(Taken(1, 1.0)), "b": always(Taken(2, 1.0))}, 2, told.append)
    assert told == ["1/2 a", "1/2 b", "2/2 a", "2/2 b"]


def test_who_is_not_there_or_fails_is_asked_once_and_holds_up_nobody() -> None:
    told: list[str] = []
    figures = in_turns(
        {
            "away": raising(NotThere("not in this version")),
            "broken": raising(Failed("it did not start")),
            "well": always(Taken(7, 1.0)),
        },
        2,
        told.append,
    )
    assert figures["away"].missing == "not in this version"
    assert figures["broken"].void == "it did not start"
    assert figures["well"].repeats == [7, 7]
    assert told == ["1/2 away", "1/2 broken", "1/2 well", "2/2 well"]


def test_only_those_needed_for_the_rows_asked_for_play() -> None:
    assert wanted(asked_for(rows.OURS, rows.BARE, rows.TEXT)) == [rows.OURS, rows.BARE]
    assert wanted(asked_for(rows.SQLITE_BYTES)) == [rows.OURS]
    assert wanted(asked_for(rows.STEP_MANY)) == [rows.STEP_MANY]


def test_ratios_compare_one_era_with_itself() -> None:
    eras = {one.name: one.era for one in contestants("python")}
    eras |= {rows.NO_TRACE: MODERN, rows.VARYING_TRACE: MODERN}  # bench.varying_meta
    ratios = [row for row in ROWS if row.over]
    assert {eras[row.figure] for row in ratios} == {MODERN, LEGACY}
    assert not [row.what for row in ratios if eras[row.figure] != eras[row.over]]
