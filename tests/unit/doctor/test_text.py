"""The text for people: problems first, each with its way out; no foreign text can steer a terminal."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dungeonfighter.doctor.findings import Finding
from dungeonfighter.doctor.report import Report
from dungeonfighter.doctor.servers import Health, ServerAnswers
from dungeonfighter.doctor.text import text_of
from dungeonfighter.doctor.units import moment, number, plain, size, span
from dungeonfighter.storage.examination import ClockOffset, Standby
from dungeonfighter.telemetry.machine import build
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import Trouble
from tests.unit.doctor import test_rules as made

PROBLEM = Finding("problem", ("here", "there"), "the store is slow", "bring it closer")


def report(*servers: ServerAnswers, **changes: object) -> Report:
    whole = Report(
        made_at=0.0, problems=[], notes=[], build=build(), sqlite_library="3.54.1", settings=[],
        servers=list(servers), database=None,
    )  # fmt: skip
    return replace(whole, **changes)


def rows(text: str) -> list[str]:
    return [" ".join(row.split()) for row in text.splitlines()]


def test_problems_come_first_each_with_its_way_out() -> None:
    text = rows(text_of(report(problems=[PROBLEM], notes=[Finding("note", ("x",), "a note")])))
    assert text[0] == f"dungeonfighter doctor {build().package}, 1970-01-01 00:00:00Z"
    assert text[2:8] == [
        "1 problem",
        "* here, there: the store is slow",
        "way out: bring it closer",
        "",
        "1 note",
        "* x: a note",
    ]
    assert rows(text_of(report()))[2] == "no problems"


def test_many_places_are_cut() -> None:
    many = replace(PROBLEM, places=tuple(f"w{number}" for number in range(20)))
    assert "w7 and 12 more: the store is slow" in text_of(report(problems=[many]))


def test_a_server_is_shown_with_everything_that_a_support_engineer_asks_for() -> None:
    trouble = Trouble(1.0, 61.0, "error", "dungeonfighter.storage", "it broke", 7)
    settings = [
        ShownSetting("WORKERS", "3", "--workers"),
        ShownSetting("SIGNING_KEY", "set", "SIGNING_KEY_FILE"),
        ShownSetting("POD_NAME", "a", "POD_NAME"),
        ShownSetting("REPLICAS", "1", "default"),
        ShownSetting("CATALOG", "", "default"),
    ]
    postgres = replace(made.POSTGRES, standbys=[Standby("b", "streaming", "sync", 2048)])
    reported = replace(
        made.REPORT, redis="cache:6379", settings=settings,
        processes=[replace(made.PROCESS, troubles=[trouble])],
        database=replace(made.DATABASE, postgres=postgres, clock=ClockOffset(-0.002, 0.001)),
    )  # fmt: skip
    metrics = {"mcp_commit_seconds_sum": 1.0, "mcp_commit_seconds_count": 500.0, "mcp_errors_total": 2.0}
    server = ServerAnswers(
        "http://a", True, Health("ready", "up"), reported, ClockOffset(0.5, 0.001), metrics
    )
    text = rows(text_of(report(server)))
    for row in (
        "state ready, store up",
        "clock 500.0 ms ahead of that of the asking machine, +- 1.0 ms",
        "commits 500, mean 2.0 ms",
        "counters mcp_errors_total 2",
        "Redis cache:6379, answers",
        "connections 3 of at most 19500",
        "open files 50 of 20000 (hard limit 20000)",
        "queues requests without an answer 0",
        "reads from the store min 100 us, median 200 us, max 300 us (20 times)",
        "WORKERS 3 (flag --workers)",
        "SIGNING_KEY set (file SIGNING_KEY_FILE)",
        "POD_NAME a (environment POD_NAME)",
        "default REPLICAS=1",
        "not set CATALOG",
        "schema 4, this release knows 4: fits",
        "clock 2.0 ms behind that of the asking machine, +- 1.0 ms",
        "PostgreSQL 18.4",
        "connections 8 of dungeonfighter; 89 free",
        "standby b: streaming, sync, 2.0 KB behind",
        "1970-01-01 00:01:01Z error dungeonfighter.storage: it broke (7 times since 1970-01-01 00:00:01Z)",
    ):
        assert row in text


def test_no_foreign_text_can_steer_a_terminal_or_forge_a_row() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\r\n1 problem\u202e\x9b31m"
    trouble = Trouble(1e300, float("-1e300"), evil, evil, evil)
    report_of_it = replace(
        made.REPORT, instance=evil, notes=(evil,), redis=evil,
        settings=[ShownSetting(evil, evil, evil)], processes=[replace(made.PROCESS, troubles=[trouble])],
        database=replace(made.DATABASE, place=evil, troubles=[evil]),
    )  # fmt: skip
    text = text_of(report(ServerAnswers("http://a", True, Health(evil, evil), report_of_it)))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "1 problem" not in text.splitlines()
    assert "at an impossible time" in text


def test_long_texts_are_cut() -> None:
    assert len(plain("x" * 1_000_000)) < 1100


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 us"), (2.5e-5, "25 us"), (0.0015, "1.5 ms"), (12, "12.0 s"), (600, "10 min"), (7201, "2 h"),
     (9e5, "10 d"), (float("inf"), "unknown"), (float("nan"), "unknown")],
)  # fmt: skip
def test_durations(value: float, shown: str) -> None:
    assert span(value) == shown


def test_sizes_and_moments() -> None:
    assert [size(0), size(1536), size(1 << 62)] == ["0 B", "1.5 KB", "4194304.0 TB"]
    assert moment(float("nan")) == "at an impossible time"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1795950123.25, "1795950123"), (123_456_789, "123456789"), (1.0, "1"), (0.25, "0.25"), (1e-9, "1e-09"),
     (float("nan"), "nan"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_have_all_their_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_long_names_keep_the_column_and_no_row_is_wider_than_a_terminal() -> None:
    names = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "PORT")
    settings = [ShownSetting(name, "here", name) for name in names]
    metrics = {f"mcp_{name}_events_total": 1e9 for name in ("one", "two", "three", "four", "five", "six")}
    process = replace(made.PROCESS, gauges={"process_start_time_seconds": 1795950123.0})
    reported = replace(made.REPORT, settings=settings, processes=[process])
    text = text_of(report(ServerAnswers("http://a", True, None, reported, None, metrics)))
    columns = {row.index("here") for row in text.splitlines() if row.strip().startswith(names)}
    assert len(columns) == 1
    assert max(map(len, text.splitlines())) <= 120
    assert "process_start_time_seconds=1795950123" in text
    assert "mcp_five_events_total 1000000000, mcp_six_events_total 1000000000" in " ".join(text.split())


def test_the_size_of_a_file_leaves_out_its_log() -> None:
    database = replace(made.DATABASE, postgres=None, sqlite=replace(made.SQLITE, file_bytes=1024))
    text = rows(text_of(report(database=database)))
    assert "file 1.0 KB without its log, journal mode wal" in text
