"""The meter of a process, and how snapshots of several processes become one.

A worker hands over the `delta` since its last snapshot, the parent makes the worker's present snapshot of it
with `advance`, and `merge` adds up the snapshots of all workers. `merge` is associative and commutative,
because counts and sums are integers and gauges say how they are merged.

Source: docs/decisions/021-one-meter.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

from msgspec import structs

from dungeonfighter.hosting.instruments import (
    LATENCY_SECONDS,
    MILLIONTHS,
    Counter,
    Distribution,
    Exemplar,
    Family,
    Gauge,
    Histogram,
    Merge,
    Read,
    Snapshot,
    Value,
)

_Kind = TypeVar("_Kind")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label_text(label: str, value: str) -> str:
    """Return one label as Prometheus writes it.

    Source: Prometheus, "Exposition formats", text format: backslash, quote and line feed are escaped.
    """
    return f'{label}="{value.translate(_ESCAPES)}"'


class _ReadCounter:
    """A counter whose value is read on demand."""

    __slots__ = ("_read",)

    def __init__(self, read: Read) -> None:
        self._read = read

    @property
    def value(self) -> int:
        return int(self._read())


Instrument = Counter | _ReadCounter | Gauge | Histogram


class _Made(NamedTuple):
    """A metric as it was declared, and its instruments by their labels."""

    family: Family
    instruments: Mapping[str, Instrument]
    advice: str
    labels: dict[str, list[str]]


class Declared(NamedTuple):
    """A metric as it was declared, for its documentation; `values` are those of each label."""

    name: str
    family: Family
    advice: str
    labels: dict[str, list[str]]


class MeterRegistry:
    """The `Meter` of a process. Use from one event loop."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def counter(self, name: str, purpose: str, advice: str = "") -> Counter:
        counter = Counter()
        self._make(name, Family("counter", purpose, {}), {(): counter}, advice)
        return counter

    def counters(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = ""
    ) -> dict[str, Counter]:
        counters = {value: Counter() for value in values}
        self._make(name, Family("counter", purpose, {}), _by_label(counters), advice, (label,))
        return counters

    def read_counters(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, divisor: int = 1,
    ) -> None:  # fmt: skip
        made = {values: _ReadCounter(read) for values, read in readers.items()}
        self._make(name, Family("counter", purpose, {}, divisor=divisor), made, advice, labels)

    def gauge(
        self, name: str, purpose: str, advice: str = "", *, merge: Merge = "sum", read: Read | None = None
    ) -> Gauge:
        gauge = Gauge(read)
        self._make(name, Family("gauge", purpose, {}, merge), {(): gauge}, advice)
        return gauge

    def read_gauges(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, merge: Merge = "sum",
    ) -> None:  # fmt: skip
        made = {values: Gauge(read) for values, read in readers.items()}
        self._make(name, Family("gauge", purpose, {}, merge), made, advice, labels)

    def summary(self, name: str, purpose: str, advice: str = "") -> Histogram:
        summary = Histogram()
        self._make(name, Family("summary", purpose, {}), {(): summary}, advice)
        return summary

    def histogram(
        self, name: str, purpose: str, advice: str = "", *, bounds: Sequence[float] = LATENCY_SECONDS
    ) -> Histogram:
        ascending = _ascending(name, bounds)
        histogram = Histogram(ascending)
        self._make(name, Family("histogram", purpose, {}, bounds=ascending), {(): histogram}, advice)
        return histogram

    def histograms(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = "",
        *, bounds: Sequence[float] = LATENCY_SECONDS,
    ) -> dict[str, Histogram]:  # fmt: skip
        ascending = _ascending(name, bounds)
        made = {value: Histogram(ascending) for value in values}
        self._make(
            name, Family("histogram", purpose, {}, bounds=ascending), _by_label(made), advice, (label,)
        )
        return made

    def collect(self) -> Snapshot:
        """Read all instruments at one moment; costs some microseconds for each."""
        return Snapshot({
            name: structs.replace(made.family, values={labels: _read(one) for labels, one in
                                                       made.instruments.items()})
            for name, made in self._made.items()
        })  # fmt: skip

    def declared(self) -> list[Declared]:
        """Return all metrics in the order of their declaration."""
        return [Declared(name, made.family, made.advice, made.labels) for name, made in self._made.items()]

    def _make(
        self, name: str, family: Family, instruments: Mapping[tuple[str, ...], Instrument], advice: str,
        labels: Sequence[str] = (),
    ) -> None:  # fmt: skip
        if not _is_name(name):
            raise ValueError(f"{name!r} is no name of a metric")
        if name in self._made:
            raise ValueError(f"there is a metric {name} already")
        if (family.kind == "counter") != name.endswith("_total"):
            raise ValueError(f"{name}: names of counters, and only those, end in _total")
        by_text = {_labels_text(labels, values): one for values, one in instruments.items()}
        known = {
            label: list(dict.fromkeys(values[place] for values in instruments))
            for place, label in enumerate(labels)
        }
        self._made[name] = _Made(family, by_text, advice, known)


