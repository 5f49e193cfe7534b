"""SIGHUP changes nothing about a server, unless its terminal was closed: then it drains."""

from __future__ import annotations

import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, Served

ONE_AND_TWO = pytest.mark.parametrize(
    "flags", [(), pytest.param(("--workers", "2"), marks=pytest.mark.long)], ids=["one", "two workers"]
)


@ONE_AND_TWO
def test_a_server_goes_on_after_sighup(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with ServerProcess(tmp_path, flags=flags) as server:
        served = Served(server)
        assert not served.call("start_new_game", seed=7, weapon="dagger")[1]
        pid = served.ready().get("pid")
        for _ in range(3):
            server.signal(signal.SIGHUP)
        if pid is not None:
            os.kill(pid, signal.SIGHUP)
        for turn in range(4):
            assert served.call(PLAY, input="1", turn=turn)[0].startswith(f"e1 t{turn + 1}")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@ONE_AND_TWO
def test_a_server_whose_terminal_is_closed_drains(tmp_path: Path, flags: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "dungeonfighter", "serve", "--port", "0", "--db", "memory://"]
    if flags:
        command[-1] = f"sqlite:///{tmp_path}/games.db"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], [*command, *flags])
    shown = b""
    while b"Ctrl-C" not in shown:
        shown += os.read(terminal, 4096)
    os.close(terminal)  # the kernel sends SIGHUP
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
