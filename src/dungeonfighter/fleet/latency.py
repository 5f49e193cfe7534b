"""A histogram of durations: fixed memory, 1.6 % wide buckets, exact maximum.

A bucket is a power of two of microseconds cut into 64 equal parts, so any percentile is at most 1.6 % off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_PARTS_BITS = 6
_PARTS = 1 << _PARTS_BITS
_BUCKETS = 40 * _PARTS

Buckets = list[tuple[int, int]]
"""(bucket, count) of those that are not empty: how histograms travel between processes."""


class Histogram:
    """Counts durations; `percentile` reads them back in seconds."""

    __slots__ = ("count", "counts", "max_seconds")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0
        self.max_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration (negative ones count as 0); written out, which halves its cost (measured)."""
        micros = int(seconds * 1e6)
        shift = micros.bit_length() - _PARTS_BITS - 1
        if shift > 0:
            micros = min((shift << _PARTS_BITS) + (micros >> shift), _BUCKETS - 1)
        self.counts[micros if seconds > 0 else 0] += 1
        self.count += 1
        self.max_seconds = max(self.max_seconds, seconds)

    def merge(self, buckets: Iterable[tuple[int, int]], max_seconds: float) -> None:
        """Count what another histogram counted; exactly what one for both would have."""
        for bucket, count in buckets:
            self.counts[bucket] += count
            self.count += count
        self.max_seconds = max(self.max_seconds, max_seconds)

    def buckets(self, since: Sequence[int] | None = None) -> Buckets:
        """What was counted, or what was counted since `counts` was `since`."""
        if since is None:
            return [(bucket, count) for bucket, count in enumerate(self.counts) if count]
        pairs = zip(self.counts, since, strict=True)
        return [(bucket, now - then) for bucket, (now, then) in enumerate(pairs) if now != then]

    def percentile(self, share: float) -> float:
        """The smallest duration, in seconds, that `share` (0 to 1) of all are not above; 0.0 when empty."""
        wanted = max(1, -int(-share * self.count // 1))
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return min(_end_of(bucket) / 1e6, self.max_seconds)
        return self.max_seconds


def _end_of(bucket: int) -> int:
    """The first microsecond that no longer belongs to the bucket."""
    shift = max(0, (bucket >> _PARTS_BITS) - 1)
    return (bucket - (shift << _PARTS_BITS) + 1) << shift
