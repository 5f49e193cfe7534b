"""The pace of a load: the moment of each bot's next call, either as early as possible or fixed beforehand.

No function here waits. A bot without a call under way is passed to its pace (`wait`), and the pace
calls the bot's `act` when its moment has come. The moments of an open loop lie on the ticks of one wheel, so
that tens of thousands of waiting bots cost one timer, and the bots of a tick share a wake-up of the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from math import ceil
from random import Random
from typing import Final, Protocol

TICK_SECONDS: Final = 0.005
JITTER: Final = 0.2
"""With `every`, a pause is `every` times a random factor from 1 - JITTER to 1 + JITTER."""


class Actor(Protocol):
    """The part of a bot that its pace uses; `due` is the tick of its next call, which only the pace sets."""

    number: int
    due: float

    def act(self, since: float) -> None:
        """Make a call whose latency counts from `since` (`perf_counter`)."""


class Pace(Protocol):
    def begin(self, actors: Sequence[Actor]) -> None:
        """Schedule the first call of every actor of a load."""

    def wait(self, actor: Actor) -> None:
        """Schedule the next call of an actor whose last call is over."""

    def leave(self, actor: Actor) -> None:
        """Remove an actor whose last call is over."""

    def stop(self) -> None: ...


class ClosedLoop:
    """Each bot makes its next call as soon as it is answered; at most `in_flight_max` calls are under way."""

    def __init__(self, in_flight_max: int) -> None:
        self._room = in_flight_max
        self._waiting: deque[Actor] = deque()

    def begin(self, actors: Sequence[Actor]) -> None:
        self._waiting.extend(actors)
        self._fill()

    def wait(self, actor: Actor) -> None:
        self._room += 1
        self._waiting.append(actor)
        self._fill()

    def leave(self, actor: Actor) -> None:
        self._room += 1
        self._fill()

    def stop(self) -> None:
        self._waiting.clear()

    def _fill(self) -> None:
        while self._room > 0 and self._waiting:
            self._room -= 1
            self._waiting.popleft().act(time.perf_counter())


class Wheel:
    """Calls actors at ticks: a bucket for each, one timer for all. Ticks count from the wheel's beginning.

    Args:
        loop: The event loop that calls the actors.
        tick_seconds: The length of a tick.
        rest: Called after each tick; it may block for a moment, so that answers come together.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tick_seconds: float = TICK_SECONDS,
        rest: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._tick_seconds = tick_seconds
        self._rest = rest
        self._buckets: defaultdict[int, list[Actor]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None
        self.began = 0.0
        self._passed = -1

    def begin(self) -> None:
        """Start the wheel: tick 0 is now."""
        self.began = time.perf_counter()
        self._turn()

    def add(self, actor: Actor, tick: int) -> None:
        """Let the actor act at that tick, or at once if the tick has passed."""
        if tick > self._passed:
            self._buckets[tick].append(actor)
        else:
            actor.act(self.began + tick * self._tick_seconds)

    def stop(self) -> None:
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def advance(self, now: float) -> None:
        """Let all actors act whose tick has come, in the order of their ticks."""
        for tick in range(self._passed + 1, int((now - self.began) / self._tick_seconds) + 1):
            self._passed = tick
            since = self.began + tick * self._tick_seconds
            for actor in self._buckets.pop(tick, ()):
                actor.act(since)

    def _turn(self) -> None:
        """Advance to now and set the timer for the next tick.

        No actor acts early, because `advance` reads the clock instead of counting timers.
        """
        self._timer = None
        self.advance(time.perf_counter())
        left = self.began + (self._passed + 1) * self._tick_seconds - time.perf_counter()
        self._timer = self._loop.call_later(max(0.001, left), self._turn)
        if self._rest is not None:
            self._loop.call_soon(self._rest)


class OpenLoop:
    """Each bot has its own moments, whether or not the server keeps up.

    The first moments are spread evenly over `spread_seconds`, the bot with the lowest number first; the
    next ones follow every `step_seconds`, give or take the share `jitter` of it. A bot that is late calls at
    once, and its latency counts from the moment at which it should have called, so a server that stalls
    cannot hide the calls that its stall delayed.
    """

    def __init__(
        self,
        wheel: Wheel,
        bots: int,
        *,
        spread_seconds: float,
        step_seconds: float,
        jitter: float = 0.0,
        seed: int = 0,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._wheel = wheel
        self._first = spread_seconds / bots / tick_seconds
        self._step = step_seconds * (1 - jitter) / tick_seconds
        self._more = step_seconds * 2 * jitter / tick_seconds
        self._draw = Random(seed).random

    def begin(self, actors: Sequence[Actor]) -> None:
        for actor in actors:
            actor.due = actor.number * self._first
            self.wait(actor)
        self._wheel.begin()

    def wait(self, actor: Actor) -> None:
        due = actor.due
        actor.due = due + self._step + self._more * self._draw()
        self._wheel.add(actor, ceil(due))

    def leave(self, actor: Actor) -> None:
        pass

    def stop(self) -> None:
        self._wheel.stop()
