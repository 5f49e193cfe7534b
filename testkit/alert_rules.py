"""The alert rules as they are shipped, and the same with all times shortened for tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent.parent / "deploy" / "prometheus"
RULES: Final = FOLDER / "rules.yml"
_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhd])")
_PLACES: Final = re.compile(
    r"(?P<before>\[|:(?=\d+[smhd]\])|\boffset |\b(?:for|keep_firing_for|interval): )"
    r"(?P<duration>(?:\d+(?:ms|[smhd]))+)"
)
"""A duration of a rule, with what stands before it: a range, the step of a subquery, an offset, a field."""
METRIC: Final = re.compile(r"(?<![\w:])(up|(?:mcp|process|haproxy|probe)_[a-z0-9_]+)\b")


def groups(text: str | None = None) -> list[dict[str, Any]]:
    """Return the groups of rules, by default those that are shipped."""
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8") if text is None else text)["groups"]
    return found


def alerts(text: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the alert rules; several may have one name, and differ in their labels."""
    for group in groups(text):
        yield from (rule for rule in group["rules"] if "alert" in rule)


def metrics(text: str) -> set[str]:
    """Return the names of the scraped metrics that the rules of a text ask for."""
    expressions = [rule["expr"] for group in groups(text) for rule in group["rules"]]
    without_labels = [re.sub(r"\b(?:by|on|without) \([^)]*\)", "", one) for one in expressions]
    return {name for one in without_labels for name in METRIC.findall(one)}


def milliseconds(duration: str) -> int:
    """Return a duration of Prometheus, for example `1h30m`."""
    return sum(int(count) * _UNITS[unit] for count, unit in _DURATION.findall(duration))


def shortened(text: str, divisor: float) -> str:
    """Return rules whose times are all divided by a number: ranges, offsets, waits, intervals.

    The names of recorded rules keep their windows, and numbers in expressions stay as they are.
    """

    def short(found: re.Match[str]) -> str:
        return f"{found['before']}{max(1, round(milliseconds(found['duration']) / divisor))}ms"

    return _PLACES.sub(short, text)


def is_expected(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return True if an alert with these labels comes from a rule."""
    return all(labels.get(name) == value for name, value in rule["labels"].items())
