"""From a client to the server: requests are lost, doubled, late and out of order; the server may die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from dungeonfighter.hosting.host import BotHost
from tests.simulation.chaos import Faults

_Result = TypeVar("_Result")

_LATE_SECONDS_MAX = 8.0


class ConnectionLost(Exception):
    """The client does not know what became of its request."""


class Network:
    """Carries each call to any of the replicas that are alive now."""

    def __init__(self, dice: Random, faults: Faults, make_host: Callable[[], BotHost], replicas: int) -> None:
        self._dice = dice
        self.faults = faults
        self._make_host = make_host
        self.hosts = [make_host() for _ in range(replicas)]
        self._calls: set[asyncio.Future[object]] = set()
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
        await self._delay()
        if may_double and self._happens(self.faults.duplicate):
            self.doubled += 1
            stray = asyncio.get_running_loop().create_task(self._stray(ask))
            self._strays.add(stray)
            stray.add_done_callback(self._strays.discard)
        if self._happens(self.faults.request_lost):
            self.lost += 1
            raise ConnectionLost("the request was lost")
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
        self.hosts[self._dice.randrange(len(self.hosts))] = self._make_host()
        for call in list(self._calls):
            call.cancel()

    async def settle(self) -> None:
        """Return when no doubled request is under way any more."""
        while self._strays:
            await asyncio.wait(self._strays)

    async def _ask_the_living(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        call = asyncio.ensure_future(ask(self._dice.choice(self.hosts)))
        self._calls.add(call)  # type: ignore[arg-type]
        try:
            return await call
        except asyncio.CancelledError:
            raise ConnectionLost("the server died") from None
        finally:
            self._calls.discard(call)

    async def _stray(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> None:
        """The same request once more, some time later, its answer seen by nobody."""
        await asyncio.sleep(self._dice.random() * _LATE_SECONDS_MAX)
        try:
            await ask(self._dice.choice(self.hosts))
        except Exception:  # noqa: BLE001 (nobody is there to see it)
            return

    async def _delay(self) -> None:
        if self.faults.delay_seconds:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._dice.randrange(1000) < permille
