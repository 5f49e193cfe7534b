"""What can go wrong and how often, drawn from one seeded generator; and the store it goes wrong in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TypeVar

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import (
    BotLine,
    EpisodeEnd,
    Head,
    InputChunk,
    Outcome,
    Row,
    Save,
    Write,
)
from dungeonfighter.storage.memory import MemoryStore

_Result = TypeVar("_Result")


class Faults(Struct):
    """Chances in permille of each store call or request, and the longest delay in seconds."""

    error_before: int = 0
    error_after: int = 0
    late_commit: int = 0
    read_error: int = 0
    request_lost: int = 0
    answer_lost: int = 0
    duplicate: int = 0
    crash: int = 0
    delay_seconds: float = 0.0


def drawn(dice: Random) -> Faults:
    """The weather of one simulation: some faults often, some never."""

    def some(most: int) -> int:
        return dice.choice((0, most // 4, most))

    return Faults(
        error_before=some(120), error_after=some(120), late_commit=some(120), read_error=some(150),
        request_lost=some(100), answer_lost=some(100), duplicate=some(200), crash=some(15),
        delay_seconds=dice.choice((0.0, 0.01, 0.2, 2.0)),
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


class FaultyStore:
    """A memory store behind a bad connection.

    A commit may fail before or after it happened, or happen late, long after its caller was told that nothing
    is known. `settle` waits for late commits of its rows, as row locks make a database wait; plain reads do
    not.
    """

    lanes = 1

    def __init__(self, dice: Random, faults: Faults) -> None:
        self._dice = dice
        self.faults = faults
        self.inner = MemoryStore(wall=lambda: 0.0)
        self._late: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Nothing to connect."""

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        assert list(batch) == sorted(batch, key=lambda write: write.row.bot_id)
        assert len({write.row.bot_id for write in batch}) == len(batch)
        await self._delay()
        if self._happens(self.faults.error_before):
            raise StoreUnavailable("cut off before the commit")
        if self._happens(self.faults.late_commit):
            task = asyncio.get_running_loop().create_task(self._commit_late(list(batch)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise StoreUnavailable("cut off while the commit was on its way")
        outcomes = await self.inner.commit(batch)
        await self._delay()
        if self._happens(self.faults.error_after):
            raise StoreUnavailable("cut off after the commit")
        return outcomes

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read(lambda: self.inner.heads(bot_ids))

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        return await self._read(lambda: self.inner.load(bot_ids))

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

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotLine]:
        return await self._read(lambda: self.inner.list_bots(prefix, after, count))

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return await self.inner.inputs(bot_id, episode)

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        return await self.inner.episodes(bot_id)

    async def close(self) -> None:
        """Wait for what is still on its way."""
        while self._late:
            await asyncio.wait(self._late)

    async def _commit_late(self, batch: list[Write]) -> None:
        await asyncio.sleep(self._dice.random() * 3)
        await self.inner.commit(batch)

    async def _read(self, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        await self._delay()
        if self._happens(self.faults.read_error):
            raise StoreUnavailable("cut off while reading")
        found = await ask()
        await self._delay()
        return found

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)
        else:
            await asyncio.sleep(0)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille
