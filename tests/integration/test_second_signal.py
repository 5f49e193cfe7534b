"""A second signal ends a server at once, although another process holds the lock of its database."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.server import ServerProcess

fcntl = pytest.importorskip("fcntl")
HOLD = "import fcntl,sys,time; f=open(sys.argv[1],'a'); fcntl.flock(f,2); print(flush=True); time.sleep(60)"
ENDED = {-signal.SIGTERM, 128 + signal.SIGTERM}


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, flags=request.param) as started:
        yield started


def held(database: Path) -> subprocess.Popen[bytes]:
    """A process that holds the lock of the database."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, f"{database}.lock"], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    return holder


@pytest.mark.long
@pytest.mark.parametrize("server", [[], ["--workers=2"]], indirect=True)
def test_a_second_signal_ends_it_while_the_lock_is_held(server: ServerProcess) -> None:
    with held(server.database) as holder:
        try:
            server.signal(signal.SIGTERM)
            while "stopping" not in server.log.read_text():
                time.sleep(0.01)
            server.signal(signal.SIGTERM)
            code = server.wait()
            assert holder.poll() is None  # it was not waited for
        finally:
            holder.kill()
    assert code in {0, *ENDED}  # 0: nothing was left to write


@pytest.mark.long
@pytest.mark.parametrize("flags", [[], ["--workers=2"]])
def test_a_signal_ends_a_start_that_waits_for_the_store(tmp_path: Path, flags: list[str]) -> None:
    server = ServerProcess(tmp_path, flags=flags)
    with server:
        pass
    with held(server.database) as holder:
        try:
            server.launch()
            pid = server._process.pid  # type: ignore[union-attr]
            while not caught(pid):
                time.sleep(0.01)
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGTERM)
            time.sleep(0.1)
            server.signal(signal.SIGTERM)
            assert server.wait() in {0, *ENDED}
            assert holder.poll() is None
        finally:
            holder.kill()
            server.kill()


def caught(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM already."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
