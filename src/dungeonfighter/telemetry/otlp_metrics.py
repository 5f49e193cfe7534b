"""A snapshot of all metrics as a request of the OpenTelemetry protocol, in its JSON form.

Source: OpenTelemetry, "OTLP Specification", JSON Protobuf Encoding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dungeonfighter.hosting.instruments import MILLIONTHS, Distribution, Family, Snapshot, Value

_CUMULATIVE: Final = 2
_LABEL: Final = re.compile(r'([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)"')


def export_request(
    snapshot: Snapshot, resource: Mapping[str, str], *, began_nanoseconds: int, now_nanoseconds: int
) -> bytes:
    """Return the body of a POST to a receiver.

    Args:
        snapshot: All metrics; the counts are those since the beginning.
        resource: The attributes of the server, such as `service.name`.
        began_nanoseconds, now_nanoseconds: Begin and end of the counting, since 1970.
    """
    times = {"startTimeUnixNano": str(began_nanoseconds), "timeUnixNano": str(now_nanoseconds)}
    metrics = [
        {"name": name, "description": family.purpose, **_measurements(family, times)}
        for name, family in snapshot.families.items()
    ]
    scoped = {"scope": {"name": "dungeonfighter"}, "metrics": metrics}
    return msgspec.json.encode(
        {"resourceMetrics": [{"resource": {"attributes": _attributes(resource)}, "scopeMetrics": [scoped]}]}
    )


def _measurements(family: Family, times: dict[str, str]) -> dict[str, object]:
    points = [
        {"attributes": _attributes(_labels(labels)), **times, **_point(family, value)}
        for labels, value in family.values.items()
    ]
    if family.kind == "counter":
        return {"sum": {"dataPoints": points, "aggregationTemporality": _CUMULATIVE, "isMonotonic": True}}
    if family.kind == "histogram":
        return {"histogram": {"dataPoints": points, "aggregationTemporality": _CUMULATIVE}}
    return {family.kind: {"dataPoints": points}}


def _point(family: Family, value: Value) -> dict[str, Any]:
    if not isinstance(value, Distribution):
        return {"asDouble": value}
    point: dict[str, Any] = {"count": str(sum(value.counts)), "sum": value.sum / MILLIONTHS}
    if family.kind == "histogram":
        point |= {"bucketCounts": [str(one) for one in value.counts], "explicitBounds": family.bounds}
    return point


def _labels(text: str) -> dict[str, str]:
    """Split the labels of a series, which are kept as Prometheus writes them (`meter.label_text`)."""
    return {name: msgspec.json.decode(f'"{value}"') for name, value in _LABEL.findall(text)}


def _attributes(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
