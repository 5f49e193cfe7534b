"""Signals while the test holds the lock of the database: one ends the process in time, a second at once.

/proc/locks shows that a process waits for the lock. Where a process must not end by its own timeout, the
timeout is `FOR_EVER`: longer than a test may last.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from dungeonfighter.storage.file_lock import FileLock
from testkit.server_process import ROOT, ServerProcess
from tests.integration.served import PLAY, WAIT_SECONDS, Served

pytestmark = pytest.mark.skipif(
    not Path("/proc/locks").exists(), reason="this system does not show which processes wait for a lock"
)
FOR_EVER = "120"
AT_ONCE = {128 + signal.SIGTERM, 128 + signal.SIGINT}
ONE_AND_TWO = pytest.mark.parametrize(
    "flags", [(), pytest.param(("--workers", "2"), marks=pytest.mark.long)], ids=["one", "two workers"]
)


def called(number: int, tool: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "method": "tools/call", "params": {"name": tool, "arguments": given}}


OPENING: list[dict[str, Any]] = [
    {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "a", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
    called(2, "start_new_game", {"seed": 7, "weapon": "dagger"}),
]


class Held:
    """Holds the lock of a database while the block runs."""

    def __init__(self, database: Path) -> None:
        path = Path(f"{database}.lock")
        self._lock = FileLock(path)
        self._inode = str(path.stat().st_ino)

    def __enter__(self) -> Held:
        self._lock.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)
        self._lock.close()

    def is_waited_for(self) -> bool:
        lines = Path("/proc/locks").read_text().splitlines()
        return any(" -> " in line and f":{self._inode} " in line for line in lines)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < end
        os.sched_yield()


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def playing(server: ServerProcess, held: Held, calls: ThreadPoolExecutor) -> Future[tuple[str, bool]]:
    """Send a turn, and wait until its batch waits for the lock."""
    call = calls.submit(Served(server).call, PLAY, input="1", turn=0)
    wait_until(held.is_waited_for)
    assert not call.done()
    return call


@contextmanager
def begun(folder: Path, commit_timeout: str, flags: tuple[str, ...]) -> Iterator[ServerProcess]:
    """Run a server with one game."""
    with ServerProcess(folder, flags=("--commit-timeout", commit_timeout, *flags)) as server:
        text, is_error = Served(server).call("start_new_game", seed=7, weapon="dagger")
        assert not is_error, text
        yield server


@pytest.mark.long
@ONE_AND_TWO
def test_one_signal_ends_the_server_within_its_timeouts_without_loss(
    tmp_path: Path, calls: ThreadPoolExecutor, flags: tuple[str, ...]
) -> None:
    with begun(tmp_path, "1", flags) as server:
        with Held(server.database) as held:
            call = playing(server, held, calls)
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert "store_unavailable" in call.result()[0]
            assert "nothing acknowledged is lost" in server.log.read_text()
        server.kill()
        server.start()
        assert Served(server).call(PLAY, input="1", turn=0)[0].startswith("e1 t1")


@ONE_AND_TWO
def test_a_second_signal_ends_the_server_at_once(
    tmp_path: Path, calls: ThreadPoolExecutor, flags: tuple[str, ...]
) -> None:
    with begun(tmp_path, FOR_EVER, flags) as server, Held(server.database) as held:
        call = playing(server, held, calls)
        server.signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log.read_text())
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM
        wait_until(lambda: not held.is_waited_for())  # the workers have ended too
        assert isinstance(call.exception(), ConnectionError | http.client.HTTPException)


@ONE_AND_TWO
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_any_signal_ends_a_start_that_waits_for_the_lock(
    tmp_path: Path, flags: tuple[str, ...], number: signal.Signals
) -> None:
    server = ServerProcess(tmp_path, flags=("--commit-timeout", FOR_EVER, *flags))
    with Held(server.database) as held:
        server.launch()
        wait_until(held.is_waited_for)
        server.signal(number)
        assert server.wait() == (128 + number if number == signal.SIGTERM else -number)
        wait_until(lambda: not held.is_waited_for())
    server.kill()


@contextmanager
def command(database: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command; it is killed after `WAIT_SECONDS`, so that a test that reads its output goes on."""
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT / "src"), "COMMIT_TIMEOUT": FOR_EVER, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", *words, f"--db=sqlite:///{database}"], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        timer = threading.Timer(WAIT_SECONDS, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()


def wait_for_line(stream: IO[str] | None, words: str) -> None:
    """Wait for a line with these words; fail if the stream ends before."""
    assert stream is not None
    assert any(words in line for line in stream), f"the output ended without {words!r}"


def write_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_a_signal_ends_stdio_that_waits_for_the_lock_at_its_start(tmp_path: Path) -> None:
    with Held(tmp_path / "a.db") as held, command(tmp_path / "a.db", "stdio") as stdio:
        wait_until(held.is_waited_for)
        stdio.send_signal(signal.SIGTERM)
        assert stdio.wait() == 128 + signal.SIGTERM


def test_a_second_signal_ends_stdio_with_a_turn_in_flight(tmp_path: Path) -> None:
    with command(tmp_path / "a.db", "stdio", "--bot=ada") as stdio:
        for line in OPENING:
            write_line(stdio, json.dumps({"jsonrpc": "2.0", **line}))
        wait_for_line(stdio.stdout, '"id":2')
        with Held(tmp_path / "a.db") as held:
            write_line(stdio, json.dumps({"jsonrpc": "2.0", **called(3, PLAY, {"input": "1"})}))
            wait_until(held.is_waited_for)
            stdio.send_signal(signal.SIGTERM)
            stdio.send_signal(signal.SIGINT)  # two pending signals of one kind may merge
            assert stdio.wait() in AT_ONCE


def test_a_second_interrupt_ends_play_with_a_turn_in_flight(tmp_path: Path) -> None:
    with command(tmp_path / "a.db", "play") as play:
        wait_for_line(play.stdout, "q to leave")
        with Held(tmp_path / "a.db") as held:
            write_line(play, "1")
            wait_until(held.is_waited_for)
            play.send_signal(signal.SIGINT)
            wait_for_line(play.stderr, "Ctrl-C again")
            play.send_signal(signal.SIGINT)
            assert play.wait() == 128 + signal.SIGINT


def test_a_second_interrupt_ends_a_migration_that_waits_for_the_lock(tmp_path: Path) -> None:
    with Held(tmp_path / "a.db") as held, command(tmp_path / "a.db", "db", "migrate") as migrating:
        wait_until(held.is_waited_for)
        migrating.send_signal(signal.SIGINT)
        wait_for_line(migrating.stderr, "Ctrl-C again")
        migrating.send_signal(signal.SIGINT)
        assert migrating.wait() == 128 + signal.SIGINT
