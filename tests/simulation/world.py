"""One simulation: clients, network, hosts and store in one event loop from one seed, first with faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

from msgspec import Struct

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.limits import trail_ops_max
from dungeonfighter.rules import Rules
from dungeonfighter.storage.memory import MemoryStore
from tests.simulation import checker
from tests.simulation.chaos import (
    Faults,
    FaultyStore,
    Process,
    ProcessClock,
    ProcessStore,
    SeededChance,
    drawn,
)
from tests.simulation.clients import Client
from tests.simulation.network import Network
from tests.simulation.sightings import WIDE_FROM, Sightings
from tests.simulation.virtual_time import VirtualClock, run

_RUSH_WRITES = trail_ops_max + 1
_RECENT = 6
_QUIET_SECONDS = 120.0
"""Longer than any pause and any deadline: after it no abandoned request is under way."""


class Summary(Struct):
    """The parameters and the counts of one simulation; the last two are those of `Sightings`."""

    seed: int
    replicas: int
    faults: Faults
    turns: int
    acknowledged: int
    crashes: int
    pauses: int
    fail_overs: int
    doubled: int
    conflicts: int
    settled: int
    virtual_seconds: float
    errors: dict[str, int]
    faults_met: dict[str, int]
    outcomes: dict[str, int]


def simulate(rules: Rules, seed: int, *, bots: int = 6, acts: int = 60) -> Summary:
    """Run one simulation and check safety under faults, then liveness without faults.

    Raises:
        AssertionError: A promise was broken; the same seed always breaks it.
    """
    return run(_simulate(rules, seed, bots, acts))


async def _simulate(rules: Rules, seed: int, bots: int, acts: int) -> Summary:
    dice = Random(seed)
    is_wide = seed >= WIDE_FROM
    faults = drawn(dice, is_wide=is_wide)
    seen = Sightings()
    store = FaultyStore(dice, faults, seen)
    hosts: list[BotHost] = []

    processes: list[Process] = []

    def make_host() -> tuple[BotHost, Process]:
        process = Process(dice)
        host = BotHost(
            store=ProcessStore(store, process),  # type: ignore[arg-type]
            rules=ShippedRules([rules]), clock=ProcessClock(process), chance=SeededChance(dice),
            hot_games_max=dice.choice((2, 100)),
        )  # fmt: skip
        hosts.append(host)
        processes.append(process)
        return host, process

    replicas = dice.choice((1, 2, 2, 3))
    network = Network(dice, faults, make_host, replicas, lambda: store.lineage, seen)
    clients = [
        Client(f"local/bot-{number}", dice, network, careful=number % 3 != 0, is_wide=is_wide)
        for number in range(bots)
    ]

    async def roll_back_clients(standby: MemoryStore) -> None:
        for client in clients:
            client.rolled_back(await checker.history(standby, ShippedRules([rules]), client.key))
            client.forks = await checker.forks_in(standby, client.forks)

    too_early: list[str] = []
    rushing_host, _ = make_host()
    store.on_fail_over = roll_back_clients
    store.on_rush = lambda keys: _rush(rushing_host, keys)
    # The hosts would take an error raised in the callback for an error of the store.
    store.on_commit = lambda: too_early.extend(_uncommitted_rows(hosts, store))
    await asyncio.gather(*(client.act(acts) for client in clients))
    await network.settle()
    await asyncio.sleep(_QUIET_SECONDS)
    for host in hosts:
        if host not in network.hosts:
            await host.close()
    await store.close()
    await _check_all(store, rules, clients)

    network.faults = store.faults = Faults()
    await asyncio.gather(*(client.synchronize() for client in clients))
    before = [len(client.errors) for client in clients]
    await asyncio.gather(*(client.act(acts // 3) for client in clients))
    for client, count in zip(clients, before, strict=True):
        assert client.errors[count:] == [], f"{client.key}: errors without faults: {client.errors[count:]}"
    for host in network.hosts:
        await host.close()
    turns = await _check_all(store, rules, clients)
    assert not too_early, f"in memory and not committed: {too_early[:3]}"
    return Summary(
        seed=seed,
        replicas=replicas,
        faults=faults,
        turns=turns,
        acknowledged=sum(len(client.acknowledged) for client in clients),
        crashes=network.crashes,
        pauses=sum(process.pauses for process in processes),
        fail_overs=store.lineage,
        doubled=network.doubled,
        conflicts=sum(host.metrics.conflicts.value for host in hosts),
        settled=sum(host.metrics.settled.value for host in hosts),
        virtual_seconds=VirtualClock().now(),
        errors=dict(Counter(error for client in clients for error in client.errors)),
        faults_met=dict(seen.faults),
        outcomes=dict(seen.outcomes),
    )


async def _rush(host: BotHost, keys: Sequence[str]) -> None:
    """Write each bot's row more often than a trail remembers, without changing what clients check."""
    for key in keys:
        for number in range(_RUSH_WRITES):
            try:
                await host.set_directive(key, f"hurry {number}")
            except DungeonFighterError:
                break


def _uncommitted_rows(hosts: list[BotHost], store: FaultyStore) -> list[str]:
    """Name the games in memory whose row the store never had."""
    return [
        f"{game.key} e{game.episode} t{game.turn}"
        for host in hosts
        for game in host.recent(_RECENT)
        if (game.key, game.version, game.digest) not in store.committed
    ]


async def _check_all(store: FaultyStore, rules: Rules, clients: list[Client]) -> int:
    checked = 0
    for client in clients:
        checked += await checker.check(
            store.inner, ShippedRules([rules]), client.key, client.acknowledged, is_lossy=store.has_lost
        )
        await checker.check_forks(store.inner, client.forks)
    return checked
