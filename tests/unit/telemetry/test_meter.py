"""Instruments, snapshots of them, and how snapshots of several processes become one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dungeonfighter.hosting.instruments import (
    LATENCY_SECONDS,
    WAITING_MAX,
    Distribution,
    Family,
    Histogram,
    Snapshot,
)
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.telemetry.exposition import render
from dungeonfighter.telemetry.meter import MeterRegistry, advance, delta, merge, without_gauges
from tests.unit.telemetry.exposition import parse

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Worker:
    """A meter with one instrument of each kind, and gauges that merge in each way."""

    def __init__(self, meter: Meter | None = None) -> None:
        self.registry = MeterRegistry()
        meter = meter or self.registry
        self.turns = meter.counter("turns_total", "Turns.")
        self.ended = meter.counters("ended_total", "Runs.", "result", ("won", "died"))
        self.rows = meter.summary("rows", "Rows.")
        self.seconds = meter.histogram("seconds", "Time.", (0.5, 1))
        self.gauges = [
            meter.gauge("games", "Games."),
            meter.gauge("log", "Log.", merge="max"),
            meter.gauge("up", "Up.", merge="min"),
        ]

    def do(self, act: int) -> None:
        """Change one of the six groups of instruments by one of nine amounts."""
        amount, kind = divmod(act, 6)
        if kind < 3:
            self.gauges[kind].set(amount)
        elif kind < 5:
            self.ended["won" if kind == 3 else "died"].add(amount)
        else:
            self.turns.value += amount
            self.rows.observe(amount)
            self.seconds.observe(amount * 0.1234567)


def snapshot_of(work: list[int], known: int) -> Snapshot:
    """Return the snapshot of a worker after these changes; `known` has a bit for each metric it declares."""
    worker = Worker()
    for act in work:
        worker.do(act)
    families = worker.registry.collect().families
    return Snapshot({
        name: family for place, (name, family) in enumerate(families.items()) if known & 1 << place
    })  # fmt: skip


acts = st.integers(0, 6 * 9 - 1)
works = st.lists(acts, max_size=6)
snapshots = st.builds(snapshot_of, works, st.integers(0, 127))


@QUICK
@given(snapshots, snapshots, snapshots)
def test_merging_is_associative_and_commutative(one: Snapshot, other: Snapshot, third: Snapshot) -> None:
    assert merge(one, other) == merge(other, one)
    assert merge(merge(one, other), third) == merge(one, merge(other, third))


@QUICK
@given(snapshots)
def test_merging_with_an_empty_snapshot_is_the_identity(one: Snapshot) -> None:
    assert merge(one, Snapshot()) == one == merge(Snapshot(), one)


@QUICK
@given(works, works)
def test_a_delta_plus_what_was_before_is_what_is_now(first: list[int], then: list[int]) -> None:
    worker = Worker()
    for act in first:
        worker.do(act)
    before = worker.registry.collect()
    for act in then:
        worker.do(act)
    now = worker.registry.collect()
    assert advance(before, delta(now, before)) == now
    assert advance(Snapshot(), delta(now, Snapshot())) == now


@QUICK
@given(st.lists(st.tuples(st.integers(0, 1), acts, st.booleans()), max_size=10))
def test_deltas_of_workers_add_up_to_what_one_process_would_have_counted(
    work: list[tuple[int, int, bool]],
) -> None:
    together, workers = Worker(), [Worker(), Worker()]
    reported, shown = [Snapshot(), Snapshot()], [Snapshot(), Snapshot()]
    for number, act, reports in work:
        together.do(act)
        workers[number].do(act)
        if reports:
            now = workers[number].registry.collect()
            shown[number] = advance(shown[number], delta(now, reported[number]))
            reported[number] = now
    for number in (0, 1):
        now = workers[number].registry.collect()
        shown[number] = advance(shown[number], delta(now, reported[number]))
    total, expected = without_gauges(merge(*shown)), without_gauges(together.registry.collect())
    for name in ("turns_total", "ended_total", "rows"):
        assert total.families[name] == expected.families[name]
    one, other = total.distribution("seconds"), expected.distribution("seconds")
    assert one.counts == other.counts
    assert abs(one.sum - other.sum) <= 2  # each process rounds its sum to a millionth


@QUICK
@given(snapshots)
def test_a_snapshot_survives_the_way_between_processes(one: Snapshot) -> None:
    assert msgspec.json.decode(msgspec.json.encode(one), type=Snapshot) == one


@pytest.mark.parametrize(("name", "expected"), [("games", 5), ("log", 3), ("up", 2)])
def test_a_gauge_is_merged_as_it_was_declared(name: str, expected: int) -> None:
    first, second = Worker(), Worker()
    for one, other in zip(first.gauges, second.gauges, strict=True):
        one.set(2)
        other.set(3)
    assert merge(first.registry.collect(), second.registry.collect()).value(name) == expected


def test_a_metric_that_is_declared_in_two_ways_is_not_merged() -> None:
    one = Snapshot({"a": Family("gauge", "A.", {"": 1})})
    other = Snapshot({"a": Family("gauge", "A.", {"": 1}, merge="max")})
    with pytest.raises(ValueError, match="two ways"):
        merge(one, other)


def test_a_gauge_may_be_read_when_it_is_collected() -> None:
    registry, games = MeterRegistry(), [1, 2]
    registry.gauge("games", "Games.", read=lambda: len(games))
    games.append(3)
    assert registry.collect().value("games") == 3


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (0.0001, 0), (0.00011, 1), (0.05, 8), (10.0, 15), (10.1, 16), (1e9, 16)]
)
def test_a_bound_belongs_to_its_bucket(value: float, bucket: int) -> None:
    histogram = Histogram(LATENCY_SECONDS)
    histogram.observe(value)
    assert histogram.counts[bucket] == 1
    assert sum(histogram.counts) == 1


@QUICK
@given(st.lists(st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.25, 8.0]), max_size=20), st.integers(1, 7))
def test_observations_that_wait_are_counted_as_if_each_were_at_once(values: list[float], every: int) -> None:
    histogram = Histogram((0.5, 1.0))
    for number, value in enumerate(values):
        histogram.observe(value)
        if number % every == 0:
            histogram.settle()
    bounds = [0.5, 1.0, float("inf")]
    places = [next(place for place, bound in enumerate(bounds) if value <= bound) for value in values]
    assert histogram.counts == tuple(places.count(place) for place in range(3))
    assert histogram.sum == sum(values)


def test_a_histogram_that_nobody_reads_stays_small() -> None:
    histogram = Histogram(LATENCY_SECONDS)
    for _ in range(WAITING_MAX + 5):
        histogram.observe(0.2)
    assert len(histogram.waiting) == 5
    assert histogram.counts[10] == sum(histogram.counts) == WAITING_MAX + 5


@pytest.mark.parametrize(
    "make",
    [
        lambda meter: meter.gauge("games", "Again."),
        lambda meter: meter.counter("turns", "A counter without _total."),
        lambda meter: meter.gauge("turns_total", "A gauge with it."),
        lambda meter: meter.gauge("Turns", "A capital."),
        lambda meter: meter.gauge("turns-now", "A hyphen."),
        lambda meter: meter.counters("turns_total", "A bad label.", "a b", ("c",)),
        lambda meter: meter.histogram("seconds", "No bounds.", ()),
        lambda meter: meter.histogram("seconds", "Bounds that do not ascend.", (1, 1)),
    ],
)
def test_what_prometheus_would_not_accept_is_refused_when_it_is_made(make: Callable[[Meter], object]) -> None:
    registry = MeterRegistry()
    registry.gauge("games", "Games.")
    with pytest.raises(ValueError, match=r"."):
        make(registry)
    assert set(registry.collect().families) == {"games"}


def test_a_snapshot_is_rendered_in_the_text_format() -> None:
    worker = Worker()
    worker.gauges[0].set(2.5)
    for seconds in (0.25, 0.5, 0.75, 7.0):
        worker.seconds.observe(seconds)
        worker.rows.observe(3)
    metrics = parse(render(worker.registry.collect()))
    assert list(metrics) == ["turns_total", "ended_total", "rows", "seconds", "games", "log", "up"]
    assert metrics["seconds"].series == {
        ("seconds_bucket", (("le", "0.5"),)): 2, ("seconds_bucket", (("le", "1.0"),)): 3,
        ("seconds_bucket", (("le", "+Inf"),)): 4, ("seconds_sum", ()): 8.5, ("seconds_count", ()): 4,
    }  # fmt: skip
    assert [one.kind for one in metrics.values()] == [
        "counter", "counter", "summary", "histogram", "gauge", "gauge", "gauge",
    ]  # fmt: skip
    assert metrics["rows"].series == {("rows_sum", ()): 12, ("rows_count", ()): 4}
    assert metrics["ended_total"].series[("ended_total", (("result", "won"),))] == 0
    assert metrics["games"].series == {("games", ()): 2.5}


@QUICK
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_value_of_a_label_is_read_as_it_was_written(value: str) -> None:
    registry = MeterRegistry()
    registry.counters("turns_total", "Turns,\nof \\ heroes.", "name", (value,))["" or value].add(7)
    (turns,) = parse(render(registry.collect())).values()
    assert turns.series == {("turns_total", (("name", value),)): 7}
    assert turns.purpose == r"Turns,\nof \\ heroes."


def test_an_empty_histogram_has_all_its_buckets() -> None:
    registry = MeterRegistry()
    registry.histogram("seconds", "Time.")
    lines = render(registry.collect()).decode().splitlines()
    assert 'seconds_bucket{le="0.0001"} 0' in lines
    assert 'seconds_bucket{le="10.0"} 0' in lines
    assert len(lines) == 2 + len(LATENCY_SECONDS) + 1 + 2


def test_a_distribution_knows_its_mean() -> None:
    assert Distribution((1, 1), 3_000_000).mean == 1.5
