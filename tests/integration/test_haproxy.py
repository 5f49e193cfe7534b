"""The addresses of clients behind a real HAProxy, by header and by the PROXY protocol in both versions."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.ports import free_port
from testkit.server_process import ServerProcess
from tests.integration.served import until
from tests.integration.test_client_limits import Client, raw
from tests.parts import program

PROXY = "127.0.0.9"
RESET = struct.pack("ii", 1, 0)
"""Linger for 0 s: the system resets the connection when it is closed."""
CONFIGURATION = """
defaults
    {mode}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend game
    bind 127.0.0.1:{front}
    default_backend servers
backend servers
    server one 127.0.0.1:{back} source {proxy} {words}
"""
WAYS = {
    "header": ("mode http\n    option forwardfor", "", ()),
    "version 1": ("mode tcp", "send-proxy", ("--proxy-header=proxy-protocol",)),
    "version 2": ("mode tcp", "send-proxy-v2", ("--proxy-header=proxy-protocol",)),
}


class Front:
    """The address of the balancer, with the attribute that `Client` reads."""

    def __init__(self, port: int) -> None:
        self.port = port


@contextlib.contextmanager
def balanced(folder: Path, way: str) -> Iterator[tuple[Front, ServerProcess]]:
    haproxy = program("haproxy", part="haproxy")
    mode, words, flags = WAYS[way]
    limits = ("--connections-per-address=2", f"--trusted-proxies={PROXY}")
    with ServerProcess(folder, "memory://", flags=(*limits, *flags)) as server:
        front, file = free_port(), folder / "haproxy.cfg"
        file.write_text(
            CONFIGURATION.format(mode=mode, front=front, proxy=PROXY, back=server.port, words=words)
        )
        with subprocess.Popen([haproxy, "-db", "-f", str(file)], stderr=subprocess.PIPE) as process:
            try:
                until(lambda: process.poll() is not None or is_open(front))
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                yield Front(front), server
            finally:
                process.terminate()


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError):
        Client(Front(port), "127.0.0.8").close()  # type: ignore[arg-type]
        return True
    return False


@pytest.mark.long
@pytest.mark.parametrize("way", [way for way in WAYS if way != "header"])
def test_connections_are_those_of_the_clients(tmp_path: Path, way: str) -> None:
    with balanced(tmp_path, way) as (front, server):
        several = [client(front, f"127.0.0.{last}") for last in (2, 2, 3, 3, 4)]
        assert [one.status() for one in several] == [200] * 5
        assert client(front, "127.0.0.2").read_status() == 429
        assert client(front, "127.0.0.4").status() == 200
        metrics = raw(server, "127.0.0.1", b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'mcp_rejected_total{reason="malformed"} 0' in metrics
        assert "refused" not in server.log.read_text()


@pytest.mark.long
@pytest.mark.parametrize("way", [way for way in WAYS if way != "header"])
def test_connections_that_were_reset_are_counted_no_more(tmp_path: Path, way: str) -> None:
    with balanced(tmp_path, way) as (front, server):
        for _ in range(20):
            one = client(front, "127.0.0.2")
            one.begin("")
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()

        def has_room() -> bool:
            two = [client(front, "127.0.0.2") for _ in range(2)]
            statuses = [one.status() for one in two]
            for one in two:
                one.close()
            return statuses == [200, 200]

        until(has_room)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.long
def test_requests_are_those_of_the_clients(tmp_path: Path) -> None:
    with balanced(tmp_path, "header") as (front, _):
        two = [begun(front) for _ in range(2)]

        def is_full() -> bool:
            # A request of ours that came first may have taken the place of one that is to be under way.
            two[:] = [begun(front) if is_answered(one) else one for one in two]
            return client(front, "127.0.0.2").status("198.51.100.2") == 429

        until(is_full)
        assert client(front, "127.0.0.3").status("127.0.0.2") == 200
        assert [one.end() for one in two] == [200, 200]
        assert client(front, "127.0.0.2").status() == 200


def begun(front: Front) -> Client:
    """Send a part of a request with a forged address; the balancer appends the true one behind it."""
    one = client(front, "127.0.0.2")
    one.begin("198.51.100.1")
    return one


def is_answered(one: Client) -> bool:
    return bool(select.select([one.socket], [], [], 0)[0])


def client(front: Front, source: str) -> Client:
    return Client(front, source)  # type: ignore[arg-type]  # only the port is read
