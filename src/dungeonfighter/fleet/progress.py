"""The progress of a load, second by second: of one process, the sum over several, and as a line of text."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from dungeonfighter.fleet.latency import Buckets, Histogram
from dungeonfighter.fleet.plurals import several

RAMP, WARM_UP, MEASURED = "ramp", "warm-up", ""
"""The phases. Most loads have the last one only, so it has no name in the line of text."""


class Progress(Struct, frozen=True):
    """The state of a load at one moment.

    Attributes:
        seconds: The time since the load began.
        bots: All bots; `connected` counts those with an open connection.
        turns: The acknowledged turns since the load began, warm-up included; the other sums likewise.
        buckets: The latencies of the last second.
    """

    seconds: float
    phase: str
    bots: int
    connected: int
    turns: int
    runs: int
    troubles: int
    errors: int
    buckets: Buckets


def sum_of(parts: Sequence[Progress]) -> Progress:
    """Add up the progress of several processes; `parts` is not empty."""
    seconds = Histogram()
    for part in parts:
        seconds.merge(part.buckets, 0.0)
    latest = min(parts, key=lambda part: part.seconds)
    return Progress(
        latest.seconds,
        latest.phase,
        sum(part.bots for part in parts),
        sum(part.connected for part in parts),
        sum(part.turns for part in parts),
        sum(part.runs for part in parts),
        sum(part.troubles for part in parts),
        sum(part.errors for part in parts),
        seconds.buckets(),
    )


class ProgressFormatter:
    """Formats the progress of one load; the rate covers the time since the previous line."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._turns = 0

    def line(self, now: Progress) -> str:
        passed = max(1e-9, now.seconds - self._seconds)
        rate = (now.turns - self._turns) / passed
        self._seconds, self._turns = now.seconds, now.turns
        latencies = Histogram()
        latencies.merge(now.buckets, float("inf"))
        p99 = latencies.percentile(0.99) * 1000 if latencies.count else 0.0
        is_waiting = now.troubles and not now.connected and not now.turns
        waiting = "  the server cannot be reached; trying again" if is_waiting else ""
        phase = f"{now.phase}  " if now.phase else ""
        return (
            f"{now.seconds:5.0f} s  {phase}{several(now.bots, 'bot')}  {now.connected} connected  "
            f"{several(now.turns, 'turn')}  {rate:.0f}/s  p99 {p99:.1f} ms  "
            f"{several(now.runs, 'run')} finished  {several(now.troubles, 'failed attempt')}  "
            f"{several(now.errors, 'error')}{waiting}"
        )
