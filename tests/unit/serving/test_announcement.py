"""The announcement of a server: the same statements for people and in a log of JSON lines."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dungeonfighter.serving.announcement import announce, say_where_log_is
from dungeonfighter.serving.start_checks import Finding
from dungeonfighter.settings import read_settings

ADDRESS = ("127.0.0.1", 8000)
FOUND = [Finding(True, "store: reachable"), Finding(False, "Redis: redis:6379 does not answer")]
OPEN = {"DUNGEONFIGHTER_HOST": "0.0.0.0", "ALLOW_OPEN": "1"}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_statement_is_made_in_each_form(
    log_format: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dungeonfighter")
    settings = read_settings({"log_format": log_format}, {**OPEN, "OTEL_SDK_DISABLED": "true"})
    announce(settings, ADDRESS, FOUND)
    said, logged = capsys.readouterr().err, caplog.text
    shown, other = (said, logged) if log_format == "text" else (logged, said)
    for statement in (
        "http://127.0.0.1:8000", "dungeonfighter.db (SQLite)", "store: reachable",
        "Redis: redis:6379 does not answer", "EVERYBODY who reaches this address may play",
        "OTEL_SDK_DISABLED has no effect",
    ):  # fmt: skip
        assert statement in shown
    assert other == ""


def test_what_needs_attention_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dungeonfighter")
    announce(read_settings({"log_format": "json"}, OPEN), ADDRESS, FOUND)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.split(":")[0] for text in warnings] == ["start", warnings[1].split(":")[0]]
    assert warnings[0] == "start: Redis: redis:6379 does not answer"
    assert warnings[1].startswith("EVERYBODY")


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({}, "127.0.0.1:8000"),
        ({"ADMIN_LISTEN": "127.0.0.2:9000"}, "127.0.0.2:9000"),
        ({"ADMIN_LISTEN": "[::1]:9000"}, "[::1]:9000"),
    ],
)
def test_a_prometheus_gets_the_address_of_the_metrics(
    environ: dict[str, str], target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = read_settings({}, {"PROMETHEUS_ENDPOINT": "http://prometheus:9090/", **environ})
    announce(settings, ADDRESS, [])
    assert f'- targets: ["{target}"]' in capsys.readouterr().err


@pytest.mark.parametrize("endpoint", ["/metrics", "127.0.0.1:9464", "http://prometheus:9090/otlp"])
def test_the_other_endpoints_need_no_configuration(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    announce(read_settings({}, {"PROMETHEUS_ENDPOINT": endpoint}), ADDRESS, [])
    assert "scrape" not in capsys.readouterr().err


def test_the_address_of_one_bot_works_with_a_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    announce(read_settings({}, {"BOT_ID_PREFIX": "bot-1-"}), ADDRESS, [])
    assert "http://127.0.0.1:8000/bots/bot-1-hero/mcp" in capsys.readouterr().err


@pytest.mark.parametrize(("log_format", "count"), [("text", 1), ("json", 0)])
def test_standard_error_names_the_file_of_the_log(
    log_format: str, count: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "server.log"
    say_where_log_is(read_settings({"log_format": log_format, "log_file": str(file)}, {}))
    assert capfd.readouterr().err.count(f"the log is in {file}\n") == count


@pytest.mark.parametrize(
    ("prometheus", "address", "count"),
    [("http://prometheus:9090", "127.0.0.1", 1), ("http://127.0.0.1:9090", "127.0.0.1", 0),
     ("http://prometheus:9090", "0.0.0.0", 0)],
)  # fmt: skip
def test_a_target_that_a_prometheus_elsewhere_cannot_reach_is_named(
    prometheus: str, address: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(read_settings({}, {"PROMETHEUS_ENDPOINT": prometheus}), (address, 8000), [])
    assert capsys.readouterr().err.count("is reached from this machine only") == count
