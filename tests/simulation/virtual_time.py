"""An event loop whose clock jumps: nothing ever waits, and the same seed gives the same interleaving.

When nothing is ready the loop would sleep until its next timer; here the clock is set forward instead.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Stuck(Exception):
    """Nothing is ready and no timer is set: somebody waits for something that will never come."""


class _Selector(selectors.BaseSelector):
    """Reports no files ever; being asked to wait moves the clock."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._advance = advance

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("the simulation waits for ever")
        self._advance(max(timeout, 0.0))
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Asyncio in virtual seconds from 0."""

    def __init__(self) -> None:
        self._virtual_seconds = 0.0
        super().__init__(_Selector(self._advance))

    def time(self) -> float:
        return self._virtual_seconds

    def _advance(self, seconds: float) -> None:
        self._virtual_seconds += seconds


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end in a loop of its own."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class VirtualClock:
    """The clock port over the running loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
