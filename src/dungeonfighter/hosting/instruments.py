"""The instruments of the server: counters, gauges and histograms, and the snapshots read from them.

An instrument is made once, where its meaning is known, and changed where the thing happens. Instruments are
plain objects of one event loop: a change takes no lock, and on a hot path `counter.value += 1` is allowed.
All labels are declared when the instrument is made, so that no request can add a series.

Source: docs/decisions/021-one-meter.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

LATENCY_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""The upper bounds of the buckets of every latency: three a decade, from 1 ms to 10 s.

The bounds are fixed because histograms of several workers, and of several releases in one dashboard, add up
only if they are equal. 50 ms and 250 ms are the limits that `docs/performance.md` measures against, and an
alert should ask for the share of requests below one of them. 10 s is the default of `COMMIT_TIMEOUT`: a
longer request has failed.
"""

WAITING_MAX: Final = 1024
"""The number of waiting observations at which a histogram sorts them into its buckets."""

MILLIONTHS: Final = 1_000_000
"""Sums in a snapshot are integers in millionths: integers add up to the same in every order."""

EXEMPLAR_CHARS_MAX: Final = 128
"""The characters that the label of an exemplar may have, name and value together.

Source: Prometheus, "OpenMetrics 1.0", section "Exemplars".
"""
TRACE_ID: Final = "trace_id"
"""The label of an exemplar; the data source of a dashboard names the same one."""

Read = Callable[[], float]
"""Returns the value of an instrument when it is collected."""
Merge = Literal["sum", "max", "min"]
"""The rule that makes one value of a gauge from those of several workers. For a gauge of 0 or 1, `max` is 1
if one worker has 1, and `min` is 1 if every worker has 1."""


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, count: int = 1) -> None:
        self.value += count


class Gauge:
    """A number that rises and falls: the last value set, or else the result of a function, read on demand."""

    __slots__ = ("_read", "_value")

    def __init__(self, read: Read | None = None) -> None:
        self._read = read
        self._value: float = 0

    @property
    def value(self) -> float:
        return self._value if self._read is None else self._read()

    def set(self, value: float) -> None:
        self._value = value


class Exemplar(Struct, frozen=True, order=True):
    """One observation that is an example for its bucket; `at` is seconds since 1970."""

    at: float
    value: float
    trace_id: str


class Histogram:
    """The number of observations in each bucket, their sum, and an example for some buckets.

    Observations wait in a list and are sorted into the buckets many at a time: a search for each of them
    would take more than twice as many instructions.

    Args:
        bounds: The inclusive upper bounds of the buckets, ascending; another one counts the larger values.
    """

    __slots__ = ("_bounds", "_counts", "_sum", "exemplars", "waiting")

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum: float = 0
        self.waiting: list[float] = []
        """Observations that are in no bucket yet. A hot path may append to this list as `observe` does."""
        self.exemplars: dict[int, Exemplar] = {}
        """The newest example of each bucket that has one, by the place of the bucket."""

    def observe(self, value: float) -> None:
        """Add one observation, in the unit of the bounds; it must not be negative."""
        self.waiting.append(value)
        if len(self.waiting) >= WAITING_MAX:
            self.settle()

    def exemplify(self, value: float, trace_id: str, at: float) -> None:
        """Keep the trace of an observation as the example of its bucket; `observe` counts the observation.

        An id that is too long for an exemplar is left out.

        Args:
            value: The observation.
            trace_id: The trace, which must be sampled: others cannot be looked up.
            at: The time, in seconds since 1970.
        """
        if len(TRACE_ID) + len(trace_id) <= EXEMPLAR_CHARS_MAX:
            self.exemplars[bisect_left(self._bounds, value)] = Exemplar(at, value, trace_id)

    def settle(self) -> None:
        """Sort the waiting observations into the buckets."""
        waiting, counts, begin = self.waiting, self._counts, 0
        self._sum += sum(waiting)
        waiting.sort()
        for place, bound in enumerate(self._bounds):
            end = bisect_right(waiting, bound, begin)
            counts[place] += end - begin
            begin = end
        counts[-1] += len(waiting) - begin
        waiting.clear()

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of observations in each bucket, not cumulated."""
        self.settle()
        return tuple(self._counts)

    @property
    def sum(self) -> float:
        """The sum of all observations."""
        self.settle()
        return self._sum


class Distribution(Struct, frozen=True):
    """A histogram at one moment: the count of each bucket, not cumulated, and the sum in millionths.

    `exemplars` are the examples of some buckets, by the place of the bucket.
    """

    counts: tuple[int, ...]
    sum: int
    exemplars: dict[int, Exemplar] = {}

    @property
    def mean(self) -> float:
        """The mean of all observations; there must be at least one."""
        return self.sum / MILLIONTHS / sum(self.counts)


Value = int | float | Distribution


class Family(Struct, frozen=True):
    """A metric at one moment.

    Attributes:
        kind: The type, as Prometheus names it. A summary is a histogram without bounds.
        purpose: One sentence for people.
        values: The values by label, as Prometheus writes it (`outcome="ok"`); without labels the key is "".
        merge: The rule for several workers; used for gauges only.
        bounds: The upper bounds of the buckets; used for histograms only.
        divisor: The values of a counter are shown divided by this; they stay integers, which add up exactly.
    """

    kind: Literal["counter", "gauge", "summary", "histogram"]
    purpose: str
    values: dict[str, Value]
    merge: Merge = "sum"
    bounds: tuple[float, ...] = ()
    divisor: int = 1


class Snapshot(Struct, frozen=True):
    """All metrics of a process, or of several, at one moment, by name."""

    families: dict[str, Family] = {}

    def value(self, name: str, labels: str = "") -> float:
        """Return the value of a counter or gauge; 0 if there is no such series."""
        found = self.values(name).get(labels, 0)
        assert not isinstance(found, Distribution)
        return found

    def distribution(self, name: str, labels: str = "") -> Distribution:
        """Return a histogram; an empty one if there is no such series."""
        found = self.values(name).get(labels, _NONE)
        assert isinstance(found, Distribution)
        return found

    def values(self, name: str) -> dict[str, Value]:
        """Return every series of one metric by its labels."""
        family = self.families.get(name)
        return {} if family is None else family.values


_NONE: Final = Distribution((0,), 0)


class UncollectedMeter:
    """A `ports.Meter` whose instruments count and are never collected: for tests and embedded hosts."""

    def counter(self, name: str, purpose: str, advice: str = "") -> Counter:
        return Counter()

    def counters(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = ""
    ) -> dict[str, Counter]:
        return {value: Counter() for value in values}

    def read_counters(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, divisor: int = 1,
    ) -> None:  # fmt: skip
        pass

    def gauge(
        self, name: str, purpose: str, advice: str = "", *, merge: Merge = "sum", read: Read | None = None
    ) -> Gauge:
        return Gauge(read)

    def read_gauges(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, merge: Merge = "sum",
    ) -> None:  # fmt: skip
        pass

    def summary(self, name: str, purpose: str, advice: str = "") -> Histogram:
        return Histogram()

    def histogram(
        self, name: str, purpose: str, advice: str = "", *, bounds: Sequence[float] = LATENCY_SECONDS
    ) -> Histogram:
        return Histogram(bounds)

    def histograms(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = "",
        *, bounds: Sequence[float] = LATENCY_SECONDS,
    ) -> dict[str, Histogram]:  # fmt: skip
        return {value: Histogram(bounds) for value in values}

    def collect(self) -> Snapshot:
        return Snapshot()
