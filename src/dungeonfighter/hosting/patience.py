"""Retries of a store that does not answer: a fail-over of a few seconds costs a bot latency, not an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dungeonfighter import limits
from dungeonfighter.errors import Overloaded, StoreError, StoreUnavailable
from dungeonfighter.hosting.ports import Chance, Clock

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_BACKOFF_FIRST_SECONDS: Final = 0.01
_BACKOFF_MAX_SECONDS: Final = 0.5
_LEAST_SECONDS: Final = 0.05
_PROBE_SECONDS: Final = 1.0


class Patience:
    """Retries reads, settling and writes of save slots (never a commit), after growing, jittered pauses.

    While the store is down, a task probes it: a server that gets no requests because it is not ready would
    otherwise never notice that the store works again.

    Args:
        clock: Measures the deadlines and the pauses.
        chance: Draws the jitter of the pauses.
        timeout_seconds: The longest wait of a request for the store.
        probe: `Store.probe`.
    """

    def __init__(
        self, clock: Clock, chance: Chance, timeout_seconds: float, probe: Callable[[], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self.now = clock.now
        self._chance = chance
        self.timeout_seconds = timeout_seconds
        self._probe = probe
        self._probing: asyncio.Task[None] | None = None
        self._reads = True
        self.store_writes = True
        """True if the last commit returned outcomes."""

    @property
    def store_up(self) -> bool:
        """True if the store answered the last read and the last commit."""
        return self._reads and self.store_writes

    def wrote(self) -> None:
        """Record a commit that returned outcomes."""
        if not self.store_writes:
            self.store_writes = True
            _log.info("the store writes again")

    def could_not_write(self, trouble: StoreUnavailable) -> None:
        """Record a commit that returned no outcomes; log only the first of a series."""
        if self.store_writes:
            self.store_writes = False
            _log.warning("the store cannot write: %s", trouble)
            self._probe_until_up()

    def _read(self, trouble: Exception | None) -> None:
        if self._reads == (trouble is None):
            return
        self._reads = trouble is None
        if trouble is None:
            _log.info("the store answers again")
        else:
            _log.warning("the store does not answer: %s", str(trouble) or type(trouble).__name__)
            self._probe_until_up()

    def _probe_until_up(self) -> None:
        if self._probing is None or self._probing.done():
            self._probing = asyncio.get_running_loop().create_task(
                self._probe_repeatedly(), name="store probe"
            )

    async def _probe_repeatedly(self) -> None:
        while not self.store_up:
            await self._clock.sleep(_PROBE_SECONDS * (0.5 + self._chance.uniform()))
            try:
                await asyncio.wait_for(self._probe(), self.timeout_seconds)
            except (StoreError, TimeoutError):
                continue
            except Exception:  # noqa: BLE001 (a driver may raise what its store does not translate)
                _log.exception("the probe of the store failed")
                continue
            self.wrote()
            self._read(None)

    async def close(self) -> None:
        """Stop probing."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    def overloaded(self, what: str) -> Overloaded:
        """Return the refusal of a request; the pauses before the retries of many callers differ."""
        pause = 1 + int(self._chance.uniform() * limits.overloaded_retry_seconds_max)
        pause = min(pause, limits.overloaded_retry_seconds_max)
        return Overloaded(f"{what}; try again in {pause} s", retry_after_seconds=pause)

    def deadline(self) -> float:
        """Return the deadline of a request that arrives now, in the clock's seconds."""
        return self._clock.now() + self.timeout_seconds

    async def ask(self, ask: Callable[[], Awaitable[_Result]], deadline: float | None = None) -> _Result:
        """Return the result of `ask`; retry until `deadline` (default: the timeout from now).

        Raises:
            StoreUnavailable: The store did not answer in time.
        """
        if deadline is None:
            deadline = self.deadline()
        pause = _BACKOFF_FIRST_SECONDS
        while True:
            try:
                found = await asyncio.wait_for(ask(), max(deadline - self._clock.now(), _LEAST_SECONDS))
            except TimeoutError as error:
                self._read(error)
                raise StoreUnavailable("the store did not answer in time") from None
            except StoreUnavailable as error:
                self._read(error)
                if self._clock.now() + pause >= deadline:
                    raise
                await self._clock.sleep(pause * (0.5 + self._chance.uniform()))
                pause = min(pause * 2, _BACKOFF_MAX_SECONDS)
            else:
                self._read(None)
                return found

    async def pause_after(self, trouble: StoreUnavailable, deadline: float) -> None:
        """Wait before the next attempt, after a write that did not happen or whose outcome is settled.

        Raises:
            StoreUnavailable: The deadline leaves no time for another attempt.
        """
        if self._clock.now() + _BACKOFF_MAX_SECONDS >= deadline:
            raise StoreUnavailable("the store cannot write now; this was not applied") from trouble
        await self._clock.sleep(_BACKOFF_MAX_SECONDS * self._chance.uniform())
