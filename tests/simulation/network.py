"""A faulty network: it loses, doubles, delays and reorders requests, and servers may die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from dungeonfighter.hosting.host import BotHost
from tests.simulation.chaos import Faults, Process
from tests.simulation.sightings import Sightings

_Result = TypeVar("_Result")

_LATE_SECONDS = (0.5, 8.0, 60.0)
"""The longest delays of the second copy of a doubled request."""
_PAUSE_SECONDS_MAX = 30.0
_PATIENCE_SECONDS = 15.0
"""The time that a client waits for one answer."""


class ConnectionLost(Exception):
    """The client got no answer, so the outcome of its request is unknown."""


class Network:
    """Sends each call to a random replica that is alive, perhaps paused."""

    def __init__(
        self,
        dice: Random,
        faults: Faults,
        make_host: Callable[[], tuple[BotHost, Process]],
        replicas: int,
        lineage: Callable[[], int],
        seen: Sightings | None = None,
    ) -> None:
        self._dice = dice
        self.lineage = lineage
        self.sightings = seen or Sightings()
        self.faults = faults
        self._make_host = make_host
        self._alive = [make_host() for _ in range(replicas)]
        self._calls: dict[asyncio.Future[Any], None] = {}
        self._strays: set[asyncio.Task[None]] = set()
        self.crashes = self.lost = self.doubled = 0

    async def call(self, ask: Callable[[BotHost], Awaitable[_Result]], *, may_double: bool = True) -> _Result:
        """Send one request and return its answer.

        Raises:
            ConnectionLost: The request or its answer was lost.
            DungeonFighterError: The host answered with this error.
        """
        if self._happens(self.faults.crash):
            self.crash()
        if self._happens(self.faults.pause):
            self.sightings.fault("pause")
            self._dice.choice(self._alive)[1].pause(_PAUSE_SECONDS_MAX)
        await self._delay()
        if may_double and self._happens(self.faults.duplicate):
            self.doubled += 1
            self.sightings.fault("doubled request")
            stray = asyncio.get_running_loop().create_task(self._stray(ask))
            self._strays.add(stray)
            stray.add_done_callback(self._strays.discard)
        if self._happens(self.faults.request_lost):
            self.lost += 1
            self.sightings.fault("request lost")
            raise ConnectionLost("the request was lost")
        if may_double and self._happens(self.faults.twin):
            answer = await self._ask_two(ask)
        else:
            answer = await self._ask_the_living(ask)
        await self._delay()
        if self._happens(self.faults.answer_lost):
            self.lost += 1
            self.sightings.fault("answer lost")
            raise ConnectionLost("the answer was lost")
        return answer

    def crash(self) -> None:
        """Replace a server by a new process with an empty memory; all calls under way lose their connection.

        The old process continues its work, like a paused process after it wakes up.
        """
        self.crashes += 1
        self.sightings.fault("crash")
        self._alive[self._dice.randrange(len(self._alive))] = self._make_host()
        for call in list(self._calls):
            call.cancel()

    @property
    def hosts(self) -> list[BotHost]:
        """The hosts that receive new requests."""
        return [host for host, _ in self._alive]

    async def settle(self) -> None:
        """Wait until no second copy of a request is under way."""
        while self._strays:
            await asyncio.wait(self._strays)

    async def _ask_two(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        """Send a request to two replicas at once, as a balancer's blind retry does; return one answer."""
        self.doubled += 1
        self.sightings.fault("request to two servers")
        both = [asyncio.ensure_future(self._ask_the_living(ask)) for _ in range(2)]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return await next(one for one in both if one.done())
        finally:
            for one in both:
                one.add_done_callback(_retrieve_error)

    async def _ask_the_living(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        call = asyncio.ensure_future(_through(self._dice.choice(self._alive), ask))
        self._calls[call] = None
        try:
            return await asyncio.wait_for(call, _PATIENCE_SECONDS)
        except TimeoutError:
            raise ConnectionLost("the client gave up") from None
        except asyncio.CancelledError:
            raise ConnectionLost("the server died") from None
        finally:
            self._calls.pop(call, None)

    async def _stray(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> None:
        """Send a second copy of a request some time later and drop its answer."""
        await asyncio.sleep(self._dice.random() * self._dice.choice(_LATE_SECONDS))
        try:
            await _through(self._dice.choice(self._alive), ask)
        except Exception:  # noqa: BLE001 (the error belongs to the dropped answer)
            return

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille


async def _through(host: tuple[BotHost, Process], ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
    """Call a host while its process is awake; hold the answer while the process is paused."""
    await host[1].awake()
    try:
        return await ask(host[0])
    finally:
        await host[1].awake()


def _retrieve_error(call: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a dropped call, so that asyncio does not log it."""
    if not call.cancelled():
        call.exception()
