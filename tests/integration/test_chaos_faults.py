"""Each fault of packets and processes alone, between two hosts: it has its effect, shows it, and ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from chaos.faults import FAULTS
from chaos.faults.fault import Fault, FaultError
from chaos.faults.freezing import state
from chaos.hosts import Host
from chaos.interruption import Interruption
from chaos.stage import Plan, Stage
from testkit.leftovers import Leftovers
from tests.integration.served import until

pytestmark = pytest.mark.long

ECHO = """
import socket, sys
listening = socket.create_server(("", 8000))
print("ready", flush=True)
while True:
    end, _ = listening.accept()
    while piece := end.recv(65536):
        end.sendall(piece)
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(Plan("sqlite", "none", 1), tmp_path, Leftovers(tmp_path / "leftovers"), Interruption())
    try:
        made.build()
        yield made
    finally:
        made.close()


@pytest.fixture
def echo(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """A program on `server-1` that answers what it gets."""
    started = stage.hosts["server-1"].popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    yield started
    started.kill()
    started.communicate()


def fault(stage: Stage, name: str, **options: object) -> Fault:
    kind = FAULTS[name]
    return kind(stage, kind.Options(**options), Random(1))


def dial(host: Host, address: str, seconds: float = 5.0) -> socket.socket:
    return host.call(lambda: socket.create_connection((address, 8000), seconds))


def answers(line: socket.socket, size: int = 100) -> float:
    """Return the seconds until so many bytes came back."""
    begun = time.monotonic()
    line.sendall(bytes(size))
    left = size
    while left:
        piece = line.recv(left)
        assert piece
        left -= len(piece)
    return time.monotonic() - begun


@pytest.fixture
def line(stage: Stage, echo: subprocess.Popen[bytes]) -> Iterator[socket.socket]:
    """A connection from the balancer to the program."""
    with dial(stage.hosts["balancer"], stage.hosts["server-1"].address) as end:
        end.settimeout(1.0)
        yield end


@pytest.mark.parametrize("way", ["both", "in", "out"])
def test_a_partition_is_silent_until_it_ends(stage: Stage, line: socket.socket, way: str) -> None:
    answers(line)
    cut = fault(stage, "partition", on=["server-1"], away_from=["balancer"], way=way)
    cut.begin()
    with pytest.raises(TimeoutError):
        answers(line)
    cut.end()
    cut.end()
    line.settimeout(10)
    assert len(line.recv(100)) == 100
    assert " dropped" in cut.evidence()
    tables = stage.hosts["server-1"].run("nft", "list", "tables") + stage.hosts["balancer"].run(
        "nft", "list", "tables"
    )
    assert "chaos" not in tables


def test_a_partition_may_reset(stage: Stage, line: socket.socket) -> None:
    answers(line)
    cut = fault(stage, "partition", on=["server-1"], away_from=["balancer"], how="reset")
    cut.begin()
    with pytest.raises(ConnectionResetError):
        answers(line)
    with pytest.raises(ConnectionRefusedError):
        dial(stage.hosts["balancer"], stage.hosts["server-1"].address)
    cut.end()
    dial(stage.hosts["balancer"], stage.hosts["server-1"].address).close()
    assert " reset" in cut.evidence()


@pytest.mark.usefixtures("echo")
def test_a_fault_without_an_effect_says_so(stage: Stage) -> None:
    cut = fault(stage, "partition", on=["server-1"], away_from=["balancer"])
    cut.begin()
    cut.end()
    with pytest.raises(FaultError, match=r"no packet was dropped: \[\('from balancer to server-1', 0\)"):
        cut.evidence()
    lossy = fault(stage, "packet-loss", on=["server-1"], percent=99)
    lossy.begin()
    lossy.end()
    with pytest.raises(FaultError, match="none of 0 packets"):
        lossy.evidence()


def test_packets_are_lost_and_come_through_by_repeats(stage: Stage, line: socket.socket) -> None:
    lossy = fault(stage, "packet-loss", on=["server-1"], percent=20)
    lossy.begin()
    line.settimeout(60)
    answers(line, 100_000)
    lossy.end()
    assert " packets to server-1 dropped" in lossy.evidence()


def test_packets_are_delayed(stage: Stage, line: socket.socket) -> None:
    answers(line)
    slow = fault(stage, "delay", on=["server-1"], milliseconds=300, jitter=100)
    slow.begin()
    assert answers(line) >= 0.2
    slow.end()
    assert " packets held; " in slow.evidence()
    assert "NFQUEUE" not in stage.hosts["server-1"].run("iptables", "-S")


def test_a_rate_is_limited(stage: Stage, line: socket.socket) -> None:
    narrow = fault(stage, "rate-limit", on=["server-1"], kilobits=400)
    narrow.begin()
    line.settimeout(60)
    assert answers(line, 100_000) >= 1.0
    narrow.end()
    assert "server-1 waited " in narrow.evidence()
    assert "tbf" not in stage.hosts["server-1"].run("tc", "qdisc", "show")


def test_a_host_stands_still(stage: Stage, line: socket.socket, echo: subprocess.Popen[bytes]) -> None:
    answers(line)
    frozen = fault(stage, "freeze", on=["server-1"])
    frozen.begin()
    assert state(echo.pid) == "T"
    with pytest.raises(TimeoutError):
        answers(line)
    frozen.end()
    line.settimeout(10)
    assert len(line.recv(100)) == 100
    assert "1 processes of [server-1] used no processor time" in frozen.evidence()


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; from pathlib import Path\n"
        "from chaos.interruption import Interruption\n"
        "from chaos.stage import Plan, Stage\n"
        "from testkit.leftovers import Leftovers\n"
        "folder, left = Path(sys.argv[1]), Leftovers(Path(sys.argv[2]))\n"
        "stage = Stage(Plan('sqlite', 'none', 1), folder, left, Interruption())\n"
        "stage.build()\n"
        "started = stage.hosts['server-1'].popen(['sleep', '600'], stdout=subprocess.DEVNULL)\n"
        "print(started.pid, stage.hosts['server-1'].namespace.name, flush=True)\n"
        "time.sleep(600)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "leftovers")]
    run = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert run.stdout is not None
    pid, name = run.stdout.readline().split()
    run.kill()
    run.communicate()
    removed = Leftovers(tmp_path / "leftovers").remove_all()
    assert f"namespace {name.decode()}" in removed
    assert len(removed) == 4
    until(lambda: state(int(pid)) in {"", "Z"}, "the process lives on", seconds=10)
    assert Leftovers(tmp_path / "leftovers").remove_all() == []
