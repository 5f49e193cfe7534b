"""A histogram of durations: fixed memory, 1.6 % wide buckets, exact maximum.

A bucket is a power of two of microseconds cut into 64 equal parts, so any percentile is at most 1.6 % off.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

_PARTS_BITS = 6
_PARTS = 1 << _PARTS_BITS
_BUCKETS = 40 * _PARTS

_CHUNK = 64

Buckets = list[tuple[int, int]]
"""(bucket, count) of each bucket that is not empty; processes send histograms in this form."""


class Histogram:
    """Counts durations in seconds."""

    __slots__ = ("count", "counts", "max_seconds")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0
        self.max_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 0."""
        self.add_all([seconds])

    def add_all(self, durations: list[float]) -> None:
        """Count all durations, and sort the list.

        A sorted list is counted a bucket at a time, which is faster than one duration after the other.
        """
        if not durations:
            return
        durations.sort()
        at = 0
        while at < len(durations):
            bucket = max(0, bisect_right(_STARTS, durations[at]) - 1)
            end = bisect_left(durations, _STARTS[bucket + 1], at) if bucket < _BUCKETS - 1 else len(durations)
            self.counts[bucket] += end - at
            at = end
        self.count += len(durations)
        self.max_seconds = max(self.max_seconds, durations[-1])

    def merge(self, buckets: Iterable[tuple[int, int]], max_seconds: float) -> None:
        for bucket, count in buckets:
            self.counts[bucket] += count
            self.count += count
        self.max_seconds = max(self.max_seconds, max_seconds)

    def buckets(self, since: Sequence[int] | None = None) -> Buckets:
        """Return all counts, or those added since `counts` was `since`."""
        if since is None:
            return [(bucket, count) for bucket, count in enumerate(self.counts) if count]
        changed: Buckets = []
        for start in range(0, _BUCKETS, _CHUNK):  # most chunks are equal, and the comparison runs in C
            now, then = self.counts[start : start + _CHUNK], since[start : start + _CHUNK]
            if now != then:
                pairs = enumerate(zip(now, then, strict=True), start)
                changed.extend((bucket, one - other) for bucket, (one, other) in pairs if one != other)
        return changed

    def percentile(self, share: float) -> float:
        """Return the smallest number of seconds that `share` (0 to 1) of all durations do not exceed.

        An empty histogram returns 0.0.
        """
        wanted = max(1, -int(-share * self.count // 1))
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return min(_start_of(bucket + 1) / 1e6, self.max_seconds)
        return self.max_seconds


def _start_of(bucket: int) -> int:
    """Return the first microsecond of the bucket."""
    shift = max(0, (bucket >> _PARTS_BITS) - 1)
    return (bucket - (shift << _PARTS_BITS)) << shift


_STARTS = [_start_of(bucket) / 1e6 for bucket in range(_BUCKETS)]
"""The shortest duration in each bucket, in seconds."""
