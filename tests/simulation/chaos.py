"""The faults of a simulation, drawn from one seeded generator, and the faulty store and processes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import NotWritten, StoreUnavailable
from dungeonfighter.hosting.ports import (
    AccessToken,
    BotSummary,
    EpisodeEnd,
    Failed,
    Head,
    InputChunk,
    Outcome,
    PastRun,
    Row,
    RunSummary,
    Save,
    StoredRun,
    Unsettled,
    Won,
    Write,
)
from dungeonfighter.hosting.ranked_runs import RankedRuns
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.storage.memory import MemoryStore
from tests.simulation import sightings
from tests.simulation.sightings import Sightings
from tests.simulation.virtual_time import VirtualClock

_Result = TypeVar("_Result")

_STANDBYS_MAX = 20
_COMMITS_PER_CHECK = 5


class Faults(Struct):
    """Chances in permille for each store call or request, and the longest delay in seconds.

    `lag` is the largest number of commits that a standby lacks when it becomes the primary. `rush` is the
    chance that a commit with an unknown outcome is followed by many other writes of its bots before its
    caller gets the error, so that the trail no longer shows whether the commit won. The last three are for
    seeds from `WIDE_FROM` on: a whole batch that the store certainly did not write, and chances for each row.
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
    not_written: int = 0
    bad_row: int = 0
    unsettled_row: int = 0


