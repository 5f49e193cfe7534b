"""`serve` as a process: its output, how it stops, and its errors when it cannot start."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter import limits

COMMAND = [sys.executable, "-m", "dungeonfighter"]
WAIT_SECONDS = 60


def with_settings(**settings: str) -> dict[str, str]:
    return os.environ | settings


class Serving:
    """A server in a folder of its own; `lines` is its output until it listened."""

    def __init__(self, folder: Path, *flags: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *flags],
            cwd=folder,
            env=with_settings(**settings),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if "watch page" in line or "serving on" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.lines[-1])
        assert found, self.lines  # the server ended; its output says why
        self.port = int(found[1])

    def get(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        connection.request("GET", path)
        return connection.getresponse()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    server = Serving(tmp_path)
    yield server
    server.process.kill()
    server.process.communicate()


def test_the_server_answers_and_keeps_its_games_in_the_working_directory(
    serving: Serving, tmp_path: Path
) -> None:
    assert json.load(serving.get("/livez"))["status"] == "alive"
    assert serving.get("/readyz").status == 200
    assert b"DungeonFighter" in serving.get("/").read()
    assert (tmp_path / "dungeonfighter.db").exists()


def test_the_banner_shows_the_whole_path_of_the_database(serving: Serving, tmp_path: Path) -> None:
    stderr = serving.process.stderr
    assert stderr is not None
    games = next(line for line in stderr if line.startswith("  games "))
    assert games.split(maxsplit=1)[1] == f"{tmp_path}/dungeonfighter.db (SQLite)\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_0_in_spite_of_an_open_event_stream(
    serving: Serving, number: int
) -> None:
    events = serving.get("/api/events")
    assert events.readline().startswith(b"event:")
    assert serving.stop(number) == 0
    assert events.read().endswith(b"\n\n")


def test_a_head_without_end_is_refused(serving: Serving) -> None:
    with socket.create_connection(("127.0.0.1", serving.port), timeout=WAIT_SECONDS) as client:
        client.sendall(b"GET /" + b"a" * limits.head_bytes_max)
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")


def test_while_draining_the_server_answers_is_not_ready_and_closes_connections(tmp_path: Path) -> None:
    server = Serving(tmp_path, "--drain-seconds", "60")
    events = server.get("/api/events")
    server.process.send_signal(signal.SIGTERM)
    while server.get("/readyz").status == 200:
        events.readline()  # the server sends one event a second
    answer = server.get("/api/summary")
    assert answer.status == 200
    assert answer.getheader("connection") == "close"
    assert server.stop() == 128 + signal.SIGTERM  # the second signal ends the server at once


def test_the_server_stops_when_standard_input_ends(tmp_path: Path) -> None:
    server = Serving(tmp_path, "--until-stdin-closes", "--db", "memory://")
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(WAIT_SECONDS) == 0


def test_the_log_format_json(tmp_path: Path) -> None:
    server = Serving(tmp_path, LOG_FORMAT="json", INSTANCE_ID="one")
    line = json.loads(server.lines[-1])
    assert (line["level"], line["instance"]) == ("info", "one")
    assert server.stop() == 0


def refused(folder: Path, *flags: str, code: int = 2, **settings: str) -> list[str]:
    """Run a command that must fail; return the lines of its errors."""
    done = subprocess.run(
        [*COMMAND, *flags],
        cwd=folder,
        env=with_settings(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    return done.stderr.splitlines()


def test_a_port_in_use_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lines = refused(tmp_path, "serve", "--port", str(taken.getsockname()[1]))
    assert len(lines) == 1
    assert "in use" in lines[0]
    assert "--port 0" in lines[0]


def test_a_database_that_cannot_be_opened_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    lines = refused(tmp_path, "serve", "--port", "0", "--db", "sqlite:///no/such/folder/a.db", code=1)
    expected = f"dungeonfighter serve: the folder {tmp_path}/no/such/folder of the database does not exist"
    assert lines == [f"{expected}; make it, or choose another place with --db sqlite:///FILE"]


def test_a_file_that_is_no_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, but somebody's notes\n" * 100)
    lines = refused(tmp_path, "serve", "--port", "0", "--db", "sqlite:///notes.db", code=1)
    assert len(lines) == 1
    assert (tmp_path / "notes.db").read_text().startswith("not a database")


def test_all_wrong_settings_are_reported_together(tmp_path: Path) -> None:
    lines = refused(tmp_path, "serve", "--port", "x", LOG_FORMAT="loud", DB_CONNECTION_STRING="nowhere")
    assert len(lines) == 3