def _is_name(name: str) -> bool:
    """Return True if a metric or a label may have this name; Prometheus itself allows more characters."""
    return name.isascii() and name.isidentifier() and name.islower()


def _labels_text(labels: Sequence[str], values: Sequence[str]) -> str:
    for label in labels:
        if not _is_name(label):
            raise ValueError(f"{label!r} is no name of a label")
    return ",".join([label_text(label, value) for label, value in zip(labels, values, strict=True)])


def _by_label(made: Mapping[str, _Kind]) -> dict[tuple[str, ...], _Kind]:
    return {(value,): one for value, one in made.items()}


def _ascending(name: str, bounds: Sequence[float]) -> tuple[float, ...]:
    ascending = tuple(map(float, bounds))
    if not ascending or any(one >= following for one, following in pairwise(ascending)):
        raise ValueError(f"{name}: the bounds of a histogram ascend")
    return ascending


def _read(instrument: Instrument) -> Value:
    if isinstance(instrument, Histogram):
        counts, total = instrument.counts, round(instrument.sum * MILLIONTHS)
        return Distribution(counts, total, dict(instrument.exemplars))
    return instrument.value


def delta(now: Snapshot, before: Snapshot) -> Snapshot:
    """Return what was counted between two snapshots of one process; gauges are those of the later one."""
    return _combined(now, before, _difference, _former)


def advance(before: Snapshot, change: Snapshot) -> Snapshot:
    """Return the later snapshot of one process from the earlier one and the `delta` between them."""
    return _combined(change, before, _later, _former)


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
        if _shape(family) != _shape(there):
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


def _shape(family: Family) -> tuple[object, ...]:
    return family.kind, family.merge, family.bounds, family.divisor


def _sum(one: Value, other: Value) -> Value:
    if isinstance(one, Distribution):
        assert isinstance(other, Distribution)
        counts = tuple([a + b for a, b in zip(one.counts, other.counts, strict=True)])
        return Distribution(counts, one.sum + other.sum, _newest(one.exemplars, other.exemplars))
    assert not isinstance(other, Distribution)
    return one + other


def _later(change: Value, before: Value) -> Value:
    """Return the sum; the exemplars of the later snapshot replace all earlier ones, whatever their times."""
    later = _sum(change, before)
    if isinstance(later, Distribution):
        assert isinstance(change, Distribution)
        return structs.replace(later, exemplars=change.exemplars)
    return later


def _newest(one: dict[int, Exemplar], other: dict[int, Exemplar]) -> dict[int, Exemplar]:
    newest = dict(one)
    for place, exemplar in other.items():
        known = newest.get(place)
        if known is None or exemplar > known:
            newest[place] = exemplar
    return newest


def _difference(one: Value, other: Value) -> Value:
    if isinstance(one, Distribution):
        assert isinstance(other, Distribution)
        counts = tuple([a - b for a, b in zip(one.counts, other.counts, strict=True)])
        return Distribution(counts, one.sum - other.sum, one.exemplars)
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
