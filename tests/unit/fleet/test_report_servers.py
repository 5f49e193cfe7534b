"""The share of the servers: increases over several servers, restarts, and quantiles from buckets."""

from __future__ import annotations

import pytest

from dungeonfighter.fleet.report_metrics import MetricsWatch, Scrape, parse
from dungeonfighter.fleet.report_servers import increase, quantile, sum_up


class Read(MetricsWatch):
    """A watch whose readings are given."""

    def __init__(self, *servers: list[Scrape]) -> None:
        super().__init__([f"http://server-{number}/metrics" for number in range(len(servers))], 1.0)
        self._given = list(servers)

    def scrapes(self) -> list[list[Scrape]]:
        return self._given


def scrape(at: float, **values: float) -> Scrape:
    """Return a reading; `handle_input` is the number of answers, each of 100 tokens and 2 ms."""
    calls = values.get("handle_input", 0.0)
    tool = 'tool="handle_input"'
    lines = [
        f"mcp_turns_total {values.get('turns', calls)}",
        f'mcp_bot_interactions_total{{{tool},outcome="ok"}} {calls}',
        f'mcp_bot_interactions_total{{tool="get_game_state",outcome="ok"}} {calls}',
        f"mcp_response_tokens_total{{{tool}}} {100 * calls}",
        f'mcp_response_tokens_total{{tool="get_game_state"}} {900 * calls}',
        f"mcp_response_time_seconds_sum{{{tool}}} {0.002 * calls}",
        f"mcp_response_time_seconds_count{{{tool}}} {calls}",
        f'mcp_response_time_seconds_bucket{{{tool},le="0.001"}} 0',
        f'mcp_response_time_seconds_bucket{{{tool},le="0.003"}} {calls}',
        f'mcp_response_time_seconds_bucket{{{tool},le="+Inf"}} {calls}',
        f"mcp_commit_seconds_sum {0.001 * calls / 2}",
        f"mcp_commit_seconds_count {calls / 2}",
        f"mcp_commit_batch_size_sum {calls}",
        f"mcp_commit_batch_size_count {calls / 2}",
        f"mcp_store_conflicts_total {values.get('conflicts', 0.0)}",
        f'mcp_errors_total{{code="run_over"}} {values.get("errors", 0.0)}',
        f'process_cpu_seconds_total{{worker="0"}} {0.0001 * calls}',
        f'process_resident_memory_bytes{{worker="0"}} {values.get("memory", 50e6)}',
        "mcp_store_pool_size 4",
        f"mcp_store_pool_in_use {values.get('pool', 1.0)}",
        'mcp_build_info{version="0.1.0",build="x"} 1',
    ]
    if "wal" in values:
        lines.append(f"mcp_wal_bytes {values['wal']}")
    return Scrape(at, parse("\n".join(lines)))


def test_figures_are_of_the_measured_time_only() -> None:
    watch = Read([
        scrape(10, handle_input=0), scrape(12, handle_input=500, wal=0),
        scrape(14, handle_input=900, errors=2, memory=60e6, wal=5000),
        scrape(16, handle_input=1300, errors=3, conflicts=4, memory=55e6, wal=1000),
    ])  # fmt: skip
    assert sum_up(watch, 10.0, 2.0, measured_until=4.0).turns == 400
    servers = sum_up(watch, began=10.0, measured_from=2.0)
    assert servers.seconds == 4
    assert (servers.turns, servers.inputs) == (800, 800)
    assert servers.tokens_per_turn == 100
    assert servers.processor_cores == pytest.approx(0.02)
    assert servers.processor_us_per_turn == 100
    assert servers.answer_ms == {"mean": 2.0, "p50": 2.0, "p95": 2.9, "p99": 2.98}
    assert (servers.commits, servers.commit_rows, servers.commit_ms["mean"]) == (400, 2.0, 1.0)
    assert (servers.conflicts, servers.errors, servers.rejected) == (4, {"run_over": 3}, {})
    assert servers.versions == ["0.1.0"]
    memory, log = servers.levels["memory_bytes"], servers.levels["wal_bytes"]
    assert (memory.before, memory.highest, memory.after) == (50e6, 60e6, 55e6)
    assert (log.before, log.highest, log.after) == (0, 5000, 1000)


def test_the_course_has_a_moment_for_each_two_readings() -> None:
    watch = Read([scrape(10, handle_input=0), scrape(12, handle_input=500), scrape(14, handle_input=500)])
    first, second = sum_up(watch, began=10.0).moments
    assert (first.seconds, first.turns_per_second, first.tokens_per_turn) == (2, 250, 100)
    assert (second.turns_per_second, second.tokens_per_turn, second.commit_ms) == (0, None, None)
    assert second.wal_bytes is None


def test_servers_are_added_up() -> None:
    one = [scrape(0, handle_input=0), scrape(2, handle_input=100)]
    other = [scrape(0.1, handle_input=1000), scrape(2.1, handle_input=1300, pool=3)]
    servers = sum_up(Read(one, other), began=0.0)
    assert servers.turns == 400
    assert servers.pool_size == 8
    assert servers.levels["pool_in_use"].after == 4
    assert servers.levels["memory_bytes"].after == 100e6


def test_a_restarted_server_counts_from_zero() -> None:
    grown = increase([scrape(0, turns=100), scrape(1, turns=150), scrape(2, turns=20), scrape(3, turns=30)])
    assert {series.metric: value for series, value in grown.items()}["mcp_turns_total"] == 50 + 20 + 10


def test_a_soon_last_reading_makes_no_moment_of_its_own() -> None:
    watch = Read([scrape(0, turns=0), scrape(2, turns=20), scrape(4, turns=40), scrape(4.1, turns=43)])
    assert [moment.turns_per_second for moment in sum_up(watch, 0.0).moments] == [10.0, 11.0]


def test_without_two_readings_there_is_only_the_problem() -> None:
    watch = Read([scrape(0, turns=1)])
    watch.problems = {"http://server-0/metrics": "refused"}
    servers = sum_up(watch, 0.0)
    assert servers.problems == ["refused"]
    assert (servers.seconds, servers.moments) == (0, [])


@pytest.mark.parametrize(("share", "seconds"), [(0.25, 0.5), (0.5, 1.0), (0.75, 1.5), (1.0, 2.0)], ids=str)
def test_quantiles_lie_within_their_bucket(share: float, seconds: float) -> None:
    assert quantile([(1.0, 10), (2.0, 20), (float("inf"), 20)], share) == pytest.approx(seconds)


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile([(1.0, 1), (float("inf"), 10)], 0.9) == 1.0
    assert quantile([], 0.5) == quantile([(1.0, 0.0)], 0.5) == 0.0
