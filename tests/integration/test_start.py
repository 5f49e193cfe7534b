"""A start waits for a store that is not there yet, and reports all of its problems together."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter import cli
from testkit.notify_socket import NotifySocket
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, WAIT_SECONDS, Served

ONE_AND_THREE = pytest.mark.parametrize(
    "workers", [1, pytest.param(3, marks=pytest.mark.long)], ids=["one process", "three workers"]
)
CALL = {"jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": {"name": PLAY, "arguments": {}}}


def asked(port: int, path: str, body: bytes | None = None) -> tuple[int, http.client.HTTPMessage, Any]:
    """Return status, headers and JSON of an answer, as soon as somebody listens at the port."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        with closing(connection):
            try:
                connection.request("GET" if body is None else "POST", path, body)
                answer = connection.getresponse()
                return answer.status, answer.headers, json.loads(answer.read())
            except ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.02)


def wait_for_line(server: ServerProcess, text: str) -> str:
    """Wait until the log has this text; return the log."""
    end = time.monotonic() + WAIT_SECONDS
    while text not in (log := server.log.read_text() if server.log.exists() else ""):
        assert time.monotonic() < end, log
        time.sleep(0.02)
    return log


@contextmanager
def launched(folder: Path, database: str, *flags: str, **environ: str) -> Iterator[ServerProcess]:
    server = ServerProcess(folder, database, flags=flags, environ=environ)
    try:
        server.launch()
        yield server
    finally:
        server.kill()


@ONE_AND_THREE
def test_a_server_that_waits_for_its_database_is_alive_and_not_ready_and_then_serves(
    tmp_path: Path, postgres: PostgresServer, workers: int
) -> None:
    database = postgres.empty_database("games")
    postgres.stop("immediate")
    with (
        NotifySocket(str(tmp_path / "notify")) as manager,
        launched(tmp_path, database, f"--workers={workers}", NOTIFY_SOCKET=manager.name) as server,
    ):
        try:
            manager.wait_for("STATUS=waiting for the store")
            assert asked(server.port, "/livez")[0] == 200
            status, headers, answer = asked(server.port, "/readyz")
            assert (status, answer) == (503, {"status": "starting"})
            assert headers["Retry-After"] == "3"
            status, headers, answer = asked(server.port, "/mcp", json.dumps(CALL).encode())
            assert (status, answer["id"], answer["error"]["code"]) == (503, "mine", -32000)
            assert answer["error"]["data"]["code"] == "store_unavailable"
            assert answer["error"]["data"]["retryAfterSeconds"] == 3
            assert "try again in 3 s" in answer["error"]["message"]
            for body in (b"", b"{", b"[" * 70_000):
                assert asked(server.port, "/bots/ada/mcp", body)[0] == 503
            assert asked(server.port, "/metrics")[0] == 503
            assert "the database cannot be reached" in wait_for_line(server, "waiting for the store, for ")
        finally:
            postgres.start()
        assert "READY=1" in manager.wait_for("READY=1")
        served = Served(server)
        assert served.ready()["status"] == "ready"
        text, is_error = served.call("start_new_game", seed=7, weapon="dagger")
        assert not is_error, text
        log = wait_for_line(server, "store: reachable")
        assert "the store can be reached now" in log
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@ONE_AND_THREE
def test_a_database_that_never_comes_ends_the_start(tmp_path: Path, workers: int) -> None:
    with launched(
        tmp_path, "postgresql://127.0.0.1:9/games", f"--workers={workers}", STARTUP_TIMEOUT="1"
    ) as server:
        assert server.wait() == 1
    log = server.log.read_text()
    assert log.count("waiting for the store, for 1 s at most") == 1
    assert "dungeonfighter serve: the database cannot be reached: " in log
    assert "check that PostgreSQL runs there" in log


@pytest.mark.long
@ONE_AND_THREE
def test_a_signal_ends_a_start_that_waits_at_once(tmp_path: Path, workers: int) -> None:
    with launched(
        tmp_path, "postgresql://127.0.0.1:9/games", f"--workers={workers}", STARTUP_TIMEOUT="600"
    ) as server:
        wait_for_line(server, "waiting for the store")
        assert asked(server.port, "/readyz")[0] == 503
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize("name", ["nowhere", pytest.param("games?user=nobody-here", marks=pytest.mark.long)])
def test_a_refusal_that_does_not_pass_ends_the_start_at_once(
    tmp_path: Path, postgres: PostgresServer, name: str
) -> None:
    with launched(tmp_path, postgres.url(name), STARTUP_TIMEOUT="600") as server:
        assert server.wait() == 1
    log = server.log.read_text()
    assert "does not exist" in log
    assert "waiting" not in log


Refused = Callable[..., list[str]]


def problems_in(text: str) -> list[str]:
    return [line.removeprefix("dungeonfighter serve: ") for line in text.splitlines()]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Return a function that returns the lines with which a start is refused."""

    def refuse(*flags: str, **environ: str) -> list[str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert cli.main(["serve", *flags]) == 2
        return problems_in(capsys.readouterr().err)

    return refuse


def begins(lines: Sequence[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


@pytest.mark.long
def test_a_limit_on_files_is_among_the_problems_of_a_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flags = (f"--port={taken.getsockname()[1]}", f"--db=sqlite:///{tmp_path}/missing/games.db")
        ended = subprocess.run(
            [sys.executable, "-m", "dungeonfighter", "serve", *flags], capture_output=True, text=True,
            check=False, timeout=WAIT_SECONDS, env={**os.environ, "COMMIT_TIMEOUT": "soon"},
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (100, 100)),
        )  # fmt: skip
    assert ended.returncode == 2
    lines = problems_in(ended.stderr)
    assert begins(lines) == ["COMMIT_TIMEOUT", "--port", "this process may open 100 files", "--db"]
    assert "address already in use" in lines[1]
    assert "does not exist" in lines[3]


def test_all_problems_of_a_start_are_reported_together(tmp_path: Path, refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lines = refused(
            f"--port={taken.getsockname()[1]}",
            f"--db=sqlite:///{tmp_path}/missing/a.db",
            COMMIT_TIMEOUT="soon",
        )
    assert begins(lines) == ["COMMIT_TIMEOUT", "--port", "--db"]
    assert "address already in use" in lines[1]
    assert "does not exist; make it" in lines[2]


def test_a_database_of_a_newer_release_is_among_them(tmp_path: Path, refused: Refused) -> None:
    with closing(sqlite3.connect(tmp_path / "games.db")) as database:
        database.execute("pragma user_version=999")
    lines = refused(f"--db=sqlite:///{tmp_path}/games.db", AUTH="maybe")
    assert begins(lines) == ["AUTH", "--db"]
    assert "the database has schema 999" in lines[1]
    assert not (tmp_path / "games.db-wal").exists()


def test_a_postgres_that_cannot_be_used_is_among_them(postgres: PostgresServer, refused: Refused) -> None:
    lines = refused(f"--db={postgres.url('nowhere')}", AUTH="maybe")
    assert begins(lines) == ["AUTH", "--db"]
    assert 'database "nowhere" does not exist' in lines[1]


def test_a_wrong_connection_string_is_reported_once_and_no_other_database_is_looked_at(
    refused: Refused,
) -> None:
    assert begins(refused("--db=oracle://x", AUTH="maybe")) == ["--db", "AUTH"]
