"""The workers of a server share the rates of fleets and tokens, through their parent (`access.leases`).

Each worker reports its demand every `DEMAND_SECONDS` while it has some. The parent collects the reports of a
moment and sends each worker the shares that changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from dungeonfighter.access.leases import REPORTS_AFTER, Leases
from dungeonfighter.access.rates import Rates
from dungeonfighter.serving.background import Soon, begin, every, running

if TYPE_CHECKING:
    from dungeonfighter.serving.redis_leases import RedisLeases  # needs the extra `redis`

logger = logging.getLogger(__name__)

DEMAND_SECONDS: Final = 0.1
BATCH_SECONDS: Final = 0.02
NAMES_AT_ONCE_MAX: Final = 5000
"""A message of this many is well below `worker_channel.LINE_BYTES_MAX`."""


class DemandReports:
    """Reports the demand of one worker.

    Args:
        take_demand: Returns the calls since the last time, by name.
        send: Sends calls and the seconds in which they came.
        is_idle: Returns True if no message waits in the channel.
        now: The time in seconds, which never goes back.
    """

    def __init__(
        self, take_demand: Callable[[], dict[str, float]], send: Callable[[dict[str, float], float], None],
        is_idle: Callable[[], bool], now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._take_demand = take_demand
        self._send = send
        self._is_idle = is_idle
        self._now = now
        self._sent_at = now()
        self._left = 0

    def send(self) -> None:
        """Send a report, unless there was no demand for long or the channel is busy."""
        if not self._is_idle():
            return
        calls, now = self._take_demand(), self._now()
        seconds, self._sent_at = max(now - self._sent_at, DEMAND_SECONDS / 2), now
        if calls:
            self._left = REPORTS_AFTER
            if len(calls) > NAMES_AT_ONCE_MAX:
                calls = dict(itertools.islice(calls.items(), NAMES_AT_ONCE_MAX))
        elif not self._left:
            return
        else:
            self._left -= 1
        self._send(calls, seconds)


class SharedRates:
    """Divides the rates among the workers of one server.

    Args:
        leases: The shares of the workers.
        send: Sends a worker its shares; returns False if it cannot get them now.
    """

    def __init__(self, leases: Leases, send: Callable[[int, dict[str, float]], bool]) -> None:
        self.leases = leases
        self._send = send
        self._soon = Soon(BATCH_SECONDS, self._flush)

    def note(self, worker: int, calls: dict[str, float], seconds: float) -> None:
        """Note the demand of a worker, and send the shares that follow from it soon."""
        self.leases.note(worker, calls, seconds)
        self.send_soon()

    def retire(self, worker: int) -> None:
        """Divide the share of a worker that ended among the others."""
        self.leases.retire(worker)
        self.send_soon()

    def send_soon(self) -> None:
        """Send the shares that changed, `BATCH_SECONDS` from now."""
        self._soon.ask()

    def close(self) -> None:
        """Send nothing more."""
        self._soon.close()

    def _flush(self) -> None:
        for worker, shares in self.leases.changes().items():
            names = iter(shares)
            while part := {name: shares[name] for name in itertools.islice(names, NAMES_AT_ONCE_MAX)}:
                if not self._send(worker, part):
                    self.leases.missed(worker, part)


@contextlib.asynccontextmanager
async def leasing(redis: RedisLeases | None, shared: SharedRates) -> AsyncIterator[None]:
    """Divide the rates among the replicas while the block runs; without Redis do nothing."""
    if redis is None:
        yield
        return
    keeping = begin(redis.keep(shared.leases, shared.send_soon), "leases from Redis")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


@contextlib.asynccontextmanager
async def reporting(
    rates: Rates, send: Callable[[dict[str, float], float], None], is_idle: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    """Report the demand of this process while the block runs, if anybody divides its rates."""
    if not rates.are_leased:
        yield
        return
    reports = DemandReports(rates.take_demand, send, is_idle, time.monotonic)
    sending = every(DEMAND_SECONDS, reports.send, "reporting the demand", logger)
    async with running(sending, "reports of the demand"):
        yield


@contextlib.asynccontextmanager
async def leasing_alone(redis: RedisLeases | None, rates: Rates, whole: float) -> AsyncIterator[None]:
    """Lease the rates of a server of one process from Redis while the block runs.

    Args:
        redis: The other replicas; None if there are none.
        rates: Its limits.
        whole: Its part of each rate without Redis.
    """

    def learn(_: int, shares: dict[str, float]) -> bool:
        rates.learn(shares)
        return True

    with contextlib.closing(SharedRates(Leases(1, whole), learn)) as shared:
        async with reporting(rates, partial(shared.note, 0)), leasing(redis, shared):
            yield
