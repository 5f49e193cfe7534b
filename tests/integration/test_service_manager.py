"""systemd is told about the start, the drain, a reload and a hanging worker, over a socket of the test's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit.notify_socket import NotifySocket
from testkit.server_process import ServerProcess
from tests.integration.served import Served

ONE_AND_THREE = pytest.mark.parametrize(
    "workers", [1, pytest.param(3, marks=pytest.mark.long)], ids=["one process", "three workers"]
)
READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def extends(line: str) -> bool:
    return line.startswith("EXTEND_TIMEOUT_USEC=")


@pytest.fixture(params=["path", pytest.param("abstract", marks=pytest.mark.long)])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    name = f"@df-{os.getpid()}-{tmp_path.name}" if request.param == "abstract" else str(tmp_path / "notify")
    with NotifySocket(name) as made:
        yield made


@contextmanager
def reporting_to(
    folder: Path, manager: NotifySocket, flags: Sequence[str], watchdog_seconds: float
) -> Iterator[ServerProcess]:
    """Launch a server that reports to the manager."""
    environ = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": str(int(watchdog_seconds * 1_000_000))}
    server = ServerProcess(folder, flags=flags, environ=environ)
    try:
        server.launch()
        yield server
    finally:
        server.kill()


@ONE_AND_THREE
def test_a_server_reports_its_whole_life(tmp_path: Path, manager: NotifySocket, workers: int) -> None:
    flags = ("--workers", str(workers), "--drain-seconds", "1")
    with reporting_to(tmp_path, manager, flags, 1) as server:
        assert extends(manager.wait_for(lambda _: True)[0])
        assert "STATUS=serving" in manager.wait_for(READY)
        assert Served(server).ready()["status"] == "ready"  # it serves from that moment on
        assert manager.seen.count(READY) == 1
        assert ALIVE not in manager.seen
        manager.wait_for(ALIVE)
        manager.wait_for(ALIVE)
        server.signal(signal.SIGHUP)
        assert manager.wait_for("RELOADING=1")[1].startswith("MONOTONIC_USEC=")
        manager.wait_for(READY)
        server.signal(signal.SIGTERM)
        assert any(map(extends, manager.wait_for(STOPPING)))
        manager.wait_for(ALIVE)  # also while it drains
        assert server.wait() == 0
        assert manager.seen.count(STOPPING) == 1
        assert not {READY, "RELOADING=1"} & set(manager.drain())


@pytest.mark.long
@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_a_worker_that_hangs_ends_the_signs_of_life_until_it_goes_on(
    tmp_path: Path, manager: NotifySocket
) -> None:
    with reporting_to(tmp_path, manager, ("--workers", "3"), 2) as server:
        manager.wait_for(READY)
        manager.wait_for(ALIVE)
        hanging = Served(server).ready()
        os.kill(hanging["pid"], signal.SIGSTOP)
        try:
            status = manager.wait_for(lambda line: "no sign of life" in line)
            assert f"worker {hanging['worker']} " in status[0]
            assert ALIVE not in status
        finally:
            os.kill(hanging["pid"], signal.SIGCONT)
        before = len(manager.seen)
        manager.wait_for("STATUS=serving")
        assert ALIVE not in manager.seen[before:]
        manager.wait_for(ALIVE)
        assert f"worker {hanging['worker']} has shown no sign of life" in server.log.read_text()


@pytest.mark.long
@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_a_long_drain_keeps_asking_for_more_time(tmp_path: Path, manager: NotifySocket) -> None:
    with reporting_to(tmp_path, manager, ("--drain-seconds", "600"), 0) as server:
        manager.wait_for(READY)
        server.signal(signal.SIGTERM)
        manager.wait_for(STOPPING)
        manager.wait_for(extends)
        manager.wait_for(extends)
        assert ALIVE not in manager.seen  # without a watchdog
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM
