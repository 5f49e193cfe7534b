"""The rate of durable forks: calls of 64 forks each, one after the other, in this process on one core.

Each call forks the present state of one bot that has played 60 turns; SQLite commits the forks in batches.
The writer's thread of the store has the same core.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from bench import rows
from bench.options import Options, Progress
from bench.table import Figure
from dungeonfighter import limits
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.sqlite import SqliteStore

_PARENT: Final = "local/parent"
_TURNS: Final = 60
_EACH: Final = limits.forks_at_once_max


def seconds(options: Options) -> float:
    return options.seconds * options.repeats if rows.FORKS in options.figures else 0.0


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    if rows.FORKS not in options.figures:
        return {}
    progress.step("forks, 64 a call", seconds(options))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        rates = [asyncio.run(_rate(options.seconds)) for _ in range(options.repeats)]
    finally:
        os.sched_setaffinity(0, cores)
    return {rows.FORKS: Figure(rates, "one core with its writer's thread, SQLite, one call at a time")}


async def _rate(length_seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "games.db")
        await store.open()
        host = BotHost(
            store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
        )
        try:
            await host.start(_PARENT, NewGame(seed=7, weapon=0))
            for _ in range(_TURNS):
                await host.play(_PARENT, "1")
            began = time.perf_counter()
            made = 0
            while (passed := time.perf_counter() - began) < length_seconds:
                forks = await host.runs.fork(_PARENT, [f"fork-{made + number}" for number in range(_EACH)])
                assert not any(fork.error for fork in forks)
                made += _EACH
            return made / passed
        finally:
            await host.close()
            await store.close()
