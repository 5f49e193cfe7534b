"""The share of the servers in a report: their work, time, memory and database during a load.

Sums are increases between readings of `/metrics`, added up over the servers. A counter that falls belongs to
a server that was started anew, and counts from 0, as in Prometheus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct, field

from dungeonfighter.fleet.report_metrics import MetricsWatch, Scrape, Series, label

_TURNS: Final = "handle_input"
_MS: Final = 1000.0


class Level(Struct, frozen=True):
    """A level before the load, its mean and highest value during it, and its value after it."""

    before: float
    mean: float
    highest: float
    after: float


class ServerMoment(Struct, frozen=True):
    """The servers between two readings; a figure without an event in that time is None.

    Attributes:
        seconds: The end of that time, since the load began.
        answer_ms: The mean time of an answer to `handle_input` inside the servers.
        wal_bytes: None where the store has no such file.
    """

    seconds: float
    turns_per_second: float
    processor_cores: float
    memory_bytes: float
    conflicts: float
    pool_in_use: float
    wal_bytes: float | None = None
    answer_ms: float | None = None
    commit_ms: float | None = None
    commit_rows: float | None = None
    tokens_per_turn: float | None = None


class Servers(Struct, frozen=True):
    """All servers of a load, over its measured time.

    Attributes:
        urls: The addresses of the metrics.
        problems: One sentence for each address that could not be read at some time.
        versions: The releases that ran.
        seconds: The time from the first reading of the measured time to the last one; 0 without readings.
        turns: Committed inputs and new runs.
        inputs: Answered calls of `handle_input`, from which the tokens and times of an answer come.
        answer_ms: Times of answers inside the servers: `mean`, and `p50`, `p95`, `p99` from the buckets.
        commit_ms: The same of commits.
        pool_size: Connections to the store that the servers may use.
        levels: `memory_bytes`, `pool_in_use`, `hot_games`, and `wal_bytes` where there is one.
        moments: The course of the load.
    """

    urls: list[str] = []
    problems: list[str] = []
    versions: list[str] = []
    seconds: float = 0.0
    turns: float = 0.0
    inputs: float = 0.0
    tokens_per_turn: float = 0.0
    processor_seconds: float = 0.0
    processor_cores: float = 0.0
    processor_us_per_turn: float = 0.0
    answer_ms: dict[str, float] = field(default_factory=dict)
    commits: float = 0.0
    commit_ms: dict[str, float] = field(default_factory=dict)
    commit_rows: float = 0.0
    conflicts: float = 0.0
    settled: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    rejected: dict[str, float] = field(default_factory=dict)
    pool_size: float = 0.0
    levels: dict[str, Level] = field(default_factory=dict)
    moments: list[ServerMoment] = []


Increase = Mapping[Series, float]


def sum_up(
    watch: MetricsWatch, began: float, measured_from: float = 0.0, measured_until: float = float("inf")
) -> Servers:
    """Sum up the readings of a watch.

    Args:
        watch: It has been stopped.
        began: The beginning of the load, as `perf_counter`.
        measured_from: The seconds of its warm-up; readings from before it count as `before` only.
        measured_until: The seconds up to the end of its measured time; later readings count as `after` only.
    """
    read = [scrapes for scrapes in watch.scrapes() if len(scrapes) > 1]
    problems = list(watch.problems.values())
    if not read:
        return Servers(urls=watch.urls, problems=problems)
    windows = [_window(scrapes, began + measured_from, began + measured_until) for scrapes in read]
    whole = _sum(increase(window) for window in windows)
    seconds = max(window[-1].at - window[0].at for window in windows)
    last = _sum(scrapes[-1].values for scrapes in read)
    inputs, tokens = _inputs(whole)
    turns, spent = _total(whole, "mcp_turns_total"), _total(whole, "process_cpu_seconds_total")
    commits, rows = _total(whole, "mcp_commit_seconds_count"), _total(whole, "mcp_commit_batch_size_sum")
    return Servers(
        urls=watch.urls,
        problems=problems,
        versions=sorted({label(series, "version") for series in last if series.metric == "mcp_build_info"}),
        seconds=round(seconds, 3),
        turns=turns,
        inputs=inputs,
        tokens_per_turn=round(tokens / inputs, 2) if inputs else 0.0,
        processor_seconds=round(spent, 3),
        processor_cores=round(spent / seconds, 3) if seconds else 0.0,
        processor_us_per_turn=round(spent / turns * 1e6, 1) if turns else 0.0,
        answer_ms=_times(whole, "mcp_response_time_seconds", _TURNS),
        commits=commits,
        commit_ms=_times(whole, "mcp_commit_seconds", ""),
        commit_rows=round(rows / commits, 2) if commits else 0.0,
        conflicts=_total(whole, "mcp_store_conflicts_total"),
        settled=_total(whole, "mcp_store_settled_total"),
        errors=_by_label(whole, "mcp_errors_total", "code"),
        rejected=_by_label(whole, "mcp_rejected_total", "reason"),
        pool_size=_total(last, "mcp_store_pool_size"),
        levels=_levels(read, windows),
        moments=list(_moments(read, began)),
    )


def increase(scrapes: Sequence[Scrape]) -> dict[Series, float]:
    """Return the growth of each series over the readings of one server."""
    grown: dict[Series, float] = {}
    for before, after in pairwise(scrapes):
        for series, value in after.values.items():
            step = value - before.values.get(series, 0.0)
            grown[series] = grown.get(series, 0.0) + (step if step >= 0 else value)
    return grown


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Return the value below which `share` of all events lie, straight between the bounds of its bucket.

    Args:
        buckets: (upper bound, number of events up to it), in ascending order; the last bound is infinite.
        share: From 0 to 1.

    Source: Prometheus, "histogram_quantile".
    """
    count = buckets[-1][1] if buckets else 0.0
    if not count:
        return 0.0
    wanted, low, below = share * count, 0.0, 0.0
    for bound, up_to in buckets:
        if up_to >= wanted and up_to > below:
            return low if bound == float("inf") else low + (bound - low) * (wanted - below) / (up_to - below)
        low, below = bound, up_to
    return low


