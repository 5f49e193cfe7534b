"""The metrics of a whole server: the contract on their names and labels, and their documentation."""

from __future__ import annotations

import pytest

from dungeonfighter.hosting.metrics import REASONS
from dungeonfighter.ingress.messages import REASONS as MESSAGE_REASONS
from dungeonfighter.mcp.schemas import DESCRIPTIONS
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.exposition import render
from dungeonfighter.telemetry.meter import Declared
from tests.metrics_document import DOCUMENT, declare_all, document
from tests.unit.telemetry.exposition import parse

TOOLS = tuple(DESCRIPTIONS)
CODES = (
    "bad_argument", "bot_exists", "conflict", "corrupt_state", "draining", "future_turn", "illegal_input",
    "internal", "newer_rules", "not_allowed", "outcome_unknown", "overloaded", "quota_exceeded",
    "rate_limited", "run_over", "stale_turn", "store_unavailable", "unknown_bot", "unknown_save",
)  # fmt: skip
LABELS = {
    "mcp_bot_interactions_total": {"tool": TOOLS, "outcome": ("ok", "repeated", "error")},
    "mcp_errors_total": {"code": CODES},
    "mcp_rejected_total": {"reason": REASONS},
    "mcp_response_time_seconds": {"tool": (*TOOLS, "other")},
    "mcp_response_tokens_total": {"tool": TOOLS},
    "mcp_spans_dropped_total": {"reason": ("queue_full", "not_sent", "rejected")},
    "mcp_episodes_total": {"result": ("won", "died", "turns", "abandoned")},
    "mcp_run_checks_total": {"result": ("as_stored", "false", "set_aside")},
    "mcp_ingress_messages_total": {"outcome": ("ok", "repeated", "error", "dead")},
    "mcp_ingress_dead_letters_total": {"reason": MESSAGE_REASONS},
    "mcp_ingress_lag": {"stream": tuple(str(number) for number in range(16))},
}
KINDS = {
    "mcp_active_bots": "gauge",
    "mcp_backup_last_success_timestamp_seconds": "gauge",
    "mcp_bot_interactions_total": "counter",
    "mcp_build_info": "gauge",
    "mcp_commit_batch_size": "summary",
    "mcp_commit_seconds": "histogram",
    "mcp_draining": "gauge",
    "mcp_episodes_total": "counter",
    "mcp_errors_total": "counter",
    "mcp_hot_games": "gauge",
    "mcp_ingress_dead_letters_total": "counter",
    "mcp_ingress_lag": "gauge",
    "mcp_ingress_messages_total": "counter",
    "mcp_ingress_streams_held": "gauge",
    "mcp_ingress_up": "gauge",
    "mcp_log_lines_lost_total": "counter",
    "mcp_metrics_push_up": "gauge",
    "mcp_redis_up": "gauge",
    "mcp_rejected_total": "counter",
    "mcp_response_time_seconds": "histogram",
    "mcp_response_tokens_total": "counter",
    "mcp_run_checks_total": "counter",
    "mcp_runs_pending": "gauge",
    "mcp_spans_dropped_total": "counter",
    "mcp_spans_sent_total": "counter",
    "mcp_store_conflicts_total": "counter",
    "mcp_store_free_bytes": "gauge",
    "mcp_store_pool_in_use": "gauge",
    "mcp_store_pool_size": "gauge",
    "mcp_store_settled_total": "counter",
    "mcp_store_unsafe": "gauge",
    "mcp_store_up": "gauge",
    "mcp_traces_waiting": "gauge",
    "mcp_turns_total": "counter",
    "mcp_verifier_restarts_total": "counter",
    "mcp_wal_bytes": "gauge",
    "mcp_worker_restarts_total": "counter",
    "process_cpu_seconds_total": "counter",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
}
OF_FILES = {"mcp_store_free_bytes", "mcp_wal_bytes"}


@pytest.fixture(scope="module")
def declared() -> list[Declared]:
    return declare_all().declared()


def test_metrics_keep_their_names_kinds_and_labels(declared: list[Declared]) -> None:
    """Dashboards and alerts depend on them."""
    assert {one.name: one.family.kind for one in declared} == KINDS
    for one in declared:
        if one.name in LABELS:
            assert {label: tuple(values) for label, values in one.labels.items()} == LABELS[one.name]
        else:
            assert set(one.labels) <= {"worker", "version", "build"}


def test_every_known_label_has_a_series_before_anything_happens() -> None:
    series = parse(render(declare_all().collect()))
    assert set(series) == set(KINDS)
    assert len(series["mcp_bot_interactions_total"].series) == 3 * len(TOOLS)
    assert set(series["mcp_errors_total"].series.values()) == {0}


def test_a_store_without_files_has_no_metrics_of_files() -> None:
    assert set(declare_all(MemoryStore()).collect().families) == set(KINDS) - OF_FILES


def test_each_metric_says_what_it_means_and_what_to_do_when_it_moves(declared: list[Declared]) -> None:
    for one in declared:
        assert one.family.purpose.endswith("."), one.name
        assert one.advice.endswith("."), one.name


def test_the_document_is_that_of_the_code(declared: list[Declared]) -> None:
    assert DOCUMENT.read_text("utf-8") == document(declared), "make docs writes it anew"


def test_the_document_is_the_same_whatever_was_declared_first(declared: list[Declared]) -> None:
    assert document(declared) == document(declared[::-1])
