"""The course of a load: one moment a second, and for long loads fewer."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from dungeonfighter.fleet.latency import Histogram
from dungeonfighter.fleet.progress import Progress
from dungeonfighter.fleet.report_metrics import MetricsWatch
from dungeonfighter.fleet.report_servers import Servers, sum_up

MOMENTS_MAX: Final = 600
_SCRAPES: Final = 100
_SCRAPE_SECONDS_MIN: Final = 1.0


class Moment(Struct, frozen=True):
    """The bots between two lines of progress.

    Attributes:
        seconds: The end of that time, since the load began.
        phase: "" in the measured time.
        p50_ms: The median latency of the calls that were answered in that time; None without one. Likewise
            `p95_ms` and `p99_ms`.
        troubles: Failed attempts in that time, `errors`: failures after all repeats.
    """

    seconds: float
    phase: str
    connected: int
    turns_per_second: float
    troubles: int
    errors: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Timeline:
    """Collects the progress of a load in at most `MOMENTS_MAX` parts, each as long as the others.

    Attributes:
        began: The beginning of the load, as `perf_counter`; known from the first progress on.
    """

    def __init__(self) -> None:
        self.began = 0.0
        self._parts: list[Progress] = []
        self._open: list[Progress] = []
        self._width = 1

    def add(self, progress: Progress) -> None:
        """Take the next progress; its latencies are of the time since the one before."""
        if not self.began:
            self.began = perf_counter() - progress.seconds
        self._open.append(progress)
        if len(self._open) < self._width and self._open[0].phase == progress.phase:
            return
        self._parts.append(_joined(self._open))
        self._open = []
        if len(self._parts) > MOMENTS_MAX:
            self._width *= 2
            self._parts = [_joined(self._parts[at : at + 2]) for at in range(0, len(self._parts), 2)]

    def moments(self) -> list[Moment]:
        parts = [*self._parts, *([_joined(self._open)] if self._open else [])]
        befores = [None, *parts]
        return [_moment(before, part) for before, part in zip(befores, parts, strict=False)]


class Recorder:
    """Records what a report shows beside the counts: the course of the load, and the servers.

    Args:
        metrics: The addresses of the servers' metrics.
        seconds: The expected length of the load, from which the time between two readings follows.
    """

    def __init__(self, metrics: list[str], seconds: float) -> None:
        self._timeline = Timeline()
        self._watch = MetricsWatch(metrics, max(_SCRAPE_SECONDS_MIN, seconds / _SCRAPES))
        self._is_over = False

    def start(self) -> None:
        """Read the metrics for the first time, before any bot plays."""
        self._watch.start()

    def add(self, progress: Progress) -> None:
        self._timeline.add(progress)

    def stop(self) -> None:
        """Read the metrics for the last time; further calls have no effect."""
        if not self._is_over:
            self._is_over = True
            self._watch.stop()

    def moments(self) -> list[Moment]:
        return self._timeline.moments()

    def servers(self, warm_up: float) -> Servers:
        """Return the share of the servers; `warm_up` is the time before the measured one, in seconds."""
        return sum_up(self._watch, self._timeline.began, warm_up)


def _joined(parts: list[Progress]) -> Progress:
    """Return several parts as one: sums and levels of the last, latencies of all."""
    if len(parts) == 1:
        return parts[0]
    latencies = Histogram()
    for part in parts:
        latencies.merge(part.buckets, 0.0)
    last = parts[-1]
    return replace(last, buckets=latencies.buckets())


def _moment(before: Progress | None, now: Progress) -> Moment:
    seconds, turns, troubles, errors = (
        (before.seconds, before.turns, before.troubles, before.errors) if before else (0.0, 0, 0, 0)
    )
    latencies = Histogram()
    latencies.merge(now.buckets, float("inf"))

    def at(share: float) -> float | None:
        return round(latencies.percentile(share) * 1000, 3) if latencies.count else None

    return Moment(
        seconds=round(now.seconds, 2),
        phase=now.phase,
        connected=now.connected,
        turns_per_second=round((now.turns - turns) / max(1e-9, now.seconds - seconds), 1),
        troubles=now.troubles - troubles,
        errors=now.errors - errors,
        p50_ms=at(0.5),
        p95_ms=at(0.95),
        p99_ms=at(0.99),
    )
