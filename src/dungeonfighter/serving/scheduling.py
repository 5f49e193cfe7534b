"""How processes of one kind share the cores of one machine."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final

_LOOKS_EVERY_SECONDS: Final = 0.25
_WAITED_MUCH: Final = 0.08
_WAITED_LITTLE: Final = 0.03
_GROWTH: Final = 1.5
_SHORTEST_SECONDS: Final = 0.002


def take_longer_slices() -> None:
    """Do not stop another process because this one has something to do: it waits for the end of its slice.

    For processes of which there are more than cores. Each wake-up that displaces another process costs both
    their caches. Measured with 40,000 bots on 2 cores, 5 workers and 3 generators: 7 times fewer
    displacements, and a p99 of 35 to 60 ms instead of seconds.

    Source: sched(7), SCHED_BATCH; where there is no such thing nothing happens.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Coalescing:
    """Lets work come together while this thread has to wait for a core again and again.

    When more processes are busy than there are cores, each wake-up costs the caches of whoever ran before,
    so a few long stretches of work do more than many short ones. `rest` is called when there is nothing to
    do; it sleeps for a while if, of late, this thread had been ready to run and did not get a core for more
    than 8 % of the time. The longer that lasts the longer it sleeps, up to `most_seconds`; below 3 % less and
    less, and with a core at hand not at all. A network card does the same with its interrupts.

    Use from one thread.

    Args:
        most_seconds: The longest rest.
        waited: How many seconds this thread has been ready to run without a core so far.
        now, sleep: Time.

    Source: docs/decisions/012-many-processes-on-few-cores.md (with what it was measured to save).
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
        """How long the next rest is."""
        self._looked_at = now()
        self._waited_then = self._waited()

    def rest(self) -> None:
        """Sleep for as long as is good now: the thread, and with it its event loop."""
        now = self._now()
        passed = now - self._looked_at
        if passed >= _LOOKS_EVERY_SECONDS:
            waited = self._waited()
            self._adjust((waited - self._waited_then) / passed)
            self._looked_at, self._waited_then = now, waited
        if self.rest_seconds:
            self._sleep(self.rest_seconds)

    def _adjust(self, share: float) -> None:
        if share > _WAITED_MUCH:
            longer = max(_SHORTEST_SECONDS, self.rest_seconds * _GROWTH)
            self.rest_seconds = min(longer, self._most_seconds)
        elif share < _WAITED_LITTLE:
            shorter = self.rest_seconds / _GROWTH
            self.rest_seconds = shorter if shorter >= _SHORTEST_SECONDS else 0.0


class _SchedStat:
    """What Linux counts of the thread that makes this; elsewhere nobody ever waits."""

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
