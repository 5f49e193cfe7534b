"""Servers under test: each is a process of its own on one core and ends with its block."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from bench.load import LoadResult
from testkit.ports import free_port

_START_SECONDS_MAX: Final = 60.0
_LOAD_SECONDS_MAX: Final = 60.0
"""The time a load may take beyond its length before it counts as stuck."""

Command = Callable[[int, str], list[str]]
"""Returns the command line of a server, for a loopback port and a connection string."""


class Failed(Exception):
    """A server did not start, or the load was not answered."""


class Server:
    """A running server, with the system's figures about its process."""

    def __init__(self, port: int, pid: int, folder: Path) -> None:
        self.port = port
        self.pid = pid
        self.folder = folder

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads; 0 without /proc."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss_bytes(self) -> int:
        """Return its proportional set size; 0 without /proc."""
        try:
            lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            return 0
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

    def thread_bytes(self) -> int:
        return thread_bytes(self.pid)

    def versions(self) -> int:
        """Return the sum of all versions in its SQLite file, which is the number of committed row writes."""
        with contextlib.closing(apsw.Connection(str(self.folder / "games.db"))) as connection:
            return int(connection.execute("select coalesce(sum(version), 0) from games").get)


def thread_bytes(pid: int) -> int:
    """Return the bytes that all threads of a process but its first have passed to write calls.

    With SQLite these are the store's threads: they write frames of the write-ahead log, and pages that a
    checkpoint copies to the database. The first thread writes answers to sockets, which do not count. The
    result is 0 without /proc.
    """
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        if task.name != str(pid):
            lines = dict(line.split(": ") for line in (task / "io").read_text().splitlines())
            total += int(lines["wchar"])
    return total


@contextmanager
def running(command: Command, folder: Path, database: str = "") -> Iterator[Server]:
    """Start a server on its core and wait until it accepts connections; the exit of the block kills it.

    Raises:
        Failed: The server ended or took too long; the message has the end of its log.
    """
    port = free_port()
    database = database or f"sqlite:///{folder}/games.db"
    environ = {**os.environ, "PORT": str(port), "DATABASE": database}
    with (folder / "server.log").open("wb") as log:
        # A session of its own: Ctrl-C reaches the bench only, which then ends its servers.
        process = subprocess.Popen(
            command(port, database), env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        _pin(process.pid)
        _wait_for(port, process, folder / "server.log")
        _pin(process.pid)
        yield Server(port, process.pid, folder)
    finally:
        process.kill()
        process.wait()


def ours(port: int, database: str) -> list[str]:
    """Return the command line of our server with default settings."""
    return [sys.executable, "-m", "dungeonfighter", "serve", "--port", str(port), "--db", database]


def load(port: int, words: Sequence[object], seconds: float = 0.0) -> LoadResult:
    """Run `bench.load` on the other core: `words` are SECONDS CONNECTIONS BOTS ERA.

    Raises:
        Failed: The load failed or was stuck.
    """
    command = [sys.executable, "-m", "bench.load", *map(str, (port, *words, cores()[1]))]
    try:
        done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + _LOAD_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Failed("the load was not answered in time") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"the load failed: {error.stderr.decode(errors='replace')[-400:]}") from None
    return msgspec.json.decode(done.stdout, type=LoadResult)


def cores() -> tuple[int, int]:
    """Return the core of the servers and that of the load; -1 for both with one core or without pinning."""
    if not hasattr(os, "sched_setaffinity"):
        return -1, -1
    there = sorted(os.sched_getaffinity(0))
    return (there[0], there[1]) if len(there) > 1 else (-1, -1)


def _pin(pid: int) -> None:
    """Pin every present thread of a process to the core of the servers."""
    core, _ = cores()
    if core < 0:
        return
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").glob("*")]
    for thread in threads or [pid]:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread, {core})


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Failed(f"a server did not start: {log.read_text(errors='replace')[-400:]}")
