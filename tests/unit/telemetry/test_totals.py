"""Shares of workers that come and go, their sum, and how it is told to Prometheus."""

from __future__ import annotations

import msgspec

from dungeonfighter.hosting.game import HostStats
from dungeonfighter.hosting.ports import RunSummary
from dungeonfighter.telemetry.metrics import render
from dungeonfighter.telemetry.totals import Ledger, Totals


def run(number: int) -> RunSummary:
    return RunSummary(score=number, key="local/ada", episode=number, turns=10, result="died", mode="casual")


def share(
    turns: int, *, hot_games: int = 5, store_up: bool = True, runs: tuple[int, ...] = (),
    log_bytes: int = 0, unsafe: bool = False,
) -> Totals:  # fmt: skip
    stats = HostStats(
        turns=turns, repeated=1, errors=2, conflicts=3, settled=0, batches=10, rows=turns,
        hot_games=hot_games, episodes_ended=len(runs), store_up=store_up,
        store_log_bytes=log_bytes, store_unsafe=unsafe,
    )  # fmt: skip
    lines = [run(number) for number in runs]
    results = {"died": len(runs)} if runs else {}
    return Totals(at=0.0, stats=stats, results=results, top=sorted(lines, reverse=True), recent=lines)


def test_the_newest_share_counts_once() -> None:
    ledger = Ledger()
    ledger.note(0, share(10))
    ledger.note(0, share(30))
    ledger.note(1, share(100))
    totals = ledger.totals(7.0)
    assert (totals.at, totals.stats.turns, totals.stats.hot_games) == (7.0, 130, 10)


def test_a_worker_that_ended_leaves_its_counters_and_takes_its_gauges() -> None:
    ledger = Ledger()
    ledger.note(0, share(10))
    ledger.note(1, share(100, store_up=False, runs=(3,)))
    ledger.retire(1)
    ledger.note(1, share(1))
    totals = ledger.totals(0.0)
    assert (totals.stats.turns, totals.stats.hot_games, totals.stats.store_up) == (111, 10, True)
    assert totals.results == {"died": 1}


def test_a_worker_that_never_told_anything_may_end() -> None:
    ledger = Ledger()
    ledger.retire(4)
    assert ledger.totals(0.0).stats.turns == 0


def test_the_store_is_up_if_every_worker_reaches_it() -> None:
    ledger = Ledger()
    ledger.note(0, share(1))
    ledger.note(1, share(1, store_up=False))
    assert not ledger.totals(0.0).stats.store_up


def test_the_log_of_the_store_is_one_and_one_unsafe_worker_makes_the_server_unsafe() -> None:
    ledger = Ledger()
    ledger.note(0, share(1, log_bytes=4096))
    ledger.note(1, share(1, log_bytes=8192, unsafe=True))
    stats = ledger.totals(0.0).stats
    assert (stats.store_log_bytes, stats.store_unsafe) == (8192, True)
    text = render(ledger.totals(0.0))
    assert b"mcp_store_log_bytes 8192\n" in text
    assert b"mcp_store_unsafe 1\n" in text
    ledger.retire(1)
    stats = ledger.totals(0.0).stats
    assert (stats.store_log_bytes, stats.store_unsafe) == (4096, False)


def test_runs_are_told_once_in_the_order_they_came() -> None:
    ledger = Ledger()
    ledger.note(0, share(1, runs=(1,)))
    ledger.note(1, share(1, runs=(9,)))
    ledger.note(0, share(1, runs=(1, 2)))
    totals = ledger.totals(0.0)
    assert [line.episode for line in totals.recent] == [1, 9, 2]
    assert [line.episode for line in totals.top] == [9, 2, 1]


def test_totals_survive_the_way_between_processes() -> None:
    sent = share(5, runs=(1, 2))
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Totals) == sent


def test_metrics_are_told_with_help_and_type() -> None:
    lines = render(share(12, runs=(1,))).decode().splitlines()
    assert 'mcp_bot_interactions_total{outcome="ok"} 12' in lines
    assert 'mcp_bot_interactions_total{outcome="error"} 2' in lines
    assert "mcp_commit_batch_size_sum 12" in lines
    assert "mcp_commit_batch_size_count 10" in lines
    assert "mcp_store_up 1" in lines
    assert 'mcp_episodes_total{result="died"} 1' in lines
    assert 'mcp_episodes_total{result="won"} 0' in lines
    families = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    series = {line.split("{")[0].split()[0] for line in lines if line[0] != "#"}
    assert {name.removesuffix("_sum").removesuffix("_count") for name in series} == families
