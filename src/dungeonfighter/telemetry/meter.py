"""The meter of a process, and how snapshots of several processes become one.

A worker hands over the `delta` since its last snapshot, the parent makes the worker's present snapshot of it
with `advance`, and `merge` adds up the snapshots of all workers. `merge` is associative and commutative,
because counts and sums are integers and gauges say how they are merged.

Source: docs/decisions/021-one-meter.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from msgspec import structs

from dungeonfighter.hosting.instruments import (
    LATENCY_SECONDS,
    MILLIONTHS,
    Counter,
    Distribution,
    Family,
    Gauge,
    Histogram,
    Merge,
    Snapshot,
    Value,
)

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label_text(label: str, value: str) -> str:
    """Return one label as Prometheus writes it.

    Source: Prometheus, "Exposition formats", text format: backslash, quote and line feed are escaped.
    """
    return f'{label}="{value.translate(_ESCAPES)}"'


class _Made(NamedTuple):
    """A metric as it was declared, and its instruments by their labels."""

    family: Family
    instruments: dict[str, Counter] | dict[str, Gauge] | dict[str, Histogram]


class MeterRegistry:
    """The `Meter` of a process. Use from one event loop."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def counter(self, name: str, purpose: str) -> Counter:
        counter = Counter()
        self._make(name, _Made(_family("counter", purpose), {"": counter}))
        return counter

    def counters(self, name: str, purpose: str, label: str, values: Sequence[str]) -> dict[str, Counter]:
        if not _is_name(label):
            raise ValueError(f"{label!r} is no name of a label")
        counters = {value: Counter() for value in values}
        by_label = {label_text(label, value): counter for value, counter in counters.items()}
        self._make(name, _Made(_family("counter", purpose), by_label))
        return counters

    def gauge(
        self, name: str, purpose: str, *, merge: Merge = "sum", read: Callable[[], float] | None = None
    ) -> Gauge:
        gauge = Gauge(read)
        self._make(name, _Made(structs.replace(_family("gauge", purpose), merge=merge), {"": gauge}))
        return gauge

    def summary(self, name: str, purpose: str) -> Histogram:
        summary = Histogram()
        self._make(name, _Made(_family("summary", purpose), {"": summary}))
        return summary

    def histogram(self, name: str, purpose: str, bounds: Sequence[float] = LATENCY_SECONDS) -> Histogram:
        ascending = tuple(map(float, bounds))
        if not ascending or any(one >= following for one, following in pairwise(ascending)):
            raise ValueError(f"{name}: the bounds of a histogram ascend")
        histogram = Histogram(ascending)
        family = structs.replace(_family("histogram", purpose), bounds=ascending)
        self._make(name, _Made(family, {"": histogram}))
        return histogram

    def collect(self) -> Snapshot:
        """Read all instruments at one moment; costs some microseconds for each."""
        return Snapshot({
            name: structs.replace(made.family, values={labels: _read(one) for labels, one in
                                                       made.instruments.items()})
            for name, made in self._made.items()
        })  # fmt: skip

    def _make(self, name: str, made: _Made) -> None:
        if not _is_name(name):
            raise ValueError(f"{name!r} is no name of a metric")
        if name in self._made:
            raise ValueError(f"there is a metric {name} already")
        if (made.family.kind == "counter") != name.endswith("_total"):
            raise ValueError(f"{name}: names of counters, and only those, end in _total")
        self._made[name] = made


def _is_name(name: str) -> bool:
    """Return True if a metric or a label may have this name; Prometheus itself allows more characters."""
    return name.isascii() and name.isidentifier() and name.islower()


def _family(kind: Literal["counter", "gauge", "summary", "histogram"], purpose: str) -> Family:
    return Family(kind, purpose, {})


def _read(instrument: Counter | Gauge | Histogram) -> Value:
    if isinstance(instrument, Histogram):
        return Distribution(instrument.counts, round(instrument.sum * MILLIONTHS))
    return instrument.value


def delta(now: Snapshot, before: Snapshot) -> Snapshot:
    """Return what was counted between two snapshots of one process; gauges are those of the later one."""
    return _combined(now, before, _difference, _former)


def advance(before: Snapshot, change: Snapshot) -> Snapshot:
    """Return the later snapshot of one process from the earlier one and the `delta` between them."""
    return _combined(change, before, _sum, _former)


def merge(one: Snapshot, other: Snapshot) -> Snapshot:
    """Return the snapshot of two processes: counts are added, gauges merged as they were declared.

    Raises:
        ValueError: The two declare a metric differently.
    """
    return _combined(one, other, _sum, _merged_gauge)


def without_gauges(snapshot: Snapshot) -> Snapshot:
    """Return what is left of a process that ended: the gauges of that moment ended with it."""
    return Snapshot({name: family for name, family in snapshot.families.items() if family.kind != "gauge"})


def _combined(
    one: Snapshot,
    other: Snapshot,
    count: Callable[[Value, Value], Value],
    gauge: Callable[[Value, Value, Merge], Value],
) -> Snapshot:
    """Combine series by series; a series that only one of the two has is taken as it is."""
    families = dict(other.families)
    for name, family in one.families.items():
        there = families.get(name)
        if there is None:
            families[name] = family
            continue
        if (family.kind, family.merge, family.bounds) != (there.kind, there.merge, there.bounds):
            raise ValueError(f"{name} is declared in two ways")
        values = dict(there.values)
        for labels, value in family.values.items():
            known = values.get(labels)
            if known is None:
                values[labels] = value
            elif family.kind == "gauge":
                values[labels] = gauge(value, known, family.merge)
            else:
                values[labels] = count(value, known)
        families[name] = structs.replace(family, values=values)
    return Snapshot(families)


def _sum(one: Value, other: Value) -> Value:
    if isinstance(one, Distribution):
        assert isinstance(other, Distribution)
        counts = tuple([a + b for a, b in zip(one.counts, other.counts, strict=True)])
        return Distribution(counts, one.sum + other.sum)
    assert not isinstance(other, Distribution)
    return one + other


def _difference(one: Value, other: Value) -> Value:
    if isinstance(one, Distribution):
        assert isinstance(other, Distribution)
        counts = tuple([a - b for a, b in zip(one.counts, other.counts, strict=True)])
        return Distribution(counts, one.sum - other.sum)
    assert not isinstance(other, Distribution)
    return one - other


def _former(one: Value, _other: Value, _merge: Merge) -> Value:
    return one


def _merged_gauge(one: Value, other: Value, merge: Merge) -> Value:
    assert not isinstance(one, Distribution)
    assert not isinstance(other, Distribution)
    if merge == "sum":
        return one + other
    return max(one, other) if merge == "max" else min(one, other)
