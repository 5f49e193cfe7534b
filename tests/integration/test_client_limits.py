"""The limit on connections of an address, with and without proxies between the client and the server.

127.0.0.9 plays the trusted proxy, other addresses of 127/8 are clients that connect directly.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import until

CALL = json.dumps({
    "jsonrpc": "2.0", "id": 1, "method": "tools/call",
    "params": {"name": "get_game_state", "arguments": {"botId": "nobody"}},
}).encode()  # fmt: skip
PROXY = "127.0.0.9"
V2_LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"


class Client:
    """One connection from a loopback address."""

    def __init__(self, server: ServerProcess, source: str = PROXY, preamble: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30, (source, 0))
        if preamble:
            self.socket.sendall(preamble)

    def head(self, forwarded: str = "") -> bytes:
        more = f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
        return (
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\n{more}Content-Length: {len(CALL)}\r\n\r\n"
        ).encode()

    def status(self, forwarded: str = "") -> int:
        """Send a call; return the status of the answer, 0 if the connection is closed without one."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(self.head(forwarded) + CALL)
        return self.read_status()

    def begin(self, forwarded: str) -> None:
        """Send a call without its last byte."""
        self.socket.sendall(self.head(forwarded) + CALL[:-1])

    def end(self) -> int:
        self.socket.sendall(CALL[-1:])
        return self.read_status()

    def read_status(self) -> int:
        data = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n\r\n" not in data and (piece := self.socket.recv(65_536)):
                data += piece
        return int(data.split(b" ")[1]) if data else 0

    def close(self) -> None:
        self.socket.close()


def running(folder: Path, *flags: str) -> Iterator[ServerProcess]:
    with ServerProcess(folder, "memory://", flags=("--connections-per-address=2", *flags)) as server:
        yield server


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from running(tmp_path_factory.mktemp("direct"))


@pytest.fixture(scope="module")
def by_header(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from running(tmp_path_factory.mktemp("by_header"), "--trusted-proxies=127.0.0.9")


@pytest.fixture(scope="module")
def by_preamble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("by_preamble"), "memory://", flags=(
        "--connections-per-address=2", "--trusted-proxies=127.0.0.9/32", "--proxy-header=proxy-protocol",
    )) as server:  # fmt: skip
        yield server


def line(client: str) -> bytes:
    return f"PROXY TCP4 {client} 127.0.0.1 4711 80\r\n".encode()


