"""Joins single reads into batches: while one batch is on its way, the next batch forms.

A read joins the **next** batch, never one already sent, so its result was true at some moment after the read
began.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable

Found = TypeVar("Found")


class Gather(Generic[Found]):
    """Batched look-ups by key over one fetching function; at most one fetch is under way."""

    def __init__(self, fetch: Callable[[Sequence[str]], Awaitable[list[Found]]]) -> None:
        self._fetch = fetch
        self._next: dict[str, list[asyncio.Future[Found]]] = {}
        self._task: asyncio.Task[None] | None = None
        self.batches = 0

    async def get(self, key: str) -> Found:
        """Return the value that the store has for `key`.

        Raises:
            StoreUnavailable: The fetch failed; the caller may retry.
        """
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._next.setdefault(key, []).append(future)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._next:
                keys = sorted(itertools.islice(self._next, limits.batch_rows_max))
                waiting = [self._next.pop(key) for key in keys]
                self.batches += 1
                await self._one(keys, waiting)
        except BaseException:
            _fail(list(self._next.values()), StoreUnavailable("this read was given up"))
            self._next.clear()
            raise
        finally:
            self._task = None

    async def _one(self, keys: list[str], waiting: list[list[asyncio.Future[Found]]]) -> None:
        try:
            found = await self._fetch(keys)
            if len(found) != len(keys):
                raise StoreUnavailable(f"the store answered {len(found)} of {len(keys)} reads")
        except Exception as error:  # noqa: BLE001 - every waiter gets it
            _fail(waiting, error)
            return
        except BaseException:
            _fail(waiting, StoreUnavailable("this read was given up"))
            raise
        for futures, value in zip(waiting, found, strict=True):
            for future in futures:
                if not future.done():
                    future.set_result(value)


def _fail(waiting: Sequence[Sequence[asyncio.Future[Any]]], error: Exception) -> None:
    for futures in waiting:
        for future in futures:
            if not future.done():
                future.set_exception(error)
