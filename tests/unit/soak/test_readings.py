"""The readings of a process: its own descriptors, and the connections that it has accepted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import family
from soak.readings import SqliteReader, open_connections, read_processes
from soak.samples import CONNECTIONS, DESCRIPTORS, MEMORY, THREADS, WAL

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_accepted_connections_are_apart_from_other_descriptors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = read_processes(os.getpid(), port)
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        accepted = [server.accept()[0] for _ in range(3)]
        during = read_processes(os.getpid(), port)
        assert len(open_connections(port)) == 3
        for one in (*clients, *accepted):
            one.close()
        after = read_processes(os.getpid(), port)
    others = before[CONNECTIONS]  # sockets of this process that are in no table, of netlink for example
    assert [one[CONNECTIONS] - others for one in (during, after)] == [3, 0]
    assert (
        during[DESCRIPTORS] == before[DESCRIPTORS] + 3
    )  # the ends of the clients are descriptors of their own
    assert after[DESCRIPTORS] == before[DESCRIPTORS]
    assert not open_connections(port)


def test_a_connection_that_only_its_client_closed_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted = server.accept()[0]
        assert accepted.recv(1) == b""
        assert len(open_connections(port)) == 1
        accepted.close()
        assert not open_connections(port)


def test_a_process_counts_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in family(os.getpid())
        alone = read_processes(child.pid, 0)
        whole = read_processes(os.getpid(), 0)
        for name in (MEMORY, THREADS):
            assert 0 < alone[name] < whole[name]
        child.communicate(b"\n")


async def test_a_database_that_is_not_there_yet_has_no_bytes(tmp_path: Path) -> None:
    reader = SqliteReader(tmp_path / "games.db")
    assert (await reader.read())[WAL] == 0
    (tmp_path / "games.db-wal").write_bytes(b"12345")
    assert (await reader.read())[WAL] == 5
