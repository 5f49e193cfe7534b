"""Processes of one kind share the cores of one machine: longer time slices, and rests that coalesce work."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final

_MEASURE_SECONDS: Final = 0.25
_SHARE_MUCH: Final = 0.08
_SHARE_LITTLE: Final = 0.03
_GROWTH: Final = 1.5
_SHORTEST_SECONDS: Final = 0.002


def take_longer_slices() -> None:
    """Make this process a batch process: when it wakes up, it lets a running process finish its time slice.

    Meant for processes that outnumber the cores. A wake-up that preempts another process costs both of them
    their caches. Measured with 40,000 bots on 2 cores, 5 workers and 3 generators: 7 times fewer
    preemptions, and a p99 of 35 to 60 ms instead of seconds.

    Source: sched(7), SCHED_BATCH. On systems without it this function does nothing.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Coalescing:
    """Collects work into longer stretches while this thread often waits for a core.

    When more processes are busy than there are cores, each wake-up evicts the caches of another process, so
    few long stretches of work achieve more than many short ones. Call `rest` when there is nothing to do. It
    sleeps if this thread lately spent more than 8 % of the time runnable without a core; the longer that
    lasts, the longer it sleeps, up to `most_seconds`. Below 3 % the sleep shrinks, down to none. Network
    cards coalesce their interrupts in the same way.

    Use an instance from one thread only.

    Args:
        most_seconds: The longest rest.
        waited: Returns for how many seconds this thread has been runnable without a core so far.
        now: A monotonic clock.
        sleep: Blocks the thread.

    Source: docs/decisions/012-many-processes-on-few-cores.md (with the measured gain).
    """

    def __init__(
        self,
        most_seconds: float,
        *,
        waited: Callable[[], float] | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._most_seconds = most_seconds
        self._waited = waited or _SchedStat().waited_seconds
        self._now = now
        self._sleep = sleep
        self.rest_seconds = 0.0
        """The length of the next rest."""
        self._measured_at = now()
        self._waited_before = self._waited()

    def rest(self) -> None:
        """Block this thread, and with it its event loop, for `rest_seconds`."""
        now = self._now()
        passed = now - self._measured_at
        if passed >= _MEASURE_SECONDS:
            waited = self._waited()
            self._adjust((waited - self._waited_before) / passed)
            self._measured_at, self._waited_before = now, waited
        if self.rest_seconds:
            self._sleep(self.rest_seconds)

    def _adjust(self, share: float) -> None:
        if share > _SHARE_MUCH:
            longer = max(_SHORTEST_SECONDS, self.rest_seconds * _GROWTH)
            self.rest_seconds = min(longer, self._most_seconds)
        elif share < _SHARE_LITTLE:
            shorter = self.rest_seconds / _GROWTH
            self.rest_seconds = shorter if shorter >= _SHORTEST_SECONDS else 0.0


class _SchedStat:
    """The scheduling statistics of the thread that makes the instance; zero on systems other than Linux."""

    def __init__(self) -> None:
        self._file = -1
        with contextlib.suppress(OSError):
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def waited_seconds(self) -> float:
        if self._file < 0:
            return 0.0
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(os.pread(self._file, 100, 0).split()[1]) / 1e9
        return 0.0

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)
