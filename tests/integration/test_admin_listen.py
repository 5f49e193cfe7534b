"""`ADMIN_LISTEN`: health checks, figures and the watch page have an address of their own."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.ports import free_port
from testkit.server_process import ServerProcess
from tests.integration.served import until

PAGES = ("/livez", "/readyz", "/metrics", "/", "/static/main.js", "/api/summary", "/api/bots")
CALL = {
    "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "start_new_game", "arguments": {}},
}  # fmt: skip


class Split(ServerProcess):
    """A server with two addresses."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.admin_port = free_port()
        super().__init__(folder, flags=[f"--admin-listen=127.0.0.1:{self.admin_port}", *flags])

    def is_ready(self) -> bool:
        self.port, game = self.admin_port, self.port
        try:
            return super().is_ready()
        finally:
            self.port = game

    def ask(self, port: int, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def play(self, port: int) -> int:
        return self.ask(port, "/mcp", "POST", json.dumps(CALL).encode())[0]


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with Split(tmp_path_factory.mktemp("split"), f"--workers={request.param}") as server:
        yield server


@pytest.mark.parametrize("path", PAGES)
def test_only_the_second_address_has_the_pages(split: Split, path: str) -> None:
    for _ in range(4):
        assert split.ask(split.admin_port, path)[0] == 200
        status, body = split.ask(split.port, path)
        assert status == 404
        assert b"MCP is served at POST /mcp" in body


def test_only_the_first_address_has_the_game(split: Split) -> None:
    for _ in range(4):
        assert split.play(split.port) == 200
        assert split.play(split.admin_port) == 404
        assert split.ask(split.admin_port, "/mcp")[0] == 404
    assert b"\nmcp_turns_total " in split.ask(split.admin_port, "/metrics")[1]


def test_the_second_address_tells_that_the_server_drains(tmp_path: Path) -> None:
    with Split(tmp_path, "--drain-seconds=60") as server:
        stream = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=60)
        with contextlib.closing(stream):
            stream.request("GET", "/api/events")
            assert stream.getresponse().status == 200
            server.signal(signal.SIGTERM)
            until(lambda: server.ask(server.admin_port, "/readyz")[0] == 503)
            assert server.ask(server.admin_port, "/livez")[0] == 200
            assert server.play(server.port) == 200


def test_a_server_with_two_addresses_ends_in_order(tmp_path: Path) -> None:
    with Split(tmp_path) as server:
        stream = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=60)
        with contextlib.closing(stream):
            stream.request("GET", "/api/events")
            assert stream.getresponse().status == 200
            server.signal(signal.SIGTERM)
            assert server.wait() == 0


def test_an_address_in_use_is_named(tmp_path: Path, split: Split) -> None:
    words = ["--port", "0", "--admin-listen", f"127.0.0.1:{split.admin_port}", "--db", "memory://"]
    ended = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "serve", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode != 0
    assert f"--admin-listen: cannot listen on 127.0.0.1 port {split.admin_port}" in ended.stderr
