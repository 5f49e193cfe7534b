"""Each fault of machines alone: full and broken disks, limits, detours, herds, names, and their evidence."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from chaos.balancer import PORT
from chaos.cgroups import Group
from chaos.detour import Connect, Detour, Serve
from chaos.disks import Disk, breaking_obstacle
from chaos.faults import FAULTS
from chaos.faults.fault import Fault, FaultError
from chaos.faults.names import DnsGone, NamesOptions
from chaos.herd import Herd
from chaos.hosts import Host
from chaos.interruption import Interruption
from chaos.stage import Plan, Stage
from testkit.leftovers import Leftovers
from testkit.parts import PartMissing
from testkit.postgres_server import skip_without_wheel
from tests.integration.served import until
from tests.parts import go_without

pytestmark = pytest.mark.long

ADDRESS = "127.0.0.1"
"""The host of the balancer leads to itself, which needs no other host."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(Plan("sqlite", "none", 1), tmp_path, Leftovers(tmp_path / "leftovers"), Interruption())
    try:
        made.build()
    except PartMissing as missing:
        go_without(missing.part)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def host(stage: Stage) -> Host:
    return stage.hosts["balancer"]


# Disks


def test_a_full_disk_takes_no_byte_until_it_is_empty(stage: Stage) -> None:
    disk = Disk(stage, 4)
    assert disk.fill() > 3 << 20
    assert disk.free_bytes == 0
    with pytest.raises(OSError, match="No space left"):
        (disk.folder / "file").write_bytes(b"x")
    disk.empty()
    (disk.folder / "file").write_bytes(bytes(1 << 20))


def test_some_of_a_disk_stays_free(stage: Stage) -> None:
    disk = Disk(stage, 4)
    disk.fill(1 << 20)
    assert 1 << 20 <= disk.free_bytes < 2 << 20


@pytest.mark.skipif(bool(breaking_obstacle()), reason=breaking_obstacle())
def test_a_disk_that_breaks_is_read_only_until_its_repair(stage: Stage) -> None:
    disk = Disk(stage, 16, "ext4")
    with (disk.folder / "file").open("wb", buffering=0) as file:
        file.write(b"kept")
        os.fsync(file.fileno())
        assert not disk.refuses_writes()
        disk.break_down()
        until(disk.refuses_writes, "the disk takes writes")
        with pytest.raises(OSError, match="Read-only file system"):
            file.write(b"x")
    disk.repair()
    assert not disk.refuses_writes()
    assert (disk.folder / "file").read_bytes() == b"kept"


def test_no_disk_outlives_its_stage(stage: Stage) -> None:
    disk = Disk(stage, 4)
    assert disk.folder.is_mount()
    stage.close()
    assert not disk.folder.parent.exists()
    stage.leftovers.remove_all()


