"""From a client to the server: requests are lost, doubled, late and out of order; the server may die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from dungeonfighter.hosting.host import BotHost
from tests.simulation.chaos import Faults, Process

_Result = TypeVar("_Result")

_LATE_SECONDS = (0.5, 8.0, 60.0)
"""How long after its first copy a doubled request may arrive, at most."""
_PAUSE_SECONDS_MAX = 30.0
_PATIENCE_SECONDS = 15.0
"""How long a client waits for one answer."""


class ConnectionLost(Exception):
    """The client does not know what became of its request."""


class Network:
    """Carries each call to any of the replicas that are alive now, paused ones included."""

    def __init__(
        self,
        dice: Random,
        faults: Faults,
        make_host: Callable[[], tuple[BotHost, Process]],
        replicas: int,
        lineage: Callable[[], int],
    ) -> None:
        self._dice = dice
        self.lineage = lineage
        self.faults = faults
        self._make_host = make_host
        self._alive = [make_host() for _ in range(replicas)]
        self._calls: dict[asyncio.Future[Any], None] = {}
        self._strays: set[asyncio.Task[None]] = set()
        self.crashes = self.lost = self.doubled = 0

    async def call(self, ask: Callable[[BotHost], Awaitable[_Result]], *, may_double: bool = True) -> _Result:
        """One request and its answer.

        Raises:
            ConnectionLost: The request or its answer did not arrive.
            DungeonFighterError: The host's answer.
        """
        if self._happens(self.faults.crash):
            self.crash()
        if self._happens(self.faults.pause):
            self._dice.choice(self._alive)[1].pause(_PAUSE_SECONDS_MAX)
        await self._delay()
        if may_double and self._happens(self.faults.duplicate):
            self.doubled += 1
            stray = asyncio.get_running_loop().create_task(self._stray(ask))
            self._strays.add(stray)
            stray.add_done_callback(self._strays.discard)
        if self._happens(self.faults.request_lost):
            self.lost += 1
            raise ConnectionLost("the request was lost")
        if may_double and self._happens(self.faults.twin):
            answer = await self._ask_two(ask)
        else:
            answer = await self._ask_the_living(ask)
        await self._delay()
        if self._happens(self.faults.answer_lost):
            self.lost += 1
            raise ConnectionLost("the answer was lost")
        return answer

    def crash(self) -> None:
        """A new process serves from now on, with nothing in memory; nobody waits for the old one any more.

        The old one is not quite dead: like a paused process it goes on with what it was given.
        """
        self.crashes += 1
        self._alive[self._dice.randrange(len(self._alive))] = self._make_host()
        for call in list(self._calls):
            call.cancel()

    @property
    def hosts(self) -> list[BotHost]:
        """Those that are asked."""
        return [host for host, _ in self._alive]

    async def settle(self) -> None:
        """Return when no doubled request is under way any more."""
        while self._strays:
            await asyncio.wait(self._strays)

    async def _ask_two(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        """The same request to two replicas at once, as a balancer's blind retry does; the first answer."""
        self.doubled += 1
        both = [asyncio.ensure_future(self._ask_the_living(ask)) for _ in range(2)]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return await next(one for one in both if one.done())
        finally:
            for one in both:
                one.add_done_callback(_seen)

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
        """The same request once more, some time later, its answer seen by nobody."""
        await asyncio.sleep(self._dice.random() * self._dice.choice(_LATE_SECONDS))
        try:
            await _through(self._dice.choice(self._alive), ask)
        except Exception:  # noqa: BLE001 (nobody is there to see it)
            return

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille


async def _through(host: tuple[BotHost, Process], ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
    """Into the process, when it is awake, and out again."""
    await host[1].awake()
    try:
        return await ask(host[0])
    finally:
        await host[1].awake()


def _seen(call: asyncio.Future[Any]) -> None:
    if not call.cancelled():
        call.exception()
