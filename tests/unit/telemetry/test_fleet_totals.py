"""The figures of fleets add up over workers that come and go, and the reports stay bounded."""

from __future__ import annotations

import pytest

from dungeonfighter.hosting import feed, fleets
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry import fleet_totals
from dungeonfighter.telemetry.fleet_totals import FleetLedger, FleetReporter, of_host
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.totals import Reporter

RULES = load_rules()


def new_host(*, by_fleet: bool = True) -> BotHost:
    return BotHost(
        store=MemoryStore(lambda: 1.0), rules=ShippedRules([RULES]), clock=SystemClock(),
        chance=SystemChance(), meter=MeterRegistry(), by_fleet=by_fleet,
    )  # fmt: skip


async def play(host: BotHost, fleet: str, bots: int = 1, turns: int = 0, ends: int = 0) -> None:
    for number in range(bots):
        key = f"{fleet}/bot-{number}"
        await host.start(key, NewGame(seed=1, weapon=1))
        for _ in range(turns):
            await host.play(key, "1")
        for _ in range(ends):
            await host.reset(key)


async def test_the_sum_over_workers_is_the_sum_of_their_hosts() -> None:
    hosts = [new_host(), new_host()]
    reporters = [FleetReporter(host) for host in hosts]
    ledger = FleetLedger()
    for turns in (3, 0, 5):
        for number, host in enumerate(hosts):
            await play(host, "red", bots=2, turns=turns)
            await play(host, f"fleet-{number}", ends=1)
            host.live_runs.walk(100)
            ledger.note(number, reporters[number].shares())
    summed = ledger.totals(["red", "fleet-0", "fleet-1", "none"])
    alone = [of_host(host, ["red", "fleet-0", "fleet-1"]) for host in hosts]
    assert summed["red"].turns == alone[0]["red"].turns + alone[1]["red"].turns == 2 * 2 * 11
    assert summed["red"].results == {"abandoned": 8}
    assert summed["fleet-1"] == alone[1]["fleet-1"]
    assert (summed["none"].turns, summed["none"].live) == (0, [])
    assert {run.key for run in summed["red"].live} == {"red/bot-0", "red/bot-1"}


async def test_a_worker_that_ended_leaves_its_counts_and_takes_its_live_runs() -> None:
    host = new_host()
    await play(host, "red", turns=2)
    host.live_runs.walk(100)
    ledger = FleetLedger()
    ledger.note(0, FleetReporter(host).shares())
    assert ledger.totals(["red"])["red"].live
    ledger.retire(0)
    assert ledger.totals(["red"])["red"].live == []
    assert ledger.totals(["red"])["red"].turns == 3


async def test_a_report_names_only_the_fleets_that_changed_and_each_turn_once() -> None:
    host = new_host()
    reporter = FleetReporter(host)
    await play(host, "red", turns=2)
    await play(host, "blue", turns=1)
    assert {fleet: share.turns for fleet, share in reporter.shares().items()} == {"red": 3, "blue": 2}
    await host.play("red/bot-0", "1")
    assert {fleet: share.turns for fleet, share in reporter.shares().items()} == {"red": 1}
    assert reporter.shares() == {}


async def test_a_report_is_bounded_and_the_rest_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_totals, "FLEETS_REPORTED_MAX", 2)
    host = new_host()
    reporter = FleetReporter(host)
    for number in range(5):
        await play(host, f"fleet-{number}")
    reports = [reporter.shares() for _ in range(3)]
    assert [len(report) for report in reports] == [2, 2, 1]
    assert set().union(*reports) == {f"fleet-{number}" for number in range(5)}


async def test_a_busy_fleet_does_not_keep_others_out_of_the_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_totals, "FLEETS_REPORTED_MAX", 1)
    host = new_host()
    reporter = FleetReporter(host)
    named = []
    for _ in range(4):
        for fleet in ("red", "blue"):
            await play(host, fleet)
        named += list(reporter.shares())
    assert sorted(named[:2]) == sorted(named[2:]) == ["blue", "red"]


async def test_the_fleets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fleets, feed, fleet_totals):
        monkeypatch.setattr(module, "FLEETS_MAX", 2)
    host = new_host()
    for number in range(4):
        await play(host, f"fleet-{number}", ends=1)
    assert host.metrics.fleet_turns is not None
    assert len(host.metrics.fleet_turns.counts) == len(host.feed.fleets) == 2
    assert list(of_host(host, ["fleet-0", "fleet-3"])) == ["fleet-0"]
    ledger = FleetLedger()
    ledger.note(0, FleetReporter(host).shares())
    assert list(ledger.totals(["fleet-0", "fleet-3"])) == ["fleet-0"]


async def test_the_live_runs_of_many_fleets_share_the_room() -> None:
    host = new_host()
    for number in range(60):
        await play(host, f"fleet-{number}", bots=9 if number == 0 else 1)
    host.live_runs.walk(1000)
    found = host.live_runs.best_of_fleets()
    assert len(found) == 60
    assert len(found["fleet-0"]) == 400 // 60


async def test_a_server_for_one_fleet_keeps_none_of_this() -> None:
    host = new_host(by_fleet=False)
    await play(host, "local", ends=1)
    host.live_runs.walk(100)
    assert host.metrics.fleet_turns is None
    assert host.feed.fleets == {}
    assert host.live_runs.best_of_fleets() == {}
    reporter = Reporter(host, SystemClock())
    assert reporter.share().fleets == reporter.totals().fleets == {}
