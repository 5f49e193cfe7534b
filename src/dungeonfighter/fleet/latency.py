"""A histogram of durations: fixed memory, 1.6 % wide buckets, exact maximum.

A bucket is a power of two of microseconds cut into 64 equal parts, so any percentile is at most 1.6 % off.
"""

from __future__ import annotations

_PARTS_BITS = 6
_PARTS = 1 << _PARTS_BITS
_BUCKETS = 40 * _PARTS


class Histogram:
    """Counts durations; `percentile` reads them back in seconds."""

    __slots__ = ("count", "counts", "max_seconds")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0
        self.max_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration (negative ones count as 0)."""
        self.counts[_bucket_of(max(0, int(seconds * 1e6)))] += 1
        self.count += 1
        self.max_seconds = max(self.max_seconds, seconds)

    def percentile(self, share: float) -> float:
        """The smallest duration, in seconds, that `share` (0 to 1) of all are not above; 0.0 when empty."""
        wanted = max(1, -int(-share * self.count // 1))
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return min(_end_of(bucket) / 1e6, self.max_seconds)
        return self.max_seconds

    def clear(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0
        self.max_seconds = 0.0


def _bucket_of(micros: int) -> int:
    shift = max(0, micros.bit_length() - _PARTS_BITS - 1)
    return min(_BUCKETS - 1, (shift << _PARTS_BITS) + (micros >> shift))


def _end_of(bucket: int) -> int:
    """The first microsecond that no longer belongs to the bucket."""
    shift = max(0, (bucket >> _PARTS_BITS) - 1)
    return (bucket - (shift << _PARTS_BITS) + 1) << shift
