"""Asking a store again until it answers: a fail-over of a few seconds is latency for a bot, not an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Chance, Clock

_Result = TypeVar("_Result")

_BACKOFF_FIRST_SECONDS: Final = 0.01
_BACKOFF_MAX_SECONDS: Final = 0.5
_LEAST_SECONDS: Final = 0.05


class Patience:
    """Repeats reads, settling and save slots (never a commit), with growing, jittered pauses.

    Attributes:
        store_up: Whether the last answer of the store was an answer.
    """

    def __init__(self, clock: Clock, chance: Chance, timeout_seconds: float) -> None:
        self._clock = clock
        self._chance = chance
        self._timeout_seconds = timeout_seconds
        self.store_up = True

    def deadline(self) -> float:
        """Until when a request that arrives now may wait, in the clock's seconds."""
        return self._clock.now() + self._timeout_seconds

    async def ask(self, ask: Callable[[], Awaitable[_Result]], deadline: float | None = None) -> _Result:
        """What the store answers, before `deadline` (default: the timeout from now).

        Raises:
            StoreUnavailable: It did not answer in time.
        """
        if deadline is None:
            deadline = self.deadline()
        pause = _BACKOFF_FIRST_SECONDS
        while True:
            try:
                found = await asyncio.wait_for(ask(), max(deadline - self._clock.now(), _LEAST_SECONDS))
            except TimeoutError:
                self.store_up = False
                raise StoreUnavailable("the store did not answer in time") from None
            except StoreUnavailable:
                self.store_up = False
                if self._clock.now() + pause >= deadline:
                    raise
                await self._clock.sleep(pause * (0.5 + self._chance.uniform()))
                pause = min(pause * 2, _BACKOFF_MAX_SECONDS)
            else:
                self.store_up = True
                return found

    async def pause_after(self, trouble: StoreUnavailable, deadline: float) -> None:
        """Wait a little before writing again, after a write that is known not to have happened.

        Raises:
            StoreUnavailable: The deadline is over.
        """
        if self._clock.now() + _BACKOFF_MAX_SECONDS >= deadline:
            raise StoreUnavailable("the store cannot write now; this was not applied") from trouble
        await self._clock.sleep(_BACKOFF_MAX_SECONDS * self._chance.uniform())