# Limits


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A program that takes as many megabytes as it is told, and then counts for ever."""
    code = "import sys; held = bytearray(int(sys.stdin.readline()) << 20)\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[bytes], megabytes: int) -> None:
    assert process.stdin is not None
    process.stdin.write(b"%d\n" % megabytes)
    process.stdin.flush()


@contextlib.contextmanager
def group(controller: str) -> Iterator[Group]:
    if obstacle := Group.obstacle(controller):
        pytest.skip(obstacle)
    made = Group(controller, f"chaos-test-{os.getpid()}")
    made.make()
    try:
        yield made
    finally:
        made.remove()
    assert not made.folder.exists()


def test_the_kernel_kills_what_needs_more_memory(stage: Stage, sleeper: subprocess.Popen[bytes]) -> None:
    with group("memory") as small:
        small.limit_memory(16 << 20)
        small.add(sleeper.pid)
        tell(sleeper, 64)
        assert sleeper.wait(30) == -9
        until(lambda: small.kills == 1, "the kill is not counted")


def test_a_program_gets_a_part_of_a_core_and_goes_on(stage: Stage, sleeper: subprocess.Popen[bytes]) -> None:
    place = Path(f"/proc/{sleeper.pid}/cgroup")
    former = place.read_text()
    with group("cpu") as slow:
        slow.limit_cpu(0.05)
        slow.add(sleeper.pid)
        tell(sleeper, 1)
        until(lambda: slow.throttled > 1, "the program has all the time it wants")
        assert place.read_text() != former
    assert place.read_text() == former
    assert sleeper.poll() is None


# Connections


def echoing(host: Host, greeting: bytes) -> socket.socket:
    """Listen on a port of the host; each connection is greeted."""
    listening = host.call(lambda: socket.create_server((ADDRESS, PORT)))

    def serve() -> None:
        accepted = []
        with contextlib.suppress(OSError):  # it is closed
            while True:
                accepted.append(listening.accept()[0])
                with contextlib.suppress(ConnectionError):
                    accepted[-1].sendall(greeting)

    threading.Thread(target=serve, daemon=True).start()
    return listening


def dialled(host: Host) -> socket.socket:
    return host.call(lambda: socket.create_connection((ADDRESS, PORT), 10))


def test_a_detour_leads_new_connections_through_a_proxy_and_resets_former_ones(host: Host) -> None:
    with echoing(host, b"server"), dialled(host) as former:
        assert former.recv(99) == b"server"

        def make_server(connect: Connect) -> Serve:
            async def serve(reader: object, writer: object) -> None:
                back, forth = await connect()
                writer.write(b"proxy of " + await back.read(99))  # type: ignore[attr-defined]
                await writer.drain()  # type: ignore[attr-defined]
                forth.close()
                await reader.read()  # type: ignore[attr-defined]

            return serve

        detour = Detour(host, ADDRESS, PORT, make_server)
        detour.open()
        with dialled(host) as led:
            assert led.recv(99) == b"proxy of server"
            former.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                former.recv(99)
        detour.close()
        with dialled(host) as direct:
            assert direct.recv(99) == b"server"


def test_a_herd_loses_its_connections_and_comes_back(stage: Stage, host: Host) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with echoing(host, answer):
        herd = Herd(host, 30)
        herd.begin()
        try:
            until(lambda: herd.back == 30, "the herd does not come")
            host.run("ss", "--kill", "--tcp", "state", "established", "dport", "=", f":{PORT}")
            until(lambda: herd.lost >= 30, "no connection is lost")
            until(lambda: herd.back == 30, "the herd does not come back")
        finally:
            herd.end()


# Names


def test_names_are_gone_and_back(tmp_path: Path) -> None:
    skip_without_wheel()
    if obstacle := DnsGone.obstacle():
        pytest.skip(obstacle)
    made = Stage(Plan("postgresql", "none", 1), tmp_path, Leftovers(tmp_path / "leftovers"), Interruption())
    with contextlib.closing(made):
        made.build()
        fault = DnsGone(made, NamesOptions(answer="unknown"), Random(1))
        fault.prepare()
        assert made.database_names == {"database-1": "database-1.chaos.test"}

        def found() -> str:
            words = ("ip", "netns", "exec", made.hosts["server-1"].namespace.name, "getent", "hosts")
            name = made.database_names["database-1"]
            return subprocess.run([*words, name], check=False, capture_output=True, text=True).stdout

        assert found().startswith(made.hosts["database-1"].address)
        fault.stop_answers()
        assert found() == ""
        fault.answer_once_more()
        assert found().startswith(made.hosts["database-1"].address)


# Evidence


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("disk-full", {"disk": "store"}), ("read-only-file-system", {}), ("temporary-tables", {}),
        ("memory-limit", {"on": ["server-1"]}), ("cpu-quota", {"on": ["server-1"]}), ("dns-gone", {}),
        ("clock-jump", {"on": ["server-1"], "seconds": 60}), ("cut-commits", {"on": ["server-1"]}),
    ],
)  # fmt: skip
def test_a_fault_that_did_not_begin_has_no_evidence(
    stage: Stage, name: str, options: dict[str, object]
) -> None:
    kind: type[Fault] = FAULTS[name]
    with pytest.raises(FaultError):
        kind(stage, kind.Options(**options), Random(1)).evidence()
