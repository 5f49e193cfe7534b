"""Joins single reads into batches: while batches are on their way, the next ones form by themselves.

A read joins the **next** batch, never one already sent: what it returns was true at some moment after the
read began.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from dungeonfighter import limits

Found = TypeVar("Found")

_PART_LEAST: Final = 8
"""Fewer reads than that are not spread over several batches: a batch has its price."""


class Gather(Generic[Found]):
    """Batched look-ups by key over one fetching function.

    Args:
        fetch: What the store holds for these keys, in their order.
        lanes: How many fetches may be under way at once. What waits is spread over those that are free: a
            store reads page after page, and who is in a small batch waits for few.
    """

    def __init__(self, fetch: Callable[[Sequence[str]], Awaitable[list[Found]]], lanes: int = 1) -> None:
        self._fetch = fetch
        self._free = lanes
        self._next: dict[str, list[asyncio.Future[Found]]] = {}
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.batches = 0

    async def get(self, key: str) -> Found:
        """What the store holds for `key`.

        Raises:
            StoreUnavailable: The fetch failed; may be repeated.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._next.setdefault(key, []).append(future)
        if self._free and not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._begin)
        return await future

    def _begin(self) -> None:
        """Send what waits with the lanes that are free."""
        self._scheduled = False
        while self._next and self._free:
            share = max(_PART_LEAST, -(-len(self._next) // self._free))
            keys = sorted(itertools.islice(self._next, min(share, limits.batch_rows_max)))
            waiting = [self._next.pop(key) for key in keys]
            self._free -= 1
            self.batches += 1
            task = asyncio.get_running_loop().create_task(self._one(keys, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, keys: list[str], waiting: list[list[asyncio.Future[Found]]]) -> None:
        try:
            found = await self._fetch(keys)
        except Exception as error:  # noqa: BLE001 - every waiter gets it; nobody else can
            for futures in waiting:
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
        else:
            for futures, value in zip(waiting, found, strict=True):
                for future in futures:
                    if not future.done():
                        future.set_result(value)
        finally:
            self._free += 1
            self._begin()
