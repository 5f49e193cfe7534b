"""Shares of workers that start and end, the sum of the shares, and its metrics in `/metrics`."""

from __future__ import annotations

import msgspec

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.live_runs import LIVE_RUNS_MAX, LiveRun
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.ports import RunSummary
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.exposition import render
from dungeonfighter.telemetry.fleet_totals import RUNS_REPORTED_MAX
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.totals import Ledger, Reporter, Share, Totals


def run(number: int) -> RunSummary:
    return RunSummary(
        ranked=False, score=number, key="local/ada", episode=number, turns=10, result="died", mode="casual"
    )


def share(
    turns: int, *, hot_games: int = 5, store_up: bool = True, runs: tuple[int, ...] = (),
    wal_bytes: int = 0, free_bytes: int = 9, unsafe: bool = False, live: tuple[LiveRun, ...] = (),
) -> Share:  # fmt: skip
    """Return a worker's first share, or an addition to its earlier shares."""
    registry = MeterRegistry()
    hazards = ("fsync is off",) if unsafe else ()
    metrics = HostMetrics(
        registry, now=lambda: 0.0, hot_games=lambda: hot_games, store_up=lambda: store_up,
        health=lambda: StoreHealth(hazards=hazards, wal_bytes=wal_bytes, free_bytes=free_bytes),
    )  # fmt: skip
    metrics.turns.add(turns)
    metrics.conflicts.add(3)
    metrics.batch_rows.observe(turns)
    metrics.episodes["died"].add(len(runs))
    lines = [run(number) for number in runs]
    return Share(registry.collect(), top=sorted(lines, reverse=True), ended=lines, live=list(live))


def test_the_best_runs_of_all_workers_mix_no_modes() -> None:
    kinds = [("casual", False, 900), ("ironman", True, 10), ("daily", True, 30), ("ironman", False, 800),
             ("ironman", True, 20)]  # fmt: skip
    ledger = Ledger(0.0)
    for worker, (mode, ranked, score) in enumerate(kinds):
        one = msgspec.structs.replace(run(worker), mode=mode, ranked=ranked, score=score)
        ledger.note(worker, msgspec.structs.replace(share(1), top=[one]))
    shown = [(one.mode, one.ranked, one.score) for one in ledger.totals(1.0).top]
    assert shown == [
        ("ironman", True, 20), ("ironman", True, 10), ("daily", True, 30), ("ironman", False, 800),
        ("casual", False, 900),
    ]  # fmt: skip


def test_what_a_worker_reports_is_added_to_what_it_reported_before() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(10))
    ledger.note(0, share(30))
    ledger.note(1, share(100))
    totals = ledger.totals(7.0)
    assert (totals.at, totals.turns, totals.hot_games, totals.conflicts) == (7.0, 140, 10, 9)


def test_a_worker_that_ended_leaves_its_counters_and_takes_its_gauges() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(10))
    ledger.note(1, share(100, store_up=False, runs=(3,)))
    ledger.retire(1)
    assert (ledger.totals(0.0).turns, ledger.totals(0.0).hot_games) == (110, 5)
    ledger.note(1, share(1))
    totals = ledger.totals(0.0)
    assert (totals.turns, totals.hot_games, totals.store_up) == (111, 10, True)
    assert totals.results == {"died": 1}


def test_no_counter_falls_when_workers_end_and_begin() -> None:
    ledger = Ledger(0.0)
    turns, observed = [0], [0]
    for worker in (0, 1, 0, 1, 1):
        ledger.retire(worker)
        for _ in range(2):
            ledger.note(worker, share(5))
            totals = ledger.totals(0.0)
            turns.append(totals.turns)
            observed.append(sum(totals.counted.distribution("mcp_commit_batch_size").counts))
    assert turns == list(range(0, 55, 5))
    assert observed == list(range(11))


def test_a_worker_that_never_reported_may_end() -> None:
    ledger = Ledger(0.0)
    ledger.retire(4)
    totals = ledger.totals(0.0)
    assert (totals.turns, totals.rows_per_batch, totals.results) == (0, 0.0, {})


def test_the_store_is_up_if_every_worker_reaches_it() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(1))
    ledger.note(1, share(1, store_up=False))
    assert not ledger.totals(0.0).store_up


def test_the_log_of_the_store_is_one_and_one_unsafe_worker_makes_the_server_unsafe() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(1, wal_bytes=4096))
    ledger.note(1, share(1, wal_bytes=8192, free_bytes=7, unsafe=True))
    text = render(ledger.totals(0.0).counted)
    assert b"mcp_wal_bytes 8192\n" in text
    assert b"mcp_store_free_bytes 7\n" in text
    assert b"mcp_store_unsafe 1\n" in text
    ledger.retire(1)
    text = render(ledger.totals(0.0).counted)
    assert b"mcp_wal_bytes 4096\n" in text
    assert b"mcp_store_free_bytes 9\n" in text
    assert b"mcp_store_unsafe 0\n" in text


def test_runs_are_listed_once_in_the_order_they_came() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(1, runs=(1,)))
    ledger.note(1, share(1, runs=(9,)))
    ledger.note(0, Share(share(1).counted, top=[run(2), run(1)], ended=[run(2)], live=[]))
    totals = ledger.totals(0.0)
    assert [line.episode for line in totals.recent] == [1, 9, 2]
    assert [line.episode for line in totals.top] == [9, 2, 1]


def live(score: int, bot: str, turn: int = 1) -> LiveRun:
    return LiveRun(ranked=False, score=score, key=f"local/{bot}", episode=1, turn=turn, mode="casual")


def test_a_live_run_that_two_workers_know_is_listed_once_at_its_newer_position() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(1, live=(live(900, "ada", 7), live(300, "bob"))))
    ledger.note(1, share(1, live=(live(500, "cid"), live(100, "ada", 8))))
    assert ledger.totals(0.0).live == [live(500, "cid"), live(300, "bob"), live(100, "ada", 8)]
    ledger.note(1, share(1))
    assert ledger.totals(0.0).live == [live(900, "ada", 7), live(300, "bob")]


def test_the_live_runs_of_a_worker_that_ended_are_not_listed_and_the_list_is_bounded() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(1, live=(live(900, "ada"),)))
    ledger.note(1, share(1, live=tuple(live(score, f"b{score}") for score in range(LIVE_RUNS_MAX + 5))))
    assert len(ledger.totals(0.0).live) == LIVE_RUNS_MAX
    ledger.retire(0)
    assert ledger.totals(0.0).live[0] == live(LIVE_RUNS_MAX + 4, f"b{LIVE_RUNS_MAX + 4}")


def test_totals_survive_the_way_between_processes() -> None:
    ledger = Ledger(0.0)
    ledger.note(0, share(5, runs=(1, 2), live=(live(3, "ada"),)))
    sent = ledger.totals(3.0)
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Totals) == sent
    first = share(5, runs=(1, 2), live=(live(3, "ada"),))
    assert msgspec.json.decode(msgspec.json.encode(first), type=Share) == first


def host() -> BotHost:
    return BotHost(
        store=MemoryStore(), rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance(),
        meter=MeterRegistry(),
    )  # fmt: skip


async def test_a_reporter_hands_over_each_turn_and_each_run_once() -> None:
    one = host()
    reporter, ledger = Reporter(one, SystemClock()), Ledger(0.0)
    for runs in (1, 0, RUNS_REPORTED_MAX + 2):
        for _ in range(runs):
            await one.start("local/ada", NewGame(seed=1, weapon=1))
            await one.play("local/ada", "1")
        ledger.note(0, reporter.share())
    ended = RUNS_REPORTED_MAX + 2  # the last run has not ended
    alone, summed = reporter.totals(), ledger.totals(0.0)
    assert summed.counted == alone.counted
    assert summed.results == {"abandoned": ended}
    assert summed.recent == alone.recent
    assert [line.episode for line in summed.recent] == list(range(ended - RUNS_REPORTED_MAX + 1, ended + 1))
    assert summed.top == alone.top
    assert reporter.share().ended == []


async def test_a_commit_is_timed_from_the_store_s_call_to_its_outcome() -> None:
    one = host()
    await one.start("local/ada", NewGame(seed=1, weapon=1))
    for _ in range(3):
        await one.play("local/ada", "1")
    counted = one.meter.collect()
    assert sum(counted.distribution("mcp_commit_seconds").counts) == 4
    assert counted.distribution("mcp_commit_batch_size").mean == 1
    assert counted.value("mcp_turns_total") == 4
