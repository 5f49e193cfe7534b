"""A strict parser for tests of the text format 0.0.4 of Prometheus; it rejects every doubtful text.

Source: Prometheus, "Exposition formats", text format.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_HELP: Final = re.compile(r"# HELP ([a-z_]+) (.+)")
_TYPE: Final = re.compile(r"# TYPE ([a-z_]+) (counter|gauge|histogram|summary)")
_SERIES: Final = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[0-9.e+-]+)')
_LABEL: Final = re.compile(r'([a-z]+)="((?:[^"\\]|\\[\\"n])*)"')
_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_PLAIN: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """One parsed metric: its series by name and labels."""

    kind: str
    purpose: str
    series: dict[tuple[str, Labels], float]


def parse(body: bytes) -> dict[str, Metric]:
    """Parse the body of an answer of `/metrics`.

    Raises:
        AssertionError: The body is not well formed, or a histogram contradicts itself.
    """
    text = body.decode()
    assert text.endswith("\n")
    metrics: dict[str, Metric] = {}
    lines = iter(text.removesuffix("\n").split("\n"))
    metric: Metric | None = None
    name = ""
    for line in lines:
        if line.startswith("# HELP"):
            help_line, type_line = _HELP.fullmatch(line), _TYPE.fullmatch(next(lines))
            assert help_line, line
            assert type_line, line
            name = help_line[1]
            assert type_line[1] == name
            assert name not in metrics, f"{name} is there twice"
            metric = metrics[name] = Metric(type_line[2], help_line[2], {})
            continue
        found = _SERIES.fullmatch(line)
        assert found, line
        assert metric, line
        suffixes = _SUFFIXES.get(metric.kind, ("",))
        assert found[1] in {name + suffix for suffix in suffixes}, f"{line} stands below {name}"
        labels = _labels(found[2] or "")
        assert (found[1], labels) not in metric.series, f"{line} is there twice"
        metric.series[found[1], labels] = float(found[3])
    for name, one in metrics.items():
        assert one.series, f"{name} has no series"
        if one.kind == "histogram":
            _check_histogram(name, one)
    return metrics


def _labels(text: str) -> Labels:
    labels = tuple(
        (name, re.sub(r"\\.", lambda found: _PLAIN[found[0]], value)) for name, value in _LABEL.findall(text)
    )
    assert len(dict(labels)) == len(labels), text
    return labels


def _check_histogram(name: str, metric: Metric) -> None:
    counts: dict[Labels, list[tuple[float, float]]] = {}
    for (series, labels), count in metric.series.items():
        if series == f"{name}_bucket":
            assert labels[-1][0] == "le", f"{name}: the bound is the last label"
            counts.setdefault(labels[:-1], []).append((float(labels[-1][1]), count))
    assert counts, f"{name} has no buckets"
    for labels, buckets in counts.items():
        assert buckets == sorted(buckets), f"{name}: buckets ascend and are cumulative"
        assert buckets[-1] == (float("inf"), metric.series[f"{name}_count", labels])
