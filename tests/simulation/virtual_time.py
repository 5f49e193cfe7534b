"""An event loop with a virtual clock: it never sleeps, and the same seed gives the same interleaving.

When no callback is ready, an ordinary loop sleeps until its next timer; this one sets its clock forward.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Stuck(Exception):
    """No callback is ready and no timer is set, so the loop would wait for ever."""


class _Selector(selectors.BaseSelector):
    """A selector that never reports a file; `select` advances the clock by its timeout."""

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
    """An asyncio loop whose time is virtual and starts at 0 seconds."""

    def __init__(self) -> None:
        self._virtual_seconds = 0.0
        super().__init__(_Selector(self._advance))

    def time(self) -> float:
        return self._virtual_seconds

    def _advance(self, seconds: float) -> None:
        self._virtual_seconds += seconds


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end in a new loop."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class VirtualClock:
    """The clock of a host, over the virtual time of the running loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
