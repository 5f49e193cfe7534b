"""Helpers for tests of several servers: start them, and let `fleet` play through a balancer."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.report import make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.hosting.ports import Store
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import load_rules
from testkit.server_process import ServerProcess
from tests.integration.balancer import Balancer
from tests.simulation import checker

Trouble = Callable[[Tally], Awaitable[None]]
"""Causes trouble while bots play; they play on until it returns, and `TURNS_AFTER` turns more."""
TURNS_AFTER = 300


@contextlib.asynccontextmanager
async def servers(
    folder: Path, database: str, count: int, flags: Sequence[str] = ()
) -> AsyncIterator[list[ServerProcess]]:
    async with contextlib.AsyncExitStack() as stack:
        started = []
        for number in range(count):
            own_folder = folder / str(number)
            own_folder.mkdir()
            server = ServerProcess(own_folder, database, ("--drain-seconds", "0.2", *flags))
            started.append(server)
            stack.callback(server.kill)
        await asyncio.gather(*(server.start_in_thread() for server in started))
        yield started


async def play_through(
    balancer: Balancer,
    store: Store,
    trouble: Trouble,
    *,
    bots: int,
    timeout_seconds: float = 15.0,
    shipped: ShippedRules | None = None,
) -> Tally:
    """Let `fleet` play through the balancer during `trouble`, then verify its turns and the store."""
    rules, tally, stop = load_rules(), Tally(), asyncio.Event()
    options = LoadOptions(
        balancer.url, bots, "attack", seconds=100, in_flight_max=64, timeout_seconds=timeout_seconds,
        habits=Habits(run_inputs_max=15),
    )  # fmt: skip

    async def make_trouble() -> None:
        await trouble(tally)
        await wait_for_turns(tally, tally.turns + TURNS_AFTER)
        stop.set()

    async with asyncio.TaskGroup() as group:
        playing = group.create_task(run_load(options, lambda _: None, tally=tally, stop=stop))
        group.create_task(make_trouble())
    await balancer.finish_resending()
    load = playing.result()
    verdict = await verify_load(load, rules, lambda _: None)
    assert not tally.errors, tally.examples
    assert not verdict.findings
    assert verdict.turns == tally.turns
    assert make_report(load, verdict).passed
    assert not balancer.differing, balancer.differing[0]
    assert min(balancer.answered_by.values()) > TURNS_AFTER, "one server did nothing"
    await store.open()
    stored = 0
    for player in load.players:
        stored += await checker.check(
            store, shipped or ShippedRules([rules]), f"local/{player.journal.bot_id}", []
        )
    await store.close()
    assert stored == tally.turns
    return tally


async def kill_at_work(balancer: Balancer, server: ServerProcess) -> None:
    """Kill a server while it has requests that it did not answer; stopping it first makes that certain."""
    server.signal(signal.SIGSTOP)
    while not balancer.under_way[server.port]:  # noqa: ASYNC110 (a plain counter)
        await asyncio.sleep(0.001)
    server.kill()


def play_turns(turns: int) -> Trouble:
    return lambda tally: wait_for_turns(tally, turns)


async def wait_for_turns(tally: Tally, turns: int) -> None:
    while tally.turns < turns:  # noqa: ASYNC110 (the tally is a plain counter)
        await asyncio.sleep(0.001)
