"""Work that several callers want at the same time, done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SharedWork(Generic[Key, Result]):
    """Calls under way, one for each key; a caller that comes meanwhile gets the result of that call."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Future[Result]] = {}

    async def do(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of the call under way for this key, else that of `work`; errors are shared, too.

        The call goes on although its callers leave.
        """
        future = self._under_way.get(key)
        if future is None:
            future = self._under_way[key] = asyncio.ensure_future(work())
            future.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(future)

    async def close(self) -> None:
        """End the calls that are under way."""
        for future in list(self._under_way.values()):
            future.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _end(self, key: Key, done: asyncio.Future[Result]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # whoever waits gets it; without a caller asyncio must not report it
