"""What can go wrong and how often, drawn from one seeded generator; and the store it goes wrong in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import (
    BotSummary,
    EpisodeEnd,
    Head,
    InputChunk,
    Outcome,
    Row,
    RunSummary,
    Save,
    StoreHealth,
    Won,
    Write,
)
from dungeonfighter.storage.memory import MemoryStore
from tests.simulation.virtual_time import VirtualClock

_Result = TypeVar("_Result")

_STANDBYS_MAX = 20
_LOOKS_EVERY = 5


class Faults(Struct):
    """Chances in permille of each store call or request, and the longest delay in seconds.

    `lag`: how many commits at most a standby is behind when it becomes the primary; 0: it has them all.
    `rush`: of a commit of which nothing will be known: so many other writes of its bots happen before its
    caller is told, that the trail no longer tells whether it won.
    """

    error_before: int = 0
    error_after: int = 0
    late_commit: int = 0
    read_error: int = 0
    request_lost: int = 0
    answer_lost: int = 0
    duplicate: int = 0
    twin: int = 0
    crash: int = 0
    pause: int = 0
    fail_over: int = 0
    lag: int = 0
    rush: int = 0
    delay_seconds: float = 0.0


def drawn(dice: Random) -> Faults:
    """The weather of one simulation: some faults often, some never."""

    def some(most: int) -> int:
        return dice.choice((0, most // 4, most))

    return Faults(
        error_before=some(120), error_after=some(120), late_commit=some(120), read_error=some(150),
        request_lost=some(100), answer_lost=some(100), duplicate=some(200), twin=some(100), crash=some(15),
        pause=some(15), fail_over=dice.choice((0, 0, 8)), lag=dice.choice((0, 3, 20)),
        delay_seconds=dice.choice((0.0, 0.01, 0.2, 2.0)), rush=some(600),
    )  # fmt: skip


class SeededChance:
    """The chance port from the simulation's seed."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def op(self) -> bytes:
        return self._dice.randbytes(limits.op_bytes)

    def seed(self) -> int:
        return self._dice.randint(0, limits.seed_max)

    def uniform(self) -> float:
        return self._dice.random()


class Process:
    """One server process as its surroundings see it: while it is paused nothing goes in, nothing comes out.

    What it waited for meanwhile (answers of the store, timers) reaches it when it wakes up.
    """

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._awake = asyncio.Event()
        self._awake.set()
        self.pauses = 0

    async def awake(self) -> None:
        """Return when it is not paused."""
        while not self._awake.is_set():
            await self._awake.wait()

    def pause(self, longest_seconds: float) -> None:
        """Stop for a while."""
        if not self._awake.is_set():
            return
        self.pauses += 1
        self._awake.clear()
        seconds = self._dice.random() * longest_seconds
        asyncio.get_running_loop().call_later(seconds, self._awake.set)


class ProcessClock(VirtualClock):
    """The clock of a process that may be paused: its timers end late."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._process.awake()


class ProcessStore:
    """The shared store as one process reaches it."""

    lanes = 1

    def __init__(self, store: FaultyStore, process: Process) -> None:
        self._store = store
        self._process = process

    def health(self) -> StoreHealth:
        return StoreHealth()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, name)

        async def through(*given: Any) -> Any:
            await self._process.awake()
            try:
                return await call(*given)
            finally:
                await self._process.awake()

        return through


class FaultyStore:
    """A memory store behind a bad connection.

    A commit may fail before or after it happened, or happen late, long after its caller was told that nothing
    is known. `settle` waits for late commits of its rows, as row locks make a database wait; plain reads do
    not. A fail-over puts a standby in its place: an exact copy, or one that lacks the last commits; whatever
    was on its way is gone.

    Attributes:
        lineage: How many fail-overs there were.
        has_lost: Whether one of them lost commits.
        failed_over: Told of each, with the store as it is from then on; before any other call.
        rushed: Writes so often to the bots it is given; whatever becomes of that.
        looked_at: Called while a commit is on its way, now and then.
        committed: The (bot, version, digest) of every row there ever was, in all lineages.
    """

    lanes = 1

    def __init__(self, dice: Random, faults: Faults) -> None:
        self._dice = dice
        self.faults = faults
        self.inner = MemoryStore(wall=lambda: 0.0)
        self.lineage = 0
        self.has_lost = False
        self.failed_over: Callable[[MemoryStore], Awaitable[None]] | None = None
        self.rushed: Callable[[Sequence[str]], Awaitable[None]] | None = None
        self.looked_at: Callable[[], None] | None = None
        self.committed: set[tuple[str, int, bytes]] = set()
        self._commits = 0
        self._standbys: deque[MemoryStore] = deque(maxlen=_STANDBYS_MAX)
        self._late: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Nothing to connect."""

    async def read_ahead(self) -> None:
        """All of it is in memory."""

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        assert list(batch) == sorted(batch, key=lambda write: write.row.bot_id)
        assert len({write.row.bot_id for write in batch}) == len(batch)
        lineage = self.lineage
        await self._delay()
        self._look()
        if self._happens(self.faults.fail_over):
            await self._fail_over()
        if lineage != self.lineage or self._happens(self.faults.error_before):
            raise StoreUnavailable("cut off before the commit")
        if self._happens(self.faults.late_commit):
            task = asyncio.get_running_loop().create_task(self._commit_late(list(batch)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            await self._rush(batch)
            raise StoreUnavailable("cut off while the commit was on its way")
        outcomes = await self._commit(batch)
        await self._delay()
        if lineage != self.lineage or self._happens(self.faults.error_after):
            await self._rush(batch)
            raise StoreUnavailable("cut off after the commit")
        return outcomes

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read(lambda: self.inner.heads(bot_ids))

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        return await self._read(lambda: self.inner.load(bot_ids))

    async def probe(self) -> None:
        await self._read(lambda: self.inner.heads([""]))

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        while self._late:
            await asyncio.wait(self._late)
        return await self._read(lambda: self.inner.load(bot_ids))

    async def put_save(self, save: Save) -> None:
        await self._read(lambda: self.inner.put_save(save))

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        return await self._read(lambda: self.inner.get_save(bot_id, slot))

    async def list_saves(self, bot_id: str) -> list[Save]:
        return await self._read(lambda: self.inner.list_saves(bot_id))

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        return await self._read(lambda: self.inner.delete_save(bot_id, slot))

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        return await self._read(lambda: self.inner.list_bots(prefix, after, count))

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        return await self._read(lambda: self.inner.best_runs(prefix, count))

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return await self.inner.inputs(bot_id, episode)

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        return await self.inner.episodes(bot_id)

    def health(self) -> StoreHealth:
        return StoreHealth()

    async def close(self) -> None:
        """Wait for what is still on its way."""
        while self._late:
            await asyncio.wait(self._late)

    async def _commit_late(self, batch: list[Write]) -> None:
        lineage = self.lineage
        await asyncio.sleep(self._dice.random() * 3)
        if lineage == self.lineage:
            await self._commit(batch)

    async def _commit(self, batch: Sequence[Write]) -> list[Outcome]:
        if self.faults.fail_over:
            self._standbys.append(self.inner.copy())
        outcomes = await self.inner.commit(batch)
        for write, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Won):
                self.committed.add((write.row.bot_id, write.row.version, write.row.digest))
        return outcomes

    async def _rush(self, batch: Sequence[Write]) -> None:
        if self.rushed is not None and self._happens(self.faults.rush):
            rushed, self.rushed = self.rushed, None  # none while one is under way
            try:
                await rushed([write.row.bot_id for write in batch])
            finally:
                self.rushed = rushed

    def _look(self) -> None:
        self._commits += 1
        if self.looked_at is not None and self._commits % _LOOKS_EVERY == 0:
            self.looked_at()

    async def _fail_over(self) -> None:
        behind = min(self._dice.randint(0, self.faults.lag), len(self._standbys))
        if behind:
            self.has_lost = True
            self.inner = self._standbys[-behind]
        self._standbys.clear()
        self.lineage += 1
        if self.failed_over is not None:
            await self.failed_over(self.inner)

    async def _read(self, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        lineage = self.lineage
        await self._delay()
        if self._happens(self.faults.read_error):
            raise StoreUnavailable("cut off while reading")
        found = await ask()
        await self._delay()
        if lineage != self.lineage:
            raise StoreUnavailable("cut off by a fail-over")
        return found

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)
        else:
            await asyncio.sleep(0)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille
