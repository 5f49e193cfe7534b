"""Writes docs/metrics.md from the declarations of the metrics: `make docs`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.ingress.metrics import IngressMetrics
from dungeonfighter.mcp.tool_metrics import OTHER
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.composition import compose
from dungeonfighter.serving.outside_metrics import declare_outside_metrics
from dungeonfighter.serving.verifying import Verifying
from dungeonfighter.setting_values import Prometheus
from dungeonfighter.settings import Settings
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.telemetry.meter import Declared, MeterRegistry
from dungeonfighter.telemetry.process_metrics import declare_restarts
from dungeonfighter.telemetry.span_metrics import declare_span_metrics
from tests.unit.house.sources import ROOT

DOCUMENT: Final = ROOT / "docs" / "metrics.md"
_VALUES_SHOWN: Final = 12
_UNITS: Final = {"seconds": "seconds", "bytes": "bytes", "size": "rows", "tokens": "tokens"}
_MERGES: Final = {"sum": "sum", "max": "highest value", "min": "lowest value"}
_HEAD: Final = """# Metrics

`GET /metrics` serves these metrics to Prometheus, as text or as OpenMetrics (with exemplars), whichever the
scraper asks for. This page is made from the code: `make docs`.

Every series is there with 0 from the first scrape. Bot ids are never labels: `dungeonfighter bots list` and
`bots show` answer questions about bots. With several workers each worker answers with the sum over all of
them, which never steps down while the parent lives. The parent keeps the counts of a worker that ended,
except for those of the last second before a `kill -9`, and drops its gauges. Each metric says how the values
of workers become one. `worker` is the number of a worker, which its successor inherits, or `parent`.

The buckets of latencies go from 1 ms to 10 s, three a decade. Alert on the share of answers below a bound,
for example `mcp_response_time_seconds_bucket{le="0.05"}` by `mcp_response_time_seconds_count`, rather than on
a quantile. Prometheus 3 writes bounds as `le="1.0"`, as this server does. Exemplars need
`--enable-feature=exemplar-storage` in Prometheus.

`mcp_store_free_bytes` and `mcp_wal_bytes` are there with SQLite, `mcp_redis_up` with a Redis,
`mcp_metrics_push_up` where metrics are pushed, and the metrics of spans and traces where traces are sent.

The metrics that begin with `mcp_ingress_` belong to the process `dungeonfighter ingress`, which serves them
at its own address (`--listen`, [ingress.md](ingress.md)), with those of its host: turns, commits, store.

"""


def declare_all(store: RankingStore | None = None) -> MeterRegistry:
    """Declare every metric that a server can have; the store, by default one of SQLite, need not be open."""
    registry = MeterRegistry()
    clock = SystemClock()
    host = BotHost(
        store=store or SqliteStore(Path("none.db")), rules=ShippedRules([load_rules()]), clock=clock,
        chance=SystemChance(), meter=registry,
    )  # fmt: skip
    settings = Settings(redis_url="redis://redis", prometheus=Prometheus(url="http://prometheus/receiver"))
    compose(settings, host, BoundedAdmission(Rates(RateSettings(), clock.now)))
    declare_outside_metrics(settings, registry, redis_up=bool, push_up=bool)
    declare_restarts(registry)
    declare_span_metrics(registry, int)
    Verifying([], {}, is_needed=False).declare(registry)
    IngressMetrics(registry, lag={}, is_up=bool, streams_held=int)
    return registry


def document(declared: Sequence[Declared]) -> str:
    """Return the text of docs/metrics.md."""
    return _HEAD + "\n".join(_section(one) for one in sorted(declared))


def _section(one: Declared) -> str:
    lines = [f"## {one.name}", "", one.family.purpose, "", f"* {_form(one)}"]
    lines += [
        _wrapped(f"* label `{label}`: {_values(label, values)}") for label, values in one.labels.items()
    ]
    return "\n".join([*lines, _wrapped(f"* What to do: {one.advice}"), ""])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 108, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _form(one: Declared) -> str:
    family = one.family
    base = one.name.removesuffix("_total")
    unit = next((unit for end, unit in _UNITS.items() if base.endswith(f"_{end}")), "a count")
    unit = "connections" if base == "mcp_store_pool_size" else unit
    unit = "0 or 1" if base.endswith(("_up", "_draining", "_unsafe", "_info")) else unit
    if "worker" in one.labels:
        workers = "one series for each worker"
    elif family.kind == "gauge" and one.name != "mcp_active_bots":
        workers = f"over workers: {_MERGES[family.merge]}"
    else:
        workers = "over workers: each bot once" if family.kind == "gauge" else "over workers: sum"
    return f"{family.kind}; {unit}; {workers}"


def _values(label: str, values: Sequence[str]) -> str:
    if label in {"worker", "build", "version"}:
        return {"worker": "its number, or `parent`", "build": "a digest", "version": "the release"}[label]
    shown = ", ".join(f"`{value}`" for value in values[:_VALUES_SHOWN])
    if len(values) <= _VALUES_SHOWN:
        return shown
    if label == "tool":
        return "the name of the tool" + (
            ", or `other` for requests that call none" if OTHER in values else ""
        )
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    DOCUMENT.write_text(document(declare_all().declared()), "utf-8")
    sys.stdout.write(f"wrote {DOCUMENT.relative_to(ROOT)}\n")
