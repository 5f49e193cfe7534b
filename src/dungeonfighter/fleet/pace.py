"""When a bot may make its next call: as soon as there is room, or at moments fixed beforehand."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Pace(Protocol):
    async def turn_of(self, number: int) -> float:
        """Wait until bot `number` may call; return the moment (`perf_counter`) its latency counts from."""

    def done(self) -> None:
        """The call that `turn_of` allowed is over."""


class ClosedLoop:
    """Every bot calls again as soon as it has its answer; at most `in_flight_max` calls are under way."""

    def __init__(self, in_flight_max: int) -> None:
        self._room = asyncio.Semaphore(in_flight_max)

    async def turn_of(self, number: int) -> float:
        await self._room.acquire()
        return time.perf_counter()

    def done(self) -> None:
        self._room.release()


class OpenLoop:
    """`rate` calls a second in all, spread evenly, whether or not the server keeps up.

    Bot i calls at start + (i + k * bots) / rate. A bot that is late calls at once, and its latency counts
    from the moment it should have called, so a server that stalls cannot hide the calls it kept from being
    made.
    """

    def __init__(self, bots: int, rate: float) -> None:
        self._step = bots / rate
        self._start = time.perf_counter()
        self._next = [self._start + number / rate for number in range(bots)]

    async def turn_of(self, number: int) -> float:
        intended = self._next[number]
        self._next[number] = intended + self._step
        wait = intended - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        return min(intended, time.perf_counter())  # a timer may come a little early

    def done(self) -> None:
        pass