def _window(scrapes: Sequence[Scrape], begin: float, end: float) -> Sequence[Scrape]:
    """Return the readings of the measured time, all if it has less than two."""
    measured = [scrape for scrape in scrapes if begin <= scrape.at <= end]
    return measured if len(measured) > 1 else scrapes


def _sum(parts: Iterator[Mapping[Series, float]]) -> Counter[Series]:
    total: Counter[Series] = Counter()
    for part in parts:
        for series, value in part.items():
            total[series] += value  # type: ignore[assignment]  # sums of metrics are floats
    return total


def _total(values: Increase, metric: str) -> float:
    return sum(value for series, value in values.items() if series.metric == metric)


def _inputs(values: Increase) -> tuple[float, float]:
    """Return the answered calls of `handle_input`, and the tokens of their answers."""

    def of_turns(metric: str) -> float:
        return sum(
            value for series, value in values.items()
            if series.metric == metric and label(series, "tool") == _TURNS
        )  # fmt: skip

    return of_turns("mcp_bot_interactions_total"), of_turns("mcp_response_tokens_total")


def _by_label(values: Increase, metric: str, name: str) -> dict[str, float]:
    found = ((label(series, name), value) for series, value in values.items() if series.metric == metric)
    return {kind: value for kind, value in sorted(found) if value}


def _times(values: Increase, metric: str, tool: str) -> dict[str, float]:
    """Return mean and quantiles of a histogram in milliseconds; empty without an event."""
    wanted = {series: value for series, value in values.items() if label(series, "tool") == tool}
    count, seconds = _total(wanted, f"{metric}_count"), _total(wanted, f"{metric}_sum")
    if not count:
        return {}
    by_bound: Counter[float] = Counter()
    for series, value in wanted.items():
        if series.metric == f"{metric}_bucket":
            by_bound[float(label(series, "le"))] += value  # type: ignore[assignment]
    buckets = sorted(by_bound.items())
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    times = {"mean": seconds / count} | {name: quantile(buckets, share) for name, share in shares.items()}
    return {name: round(time * _MS, 3) for name, time in times.items()}


def _levels(read: Sequence[Sequence[Scrape]], windows: Sequence[Sequence[Scrape]]) -> dict[str, Level]:
    metrics = {
        "memory_bytes": "process_resident_memory_bytes", "pool_in_use": "mcp_store_pool_in_use",
        "hot_games": "mcp_hot_games", "wal_bytes": "mcp_wal_bytes",
    }  # fmt: skip
    present = {series.metric for scrapes in read for series in scrapes[-1].values}
    return {name: _level(read, windows, metric) for name, metric in metrics.items() if metric in present}


def _level(read: Sequence[Sequence[Scrape]], windows: Sequence[Sequence[Scrape]], metric: str) -> Level:
    """Add up a level over the servers; the n-th readings of all servers count as one moment."""
    during = [sum(_total(one.values, metric) for one in row) for row in zip(*windows, strict=False)]
    return Level(
        before=sum(_total(scrapes[0].values, metric) for scrapes in read),
        mean=round(sum(during) / len(during), 2),
        highest=max(during),
        after=sum(_total(scrapes[-1].values, metric) for scrapes in read),
    )


def _without_last_but_one(scrapes: Sequence[Scrape]) -> Sequence[Scrape]:
    """Leave the last reading but one out if the last came soon after it: rates of so short a time jump."""
    if len(scrapes) < 3:
        return scrapes
    usual, last = scrapes[-2].at - scrapes[-3].at, scrapes[-1].at - scrapes[-2].at
    return [*scrapes[:-2], scrapes[-1]] if last < usual / 2 else scrapes


def _moments(read: Sequence[Sequence[Scrape]], began: float) -> Iterator[ServerMoment]:
    """Yield the time between each two readings; the servers are read in turn, at nearly the same moments."""
    for row in zip(*map(pairwise, map(_without_last_but_one, read)), strict=False):
        passed = row[0][1].at - row[0][0].at
        grown = _sum(increase(pair) for pair in row)
        levels = _sum(after.values for _, after in row)
        inputs, tokens = _inputs(grown)
        commits = _total(grown, "mcp_commit_seconds_count")
        answers = _times(grown, "mcp_response_time_seconds", _TURNS)
        yield ServerMoment(
            seconds=round(row[0][1].at - began, 2),
            turns_per_second=round(_total(grown, "mcp_turns_total") / passed, 1),
            processor_cores=round(_total(grown, "process_cpu_seconds_total") / passed, 3),
            memory_bytes=_total(levels, "process_resident_memory_bytes"),
            conflicts=_total(grown, "mcp_store_conflicts_total"),
            pool_in_use=_total(levels, "mcp_store_pool_in_use"),
            wal_bytes=_total(levels, "mcp_wal_bytes") if Series("mcp_wal_bytes", "") in levels else None,
            answer_ms=answers.get("mean"),
            commit_ms=_times(grown, "mcp_commit_seconds", "").get("mean"),
            commit_rows=round(_total(grown, "mcp_commit_batch_size_sum") / commits, 2) if commits else None,
            tokens_per_turn=round(tokens / inputs, 2) if inputs else None,
        )