def drawn(dice: Random, *, is_wide: bool = False) -> Faults:
    """Draw the faults of one simulation: some kinds are frequent, some are absent."""

    def some(most: int) -> int:
        return dice.choice((0, most // 4, most))

    faults = Faults(
        error_before=some(120), error_after=some(120), late_commit=some(120), read_error=some(150),
        request_lost=some(100), answer_lost=some(100), duplicate=some(200), twin=some(100), crash=some(15),
        pause=some(15), fail_over=dice.choice((0, 0, 8)), lag=dice.choice((0, 3, 20)),
        delay_seconds=dice.choice((0.0, 0.01, 0.2, 2.0)), rush=some(600),
    )  # fmt: skip
    if is_wide:
        faults.not_written, faults.bad_row, faults.unsettled_row = some(120), some(40), some(120)
    return faults


class SeededChance:
    """The `Chance` of a host, drawn from the seed of the simulation."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def op(self) -> bytes:
        return self._dice.randbytes(limits.op_bytes)

    def seed(self) -> int:
        return self._dice.randint(0, limits.seed_max)

    def nonce(self) -> bytes:
        return self._dice.randbytes(limits.nonce_bytes)

    def uniform(self) -> float:
        return self._dice.random()


class Process:
    """One server process: while it is paused, no request enters it and no answer leaves it.

    The answers of the store and the timers that it waited for meanwhile reach it when it wakes up.
    """

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._awake = asyncio.Event()
        self._awake.set()
        self.pauses = 0

    async def awake(self) -> None:
        """Wait until the process is not paused."""
        while not self._awake.is_set():
            await self._awake.wait()

    def pause(self, longest_seconds: float) -> None:
        """Pause the process for a random time; a paused process stays as it is."""
        if not self._awake.is_set():
            return
        self.pauses += 1
        self._awake.clear()
        seconds = self._dice.random() * longest_seconds
        asyncio.get_running_loop().call_later(seconds, self._awake.set)


class ProcessClock(VirtualClock):
    """The clock of a process: while the process is paused, its timers are late."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._process.awake()


class ProcessStore:
    """The shared store over the connection of one process, which may be paused."""

    lanes = 1

    def __init__(self, store: FaultyStore, process: Process) -> None:
        self._store = store
        self._process = process

    def health(self) -> StoreHealth:
        return StoreHealth()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, name)

        async def call_when_awake(*arguments: Any) -> Any:
            await self._process.awake()
            try:
                return await call(*arguments)
            finally:
                await self._process.awake()

        return call_when_awake


class FaultyStore:
    """A memory store behind a bad connection.

    A commit may raise an error before or after it took effect, or take effect long after its caller got the
    error. `settle` waits for late commits of its rows, as a database waits for row locks; plain reads do not
    wait. A fail-over replaces the store by a standby, which is an exact copy or lacks the last commits; calls
    that are under way fail.

    Attributes:
        lineage: The number of fail-overs so far.
        has_lost: True if one of them lost commits.
        on_fail_over: Called at each fail-over with the new store, before any other call.
        on_rush: Writes to the given bots more often than their trail remembers; its errors do not matter.
        on_commit: Called now and then while a commit is under way.
        committed: The (bot, version, digest) of every row that ever was in the store, in all lineages.
        sightings: Counts the faults by what the store was doing.
    """

    lanes = 1

    def __init__(self, dice: Random, faults: Faults, seen: Sightings | None = None) -> None:
        self._dice = dice
        self.faults = faults
        self.sightings = seen or Sightings()
        self.inner = MemoryStore(wall=lambda: 0.0)
        self.lineage = 0
        self.has_lost = False
        self.on_fail_over: Callable[[MemoryStore], Awaitable[None]] | None = None
        self.on_rush: Callable[[Sequence[str]], Awaitable[None]] | None = None
        self.on_commit: Callable[[], None] | None = None
        self.committed: set[tuple[str, int, bytes]] = set()
        self._commits = 0
        self._standbys: deque[MemoryStore] = deque(maxlen=_STANDBYS_MAX)
        self._late: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Return at once: there is no connection to open."""

    async def read_ahead(self) -> None:
        """Return at once: every row is in memory."""

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        assert list(batch) == sorted(batch, key=lambda write: write.row.bot_id)
        assert len({write.row.bot_id for write in batch}) == len(batch)
        lineage = self.lineage
        with self.sightings.phase(sightings.BEFORE):
            await self._begin_commit(batch, lineage)
        outcomes = await self._commit_rows(batch)
        with self.sightings.phase(sightings.AFTER):
            await self._delay()
            if lineage != self.lineage or self._happens(self.faults.error_after):
                self.sightings.fault("error after commit")
                await self._rush(batch)
                raise StoreUnavailable("cut off after the commit")
        return outcomes

    async def _begin_commit(self, batch: Sequence[Write], lineage: int) -> None:
        await self._delay()
        self._count_commit()
        if self._happens(self.faults.fail_over):
            await self._fail_over()
        if lineage != self.lineage or self._happens(self.faults.error_before):
            self.sightings.fault("error before commit")
            raise StoreUnavailable("cut off before the commit")
        if self._happens(self.faults.not_written):
            self.sightings.fault("batch not written")
            raise NotWritten("the batch was dropped before it began")
        if self._happens(self.faults.late_commit):
            self.sightings.fault("late commit begins")
            task = asyncio.get_running_loop().create_task(self._commit_late(list(batch)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            await self._rush(batch)
            raise StoreUnavailable("cut off while the commit was on its way")

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read(lambda: self.inner.heads(bot_ids), sightings.HEADS)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        return await self._read(lambda: self.inner.load(bot_ids), sightings.ROWS)

    async def probe(self) -> None:
        await self._read(lambda: self.inner.heads([""]))

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        with self.sightings.phase(sightings.SETTLING):
            while self._late:
                await asyncio.wait(self._late)
        return await self._read(lambda: self.inner.load(bot_ids), sightings.SETTLING)

    async def put_save(self, save: Save) -> bool:
        return await self._read(lambda: self.inner.put_save(save))

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        return await self._read(lambda: self.inner.get_save(bot_id, slot))

    async def list_saves(self, bot_id: str) -> list[Save]:
        return await self._read(lambda: self.inner.list_saves(bot_id))

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        return await self._read(lambda: self.inner.delete_save(bot_id, slot))

    async def put_token(self, token: AccessToken) -> None:
        await self._read(lambda: self.inner.put_token(token))

    async def tokens_after(self, version: int) -> list[AccessToken]:
        return await self._read(lambda: self.inner.tokens_after(version))

    async def count_bots(self, prefix: str, most: int) -> int:
        return len(await self.list_bots(prefix, "", most))

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        return await self._read(lambda: self.inner.list_bots(prefix, after, count))

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        return await self._read(lambda: self.inner.best_runs(prefix, count))

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return await self.inner.inputs(bot_id, episode)

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        return await self.inner.episodes(bot_id)

    async def past_runs(self, bot_id: str, before: int, count: int) -> list[PastRun]:
        return await self.inner.past_runs(bot_id, before, count)

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        return await self._read(lambda: self.inner.stored_run(bot_id, episode))

    @property
    def ranked(self) -> RankedRuns:
        return self.inner.ranked

    async def shared_secret(self, name: str, fresh: bytes) -> bytes:
        return await self._read(lambda: self.inner.shared_secret(name, fresh))

    def health(self) -> StoreHealth:
        return StoreHealth()

    async def close(self) -> None:
        """Wait for the late commits."""
        while self._late:
            await asyncio.wait(self._late)

    async def _commit_late(self, batch: list[Write]) -> None:
        lineage = self.lineage
        with self.sightings.phase(sightings.LATE):
            await asyncio.sleep(self._dice.random() * 3)
        if lineage == self.lineage:
            await self._commit(batch)

    async def _commit_rows(self, batch: Sequence[Write]) -> list[Outcome]:
        """Commit a batch of which some rows may fail, or have an unknown outcome, by themselves."""
        if not self.faults.bad_row and not self.faults.unsettled_row:
            return await self._commit(batch)
        found: dict[str, Outcome] = {}
        left = []
        for write in batch:
            if self._happens(self.faults.bad_row):
                self.sightings.fault("row refused")
                found[write.row.bot_id] = Failed("a value of this row")
                continue
            if self._happens(self.faults.unsettled_row):
                self.sightings.fault("row unsettled")
                found[write.row.bot_id] = Unsettled("cut off in the middle of the batch")
                if self._happens(500):
                    continue
            left.append(write)
        for write, outcome in zip(left, await self._commit(left), strict=True):
            found.setdefault(write.row.bot_id, outcome)
        return [found[write.row.bot_id] for write in batch]

    async def _commit(self, batch: Sequence[Write]) -> list[Outcome]:
        if self.faults.fail_over:
            self._standbys.append(self.inner.copy())
        outcomes = await self.inner.commit(batch)
        for write, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Won):
                self.committed.add((write.row.bot_id, write.row.version, write.row.digest))
        return outcomes

    async def _rush(self, batch: Sequence[Write]) -> None:
        if self.on_rush is not None and self._happens(self.faults.rush):
            self.sightings.fault("rush")
            rush, self.on_rush = self.on_rush, None  # one rush at a time
            try:
                await rush([write.row.bot_id for write in batch])
            finally:
                self.on_rush = rush

    def _count_commit(self) -> None:
        self._commits += 1
        if self.on_commit is not None and self._commits % _COMMITS_PER_CHECK == 0:
            self.on_commit()

    async def _fail_over(self) -> None:
        lag = min(self._dice.randint(0, self.faults.lag), len(self._standbys))
        self.sightings.fault("lossy fail-over" if lag else "fail-over")
        if lag:
            self.has_lost = True
            self.inner = self._standbys[-lag]
        self._standbys.clear()
        self.lineage += 1
        if self.on_fail_over is not None:
            await self.on_fail_over(self.inner)

    async def _read(self, read: Callable[[], Awaitable[_Result]], phase: str = sightings.OTHER) -> _Result:
        lineage = self.lineage
        with self.sightings.phase(phase):
            await self._delay()
            if self._happens(self.faults.read_error):
                self.sightings.fault("read error")
                raise StoreUnavailable("cut off while reading")
            result = await read()
            await self._delay()
            if lineage != self.lineage:
                raise StoreUnavailable("cut off by a fail-over")
        return result

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)
        else:
            await asyncio.sleep(0)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille
