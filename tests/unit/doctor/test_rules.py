"""Each fault becomes a finding with a way out; a healthy server and database have none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace

from dungeonfighter.doctor.database_rules import judge_database
from dungeonfighter.doctor.findings import FINDINGS_MAX, Finding, Findings
from dungeonfighter.doctor.server_rules import judge_servers, judge_transport
from dungeonfighter.doctor.servers import ServerAnswers
from dungeonfighter.serving.self_report import ParentState, ProcessReport, ServerReport
from dungeonfighter.storage.examination import (
    ClockOffset,
    DatabaseReport,
    PostgresFacts,
    RoundTrips,
    Schema,
    SqliteFacts,
    Standby,
)
from dungeonfighter.telemetry.machine import Resources, build
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import Trouble

NOW = time.time()
QUICK = RoundTrips(20, 0.0001, 0.0002, 0.0003)
SLOW = RoundTrips(20, 0.1, 0.2, 0.3)
RESOURCES = Resources(50, 20_000, 20_000, 100 << 20, 0, 1.0, 8)
PROCESS = ProcessReport(
    None, 100, "0.1.0", NOW - 60, NOW, False, 3, 19_500, {"requests without an answer": 0},
    {"mcp_store_up": 1.0, "mcp_redis_up": 1.0}, QUICK, QUICK, "", (), RESOURCES, [],
)  # fmt: skip
SQLITE = SqliteFacts("3.54.1", False, 1 << 20, 1 << 20, "ext4", "/", 100 << 30, 200 << 30, False, "wal")
POSTGRES = PostgresFacts(
    "18.4",
    {"max_connections": "100", "superuser_reserved_connections": "3", "fsync": "on", "autovacuum": "on",
     "full_page_writes": "on", "synchronous_commit": "on", "synchronous_standby_names": "",
     "server_encoding": "UTF8", "default_transaction_read_only": "off"},
    {"dungeonfighter": 8}, 89, False, False, [], 1 << 20, 0.1, 0,
)  # fmt: skip
DATABASE = DatabaseReport("postgresql", "postgresql://db/games", [], Schema(4, 4), QUICK, postgres=POSTGRES)
REPORT = ServerReport(
    instance="one", received_at=NOW, answered_at=NOW, build=build(),
    settings=[ShownSetting("DB_POOL_SIZE", "8", "default"), ShownSetting("REPLICAS", "1", "default")],
    notes=(), workers=1, processes=[PROCESS],
)  # fmt: skip
URL = "http://one"


def of_server(report: ServerReport, clock: ClockOffset | None = None) -> Findings:
    findings = Findings()
    judge_servers([ServerAnswers(URL, True, None, report, clock)], findings)
    return findings


def of_process(**changes: Any) -> Findings:
    return of_server(replace(REPORT, processes=[replace(PROCESS, **changes)]))


def of_database(report: DatabaseReport) -> Findings:
    findings = Findings()
    judge_database(report, "database", findings)
    return findings


def of_sqlite(**changes: Any) -> Findings:
    return of_database(DatabaseReport("sqlite", "x", sqlite=replace(SQLITE, **changes)))


def of_postgres(settings: dict[str, str] | None = None, **changes: Any) -> Findings:
    facts = replace(POSTGRES, **changes)
    return of_database(replace(DATABASE, postgres=replace(facts, settings=facts.settings | (settings or {}))))


def the_problem(findings: Findings) -> Finding:
    (problem,) = findings.problems()
    assert problem.remedy
    return problem


def the_note(findings: Findings) -> Finding:
    assert findings.problems() == []
    (note,) = findings.notes()
    return note


def test_health_is_no_finding() -> None:
    for findings in (
        of_server(replace(REPORT, database=DATABASE), ClockOffset(0.1, 0.001)),
        of_sqlite(),
        of_postgres(),
    ):
        assert findings.problems() == []
        assert findings.notes() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"store_trouble": "no answer within 2 s", "store_reads": None},
            "reads from its store fail: no answer within",
        ),
        ({"store_reads": SLOW}, "a read from the store takes 200.0 ms"),
        ({"hazards": ("PostgreSQL has fsync = off.",)}, "fsync = off"),
        ({"gauges": {"mcp_redis_up": 0.0}}, "Redis does not answer"),
        ({"loop_turns": RoundTrips(20, 0, 0, 0.5)}, "event loop was blocked for 500.0 ms"),
        ({"queues": {"requests without an answer": 15_000}}, "15000 requests wait"),
        ({"connections": 19_000}, "19000 of at most 19500 connections"),
        ({"resources": replace(RESOURCES, memory_bytes_max=105 << 20)}, "of 105.0 MB of memory"),
        ({"troubles": [Trouble(NOW - 9, NOW - 9, "error", "x", "y")]}, "logged errors within the last hour"),
    ],
)
def test_a_fault_of_a_process_is_a_problem(changes: dict[str, Any], words: str) -> None:
    problem = the_problem(of_process(**changes))
    assert words in problem.text
    assert problem.places == (URL,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"troubles": [Trouble(NOW, NOW, "warning", "x", "y")]}, "logged warnings"),
        ({"resources": replace(RESOURCES, files_soft_max=1024)}, "may open 1024 files"),
    ],
)
def test_a_worry_about_a_process_is_a_note(changes: dict[str, Any], words: str) -> None:
    assert words in the_note(of_process(**changes)).text


def test_errors_of_yesterday_are_no_finding() -> None:
    old = Trouble(NOW - 90_000, NOW - 80_000, "error", "x", "y")
    assert of_process(troubles=[old]).problems() == []


def test_the_same_fault_of_several_workers_is_one_problem() -> None:
    workers = [replace(PROCESS, worker=number, store_reads=SLOW) for number in range(3)]
    state = ParentState(1, NOW, {}, [], [])
    problem = the_problem(of_server(replace(REPORT, workers=3, processes=workers, parent=state)))
    assert problem.places == tuple(f"worker {number} of {URL}" for number in range(3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"silent": [2]}, "runs and does not answer"),
        ({"parent": ParentState(1, NOW, {1: 4}, [], [])}, "was replaced, 4 times"),
        ({"parent": ParentState(1, NOW, {}, [1], [])}, "does not serve yet"),
        ({"parent": None}, "the parent of the workers does not answer"),
    ],
)
def test_a_fault_among_workers_is_a_problem(changes: dict[str, Any], words: str) -> None:
    healthy = replace(REPORT, workers=3, parent=ParentState(1, NOW, {}, [], []))
    assert words in the_problem(of_server(replace(healthy, **changes))).text


@pytest.mark.parametrize(
    ("offset", "is_problem"),
    [(ClockOffset(5.0, 0.1), True), (ClockOffset(-5.0, 0.1), True), (ClockOffset(5.0, 4.0), False)],
)
def test_a_clock_counts_as_wrong_only_beyond_the_error(offset: ClockOffset, is_problem: bool) -> None:
    assert bool(of_server(REPORT, offset).problems()) == is_problem
    assert bool(of_database(replace(DATABASE, clock=offset)).problems()) == is_problem


def test_two_servers_whose_clocks_are_apart_are_named() -> None:
    findings = Findings()
    offsets = (ClockOffset(1.5, 0.01), ClockOffset(-1.5, 0.01))
    judge_servers(
        [ServerAnswers(f"http://{n}", True, None, REPORT, one) for n, one in enumerate(offsets)], findings
    )
    assert the_problem(findings).text == "their clocks are 3.0 s apart"


def test_pools_that_exceed_the_room_of_the_database_are_a_problem() -> None:
    report = replace(REPORT, database=DATABASE, workers=4, parent=ParentState(1, NOW, {}, [], []))
    assert of_server(report).problems() == []
    settings = [ShownSetting("DB_POOL_SIZE", "8", "x"), ShownSetting("REPLICAS", "4", "x")]
    problem = the_problem(of_server(replace(report, settings=settings)))
    assert problem.text == "4 servers may open 128 connections, and it has room for 97"
    behind = replace(DATABASE, postgres=replace(POSTGRES, is_pooler=True))
    assert of_server(replace(report, settings=settings, database=behind)).problems() == []


def test_replicas_of_different_releases_are_noted() -> None:
    findings = Findings()
    newer = replace(REPORT, build=replace(REPORT.build, package="9.0"))
    judge_servers([ServerAnswers("a", True, None, REPORT), ServerAnswers("b", True, None, newer)], findings)
    assert "different releases: 0.1.0, 9.0" in the_note(findings).text


def test_a_token_in_plain_text_beyond_this_machine_is_noted() -> None:
    for url, count in (("http://far.example.org", 1), ("https://far.example.org", 0), ("http://[::1]:1", 0)):
        findings = Findings()
        judge_transport(url, "token", findings)
        assert len(findings.notes()) == count


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file_system": "nfs4"}, "network file system (nfs4)"),
        ({"file_system": "tmpfs"}, "in memory (tmpfs)"),
        ({"is_read_only": True}, "can only be read"),
        ({"free_bytes": 100 << 20}, "has 100.0 MB left"),
        ({"log_bytes": 1 << 30}, "log has grown to 1.0 GB"),
        ({"has_wal_reset_bug": True, "library": "3.40.1"}, "SQLite 3.40.1 can lose commits"),
    ],
)
def test_a_fault_of_a_file_is_a_problem(changes: dict[str, Any], words: str) -> None:
    assert words in the_problem(of_sqlite(**changes)).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file_system": "overlay"}, "layer of a container"),
        ({"file_system": "fuse.s3fs"}, "file system in user space (fuse.s3fs)"),
        ({"journal_mode": "delete"}, "journal mode is delete"),
        ({"is_log_read": False}, "log was not read"),
    ],
)
def test_a_worry_about_a_file_is_a_note(changes: dict[str, Any], words: str) -> None:
    assert words in the_note(of_sqlite(**changes)).text


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        ({"fsync": "off"}, {}, "fsync = off"),
        ({"synchronous_commit": "off"}, {}, "synchronous_commit = off"),
        ({"default_transaction_read_only": "on"}, {}, "takes no turns"),
        ({"server_encoding": "LATIN1"}, {}, "encoding is LATIN1"),
        ({"synchronous_standby_names": "*"}, {}, "commits wait for a standby"),
        ({}, {"is_in_recovery": True}, "leads to a standby"),
        ({}, {"connections_free": 0}, "no room for another connection"),
        ({}, {"oldest_transaction_seconds": 7200.0}, "open for 2 h"),
        ({}, {"standbys": [Standby("b", "streaming", "async", 1 << 30)]}, "standby b is 1.0 GB behind"),
    ],
)
def test_a_fault_of_postgresql_is_a_problem(
    settings: dict[str, str], changes: dict[str, Any], words: str
) -> None:
    assert words in the_problem(of_postgres(settings, **changes)).text


def test_a_role_that_may_not_see_the_standbys_cannot_miss_them() -> None:
    unseen = [Standby("", "not shown to this role", "", 0)]
    assert of_postgres({"synchronous_standby_names": "*"}, standbys=unseen).problems() == []
    synchronous = [Standby("b", "streaming", "quorum", 0)]
    assert of_postgres({"synchronous_standby_names": "*"}, standbys=synchronous).problems() == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Schema(0, 4, ["001_first"]), "no schema of DungeonFighter"),
        (Schema(3, 4, ["004_tokens"]), "the schema lacks 004_tokens (it has 3 of 4)"),
        (Schema(9, 4, trouble="the database has schema 9"), "the database has schema 9"),
    ],
)
def test_a_schema_that_does_not_fit_is_a_problem(schema: Schema, words: str) -> None:
    assert words in the_problem(of_database(replace(DATABASE, schema=schema))).text


def test_a_missing_index_is_a_note() -> None:
    schema = Schema(4, 4, [], ["002_best_runs"])
    assert "002_best_runs is not built yet" in the_note(of_database(replace(DATABASE, schema=schema))).text


def test_a_server_cannot_make_more_findings_than_people_read() -> None:
    findings = of_server(replace(REPORT, notes=tuple(map(str, range(10_000)))))
    assert len(findings.notes()) == FINDINGS_MAX


def test_a_missing_file_leads_to_the_path() -> None:
    missing = "the file /x/none.db cannot be looked at: no such file or directory"
    problem = the_problem(of_database(DatabaseReport("sqlite", "sqlite:///none.db", [missing])))
    assert "check the path" in problem.remedy
    assert "sign in" not in problem.remedy
    elsewhere = the_problem(of_database(DatabaseReport("postgresql", "x", ["connection refused"])))
    assert "sign in" in elsewhere.remedy


def with_metrics(metrics: dict[str, float], report: ServerReport | None = REPORT) -> Findings:
    findings = Findings()
    judge_servers([ServerAnswers(URL, True, None, report, None, metrics)], findings)
    return findings


def test_a_receiver_of_metrics_that_is_away_is_a_problem() -> None:
    for findings in (
        with_metrics({"mcp_metrics_push_up": 0.0}, None),
        of_process(gauges={"mcp_metrics_push_up": 0.0}),
    ):
        problem = the_problem(findings)
        assert "the receiver of metrics does not take them" in problem.text
        assert "PROMETHEUS_ENDPOINT" in problem.remedy
    assert with_metrics({"mcp_metrics_push_up": 1.0}).problems() == []


def test_a_collector_that_never_took_a_span_is_a_problem() -> None:
    problem = the_problem(with_metrics({"mcp_spans_dropped_total": 12.0, "mcp_spans_sent_total": 0.0}))
    assert "12 spans of traces were lost" in problem.text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in problem.remedy
    assert with_metrics({"mcp_spans_dropped_total": 0.0}).problems() == []


def test_spans_that_were_lost_long_ago_are_a_note() -> None:
    lost = the_note(with_metrics({"mcp_spans_dropped_total": 12.0, "mcp_spans_sent_total": 900.0}))
    assert "12 spans of traces were lost" in lost.text


def test_a_collector_that_was_away_within_the_last_hour_is_a_problem() -> None:
    text = "the collector of traces at http://c:4318 does not take them: connection refused"
    away = Trouble(NOW - 9, NOW - 9, "warning", "dungeonfighter.telemetry.span_export", text)
    problem = the_problem(of_process(troubles=[away]))
    assert problem.text.startswith(text)
    assert of_process(troubles=[replace(away, first_at=0.0, at=NOW - 9000)]).problems() == []


def test_the_pointer_to_the_log_names_a_section_of_the_text() -> None:
    warning = Trouble(NOW, NOW, "warning", "x", "y")
    assert '"last errors and warnings"' in the_note(of_process(troubles=[warning])).remedy