def test_an_address_has_as_many_connections_as_it_may(direct: ServerProcess) -> None:
    two = [Client(direct, "127.0.0.2") for _ in range(2)]
    assert [one.status() for one in two] == [200, 200]
    third = Client(direct, "127.0.0.2")
    assert third.read_status() == 429
    metrics = raw(direct, "127.0.0.6", b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b'mcp_rejected_total{reason="too_many_connections"} 1' in metrics
    assert Client(direct, "127.0.0.3").status() == 200
    two[0].close()
    until(lambda: Client(direct, "127.0.0.2").status() == 200)


def test_a_forged_header_without_a_proxy_is_ignored(direct: ServerProcess) -> None:
    clients = [Client(direct, "127.0.0.4") for _ in range(2)]
    assert [one.status(f"198.51.100.{number}") for number, one in enumerate(clients)] == [200, 200]
    assert Client(direct, "127.0.0.4").status("198.51.100.9") in {0, 429}


def test_the_preamble_names_the_client(by_preamble: ServerProcess) -> None:
    two = [Client(by_preamble, preamble=line("198.51.100.1")) for _ in range(2)]
    assert [one.status() for one in two] == [200, 200]
    assert Client(by_preamble, preamble=line("198.51.100.1")).read_status() == 429
    assert Client(by_preamble, preamble=line("198.51.100.2")).status() == 200
    for one in two:
        one.close()
    until(lambda: Client(by_preamble, preamble=line("198.51.100.1")).status() == 200)


def test_a_preamble_comes_in_any_pieces(by_preamble: ServerProcess) -> None:
    client = Client(by_preamble)
    for byte in line("198.51.100.3"):
        client.socket.sendall(bytes([byte]))
    assert [client.status() for _ in range(5)] == [200] * 5
    whole = Client(by_preamble)
    whole.socket.sendall(line("198.51.100.4") + whole.head() + CALL)
    assert whole.read_status() == 200


def test_a_proxy_without_preamble_is_refused(by_preamble: ServerProcess) -> None:
    assert Client(by_preamble).status() == 400
    assert b"PROXY protocol" in raw(by_preamble, PROXY, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    metrics = raw(by_preamble, "127.0.0.2", b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b'mcp_rejected_total{reason="malformed"} 2' in metrics


def test_a_preamble_of_anybody_else_is_no_http(by_preamble: ServerProcess) -> None:
    assert Client(by_preamble, "127.0.0.2", line("198.51.100.5")).status() == 400
    assert Client(by_preamble, "127.0.0.2", V2_LOCAL).status() == 400
    probe = raw(by_preamble, "127.0.0.2", b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert probe.startswith(b"HTTP/1.1 200")


def test_checks_of_the_proxy_itself_are_not_limited(by_preamble: ServerProcess) -> None:
    checks = [Client(by_preamble, preamble=V2_LOCAL) for _ in range(5)]
    assert [one.status() for one in checks] == [200] * 5


def test_requests_under_way_count_for_their_client(by_header: ServerProcess) -> None:
    two = [Client(by_header) for _ in range(2)]
    for one in two:
        one.begin("198.51.100.1")
    third = Client(by_header)
    until(lambda: Client(by_header).status("6.6.6.6, 198.51.100.1") == 429)
    assert third.status("198.51.100.2") == 200
    assert [one.end() for one in two] == [200, 200]
    assert Client(by_header).status("198.51.100.1") == 200


def test_a_proxy_may_have_any_number_of_connections(by_header: ServerProcess) -> None:
    pool = [Client(by_header) for _ in range(6)]
    for _ in range(4):  # the second time on, each head is known
        assert [one.status("198.51.100.7") for one in pool] == [200] * 6
    assert [one.status("198.51.100.8") for one in pool] == [200] * 6
    assert [one.status() for one in pool] == [200] * 6


def test_a_request_under_a_known_head_counts_too(by_header: ServerProcess) -> None:
    known = Client(by_header)
    assert [known.status("198.51.100.11") for _ in range(3)] == [200] * 3
    two = [Client(by_header) for _ in range(2)]
    for one in two:
        one.begin("198.51.100.11")
    until(lambda: Client(by_header).status("198.51.100.11") == 429)
    assert known.status("198.51.100.11") == 429
    assert [one.end() for one in two] == [200, 200]


def test_a_connection_lost_in_a_request_counts_no_more(by_header: ServerProcess) -> None:
    for one in [Client(by_header) for _ in range(2)]:
        one.begin("198.51.100.10")
        one.close()
    until(lambda: Client(by_header).status("198.51.100.10") == 200)


def test_a_direct_client_of_a_server_with_proxies_is_limited_too(by_header: ServerProcess) -> None:
    clients = [Client(by_header, "127.0.0.5") for _ in range(2)]
    assert [one.status("198.51.100.1") for one in clients] == [200, 200]
    assert Client(by_header, "127.0.0.5").read_status() == 429


def raw(server: ServerProcess, source: str, request: bytes) -> bytes:
    client = Client(server, source)
    client.socket.sendall(request)
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.socket.recv(65_536):
            data += piece
    return data


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--trusted-proxies=10.0.1.5/24"], "write 10.0.1.0/24, or 10.0.1.5 for the one address"),
        (["--trusted-proxies=*"], "must be a network by its numbers"),
        (["--proxy-header=proxy-protocol"], "--trusted-proxies"),
        (["--trusted-proxies=10.0.0.0/8", "--proxy-header=forwarded"], "x-forwarded-for or proxy-protocol"),
    ],
)
def test_a_wrong_network_stops_the_start(flags: list[str], problem: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "serve", "--db", "memory://", *flags],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert problem in ended.stderr
