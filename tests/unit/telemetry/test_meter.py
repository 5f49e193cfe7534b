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
from dungeonfighter.telemetry.exposition import render, wants_openmetrics
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
        self.seconds = meter.histogram("seconds", "Time.", bounds=(0.5, 1))
        self.busy = 0
        meter.read_counters("busy_total", "Busy.", ("worker",), {("0",): lambda: self.busy}, divisor=1000)
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
            self.seconds.exemplify(amount * 0.1234567, f"trace-{amount}", amount)
            self.busy += amount


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
snapshots = st.builds(snapshot_of, works, st.integers(0, 255))


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
    for name in ("turns_total", "ended_total", "rows", "busy_total"):
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
    ("value", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (0.05, 5), (10.0, 12), (10.1, 13), (1e9, 13)]
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
    assert histogram.counts[7] == sum(histogram.counts) == WAITING_MAX + 5


@pytest.mark.parametrize(
    "make",
    [
        lambda meter: meter.gauge("games", "Again."),
        lambda meter: meter.counter("turns", "A counter without _total."),
        lambda meter: meter.gauge("turns_total", "A gauge with it."),
        lambda meter: meter.gauge("Turns", "A capital."),
        lambda meter: meter.gauge("turns-now", "A hyphen."),
        lambda meter: meter.counters("turns_total", "A bad label.", "a b", ("c",)),
        lambda meter: meter.histogram("seconds", "No bounds.", bounds=()),
        lambda meter: meter.histogram("seconds", "Bounds that do not ascend.", bounds=(1, 1)),
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
    assert list(metrics) == [
        "turns_total", "ended_total", "rows", "seconds", "busy_total", "games", "log", "up",
    ]  # fmt: skip
    assert metrics["seconds"].series == {
        ("seconds_bucket", (("le", "0.5"),)): 2, ("seconds_bucket", (("le", "1.0"),)): 3,
        ("seconds_bucket", (("le", "+Inf"),)): 4, ("seconds_sum", ()): 8.5, ("seconds_count", ()): 4,
    }  # fmt: skip
    assert [one.kind for one in metrics.values()] == [
        "counter", "counter", "summary", "histogram", "counter", "gauge", "gauge", "gauge",
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
    assert 'seconds_bucket{le="0.001"} 0' in lines
    assert 'seconds_bucket{le="10.0"} 0' in lines
    assert len(lines) == 2 + len(LATENCY_SECONDS) + 1 + 2


def test_a_distribution_knows_its_mean() -> None:
    assert Distribution((1, 1), 3_000_000).mean == 1.5


def test_a_counter_that_is_read_is_shown_divided() -> None:
    worker = Worker()
    for busy, shown in ((0, b"0"), (1, b"0.001"), (1500, b"1.5"), (2000, b"2")):
        worker.busy = busy
        assert b'\nbusy_total{worker="0"} %b\n' % shown in render(worker.registry.collect())


def test_series_by_several_labels_are_read_when_they_are_collected() -> None:
    registry = MeterRegistry()
    registry.read_gauges("build_info", "Build.", ("version", "build"), {("1.0", "a"): lambda: 1})
    registry.histograms("seconds", "Time.", "tool", ("a", "b"))["b"].observe(0.01)
    metrics = parse(render(registry.collect()))
    assert metrics["build_info"].series == {("build_info", (("version", "1.0"), ("build", "a"))): 1}
    assert metrics["seconds"].series[("seconds_count", (("tool", "a"),))] == 0
    assert metrics["seconds"].series[("seconds_bucket", (("tool", "b"), ("le", "0.01")))] == 1
    (build, seconds) = registry.declared()
    assert build.labels == {"version": ["1.0"], "build": ["a"]}
    assert seconds.labels == {"tool": ["a", "b"]}


def lines_of(histogram: Callable[[MeterRegistry], Histogram], *, openmetrics: bool = True) -> list[str]:
    registry = MeterRegistry()
    histogram(registry)
    return render(registry.collect(), openmetrics=openmetrics).decode().splitlines()


def example(trace_id: str) -> Callable[[MeterRegistry], Histogram]:
    def make(registry: MeterRegistry) -> Histogram:
        histogram = registry.histogram("seconds", "Time.", bounds=(0.5, 1))
        for value, at in ((0.25, 9.0), (0.5, 10.5), (7.0, 11.0)):
            histogram.observe(value)
            histogram.exemplify(value, trace_id, at)
        return histogram

    return make


def test_the_newest_example_of_a_bucket_is_shown_with_its_trace() -> None:
    lines = lines_of(example("0af7"))
    assert 'seconds_bucket{le="0.5"} 2 # {trace_id="0af7"} 0.5 10.500' in lines
    assert 'seconds_bucket{le="1.0"} 2' in lines
    assert 'seconds_bucket{le="+Inf"} 3 # {trace_id="0af7"} 7.0 11.000' in lines


@pytest.mark.parametrize(("length", "is_shown"), [(120, True), (121, False)])
def test_an_example_that_is_too_long_is_dropped_and_its_observation_is_not(
    length: int, *, is_shown: bool
) -> None:
    lines = lines_of(example("a" * length))
    assert any("# {" in line for line in lines) is is_shown
    assert "seconds_count 3" in lines


def test_the_old_text_format_has_no_examples() -> None:
    assert not any("# {" in line for line in lines_of(example("0af7"), openmetrics=False))


def test_of_two_workers_the_newer_example_of_a_bucket_is_shown() -> None:
    snapshots = []
    for trace, at in (("old", 1.0), ("new", 2.0)):
        registry = MeterRegistry()
        registry.histogram("seconds", "Time.", bounds=(1,)).exemplify(0.5, trace, at)
        snapshots.append(registry.collect())
    for one, other in (snapshots, snapshots[::-1]):
        assert b'trace_id="new"' in render(merge(one, other), openmetrics=True)


def test_openmetrics_names_counters_without_total_and_ends_with_eof() -> None:
    def make(registry: MeterRegistry) -> Histogram:
        registry.counter("turns_total", 'Turns, "all".').add(2)
        return registry.summary("rows", "Rows.")

    assert lines_of(make) == [
        r"# HELP turns Turns, \"all\".", "# TYPE turns counter", "turns_total 2",
        "# HELP rows Rows.", "# TYPE rows summary", "rows_sum 0", "rows_count 0", "# EOF",
    ]  # fmt: skip


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2, True), (PROMETHEUS_3, True), ("Application/OpenMetrics-Text ; q=1", True),
        ("", False), ("*/*", False), ("text/plain", False), ("text/html,*/*;q=0.8", False),
        ("application/openmetrics-text;q=0", False), ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;version=7.0.0", False),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.9", False), (";;;=,q=1,;", False),
    ],
)  # fmt: skip
def test_a_scraper_gets_the_format_that_it_prefers(accept: str, *, expected: bool) -> None:
    assert wants_openmetrics(accept) is expected
