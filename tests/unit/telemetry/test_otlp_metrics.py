"""A snapshot as a request of OTLP: every kind of metric, and labels of every kind."""

from __future__ import annotations

import json
from typing import Any

from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.otlp_metrics import export_request

TIMES = {"startTimeUnixNano": "5", "timeUnixNano": "7"}


def exported(meter: MeterRegistry) -> dict[str, Any]:
    body = export_request(meter.collect(), {"service.name": "game"}, began_nanoseconds=5, now_nanoseconds=7)
    (resource,) = json.loads(body)["resourceMetrics"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "game"}}]
    (scope,) = resource["scopeMetrics"]
    return {metric["name"]: metric for metric in scope["metrics"]}


def test_a_counter_is_a_cumulative_sum_with_its_labels() -> None:
    meter = MeterRegistry()
    strange = 'a"b\\c\nd=,'
    counters = meter.counters("a_total", "All of them.", "kind", ("one", strange))
    counters[strange].add(3)
    metric = exported(meter)["a_total"]
    assert metric["description"] == "All of them."
    assert metric["sum"]["isMonotonic"] is True
    assert metric["sum"]["aggregationTemporality"] == 2
    points = {point["attributes"][0]["value"]["stringValue"]: point for point in metric["sum"]["dataPoints"]}
    assert points[strange] == {
        "attributes": [{"key": "kind", "value": {"stringValue": strange}}], **TIMES, "asDouble": 3
    }  # fmt: skip
    assert points["one"]["asDouble"] == 0


def test_a_gauge_is_its_value() -> None:
    meter = MeterRegistry()
    meter.gauge("up", "Is it?", read=lambda: 0.5)
    assert exported(meter)["up"]["gauge"] == {"dataPoints": [{"attributes": [], **TIMES, "asDouble": 0.5}]}


def test_a_histogram_has_a_count_for_each_bucket() -> None:
    meter = MeterRegistry()
    histogram = meter.histogram("seconds", "How long?", bounds=(0.1, 1))
    for value in (0.05, 0.5, 0.5, 3):
        histogram.observe(value)
    (point,) = exported(meter)["seconds"]["histogram"]["dataPoints"]
    assert point["explicitBounds"] == [0.1, 1.0]
    assert point["bucketCounts"] == ["1", "2", "1"]
    assert (point["count"], point["sum"]) == ("4", 4.05)


def test_a_summary_has_a_sum_and_a_count() -> None:
    meter = MeterRegistry()
    meter.summary("rows", "How many?").observe(3)
    (point,) = exported(meter)["rows"]["summary"]["dataPoints"]
    assert (point["count"], point["sum"]) == ("1", 3)
