"""A server whose log nobody reads, and a server that gets thousands of invalid requests."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, Served
from tests.unit.telemetry.test_log_queue import full_pipe

TURNS = 5
FLOOD = 20_000
AT_ONCE = 50
HANGS_SECONDS = 60
NONSENSE = b"\x01 nonsense\r\n\r\n"
UPGRADE = (
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
)


@pytest.fixture
def full() -> Iterator[int]:
    """Make a full pipe that nobody reads."""
    reader, writer, _ = full_pipe()
    yield writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "flags",
    [
        (),
        pytest.param(("--log-format=json",), marks=pytest.mark.long),
        pytest.param(("--workers=2",), marks=pytest.mark.long),
    ],
)
def test_bots_play_while_nobody_reads_the_log(tmp_path: Path, full: int, flags: tuple[str, ...]) -> None:
    with ServerProcess(tmp_path, flags=flags, stderr=full) as server:
        served = Served(server)
        assert served.call("start_new_game", seed=7, weapon="dagger")[1] is False
        for turn in range(TURNS):
            assert answer_to(server, NONSENSE).startswith(b"HTTP/1.1 400 ")  # warns
            assert served.call(PLAY, input="1", turn=turn)[0].startswith(f"e1 t{turn + 1}")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.long
def test_invalid_requests_log_one_line_per_second_and_kind(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=("--log-format=json",)) as server:
        assert not Served(server).call("start_new_game", seed=7, weapon="dagger")[1]
        calls = [
            called("handle_input", input="1", turn=77), called("handle_input", input="nonsense"),
            called("no_such_tool"), b"{not json",
            called("step_many", steps=[{"botId": "nobody", "input": "1"}, {"botId": "x y"}, 3]),
        ]  # fmt: skip
        one_by_one = FLOOD // 20
        for _ in range(one_by_one):
            answer_to(server, NONSENSE)
            answer_to(server, UPGRADE)
            hang_up(server, posted(calls[0]) * 3)
        rest = FLOOD - 3 * one_by_one
        for number in range(rest // AT_ONCE):
            refused(server, posted(calls[number % len(calls)]) * AT_ONCE)
        seconds = uptime(server)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert not [line for line in lines if "error" in line]
    kinds = Counter(bare(line["message"]) for line in lines)
    assert not {kind: count for kind, count in kinds.items() if count > seconds + 2}
    warned = Counter[str]()
    for line in lines:
        if line["level"] == "warning":
            warned[bare(line["message"])] += counted(line)
    assert warned.pop("Invalid HTTP request received.") == one_by_one  # every event is counted
    assert set(warned) <= {"Unsupported upgrade request."}


def called(tool: str, **given: Any) -> bytes:
    params = {"name": tool, "arguments": given}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def posted(body: bytes) -> bytes:
    lines = [
        b"POST /mcp HTTP/1.1", b"Host: localhost", b"Content-Type: application/json",
        b"Accept: application/json, text/event-stream", b"Content-Length: %d" % len(body), b"", body,
    ]  # fmt: skip
    return b"\r\n".join(lines)


def connected(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=HANGS_SECONDS)


def answer_to(server: ServerProcess, request: bytes) -> bytes:
    """Return the answer to a request after which the server closes the connection."""
    answer = b""
    with connected(server) as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            answer += piece
    return answer


def refused(server: ServerProcess, requests: bytes) -> None:
    """Send the requests in one piece and read all answers, which must be errors."""
    left = requests.count(b"POST /mcp ")
    with connected(server) as connection:
        connection.sendall(requests)
        stream = connection.makefile("rb")
        while left:
            answer = http.client.HTTPResponse(_Kept(stream))  # type: ignore[arg-type]
            answer.begin()
            body = answer.read()
            assert b"error" in body.lower(), body
            left -= 1


class _Kept:
    """Lets `HTTPResponse` read several answers of a connection: `close` does nothing."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, _mode: str) -> Any:
        return self

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hang_up(server: ServerProcess, requests: bytes) -> None:
    """Send the requests and close, so that the server writes to a connection that is reset."""
    with connected(server) as connection:
        connection.sendall(requests)


def uptime(server: ServerProcess) -> int:
    """Return for how many seconds the server has served, by its own clock."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANGS_SECONDS)
    connection.request("GET", "/api/summary")
    summary = json.load(connection.getresponse())
    connection.close()
    return int(summary["uptimeSeconds"]) + 1


_SUM = re.compile(r" \((\d+) (more like it|times)\)$")


def bare(message: str) -> str:
    return _SUM.sub("", message)


def counted(line: dict[str, Any]) -> int:
    """Return the number of events that a line of the log reports."""
    found = _SUM.search(line["message"])
    return int(found[1]) + (found[2] != "times") if found else 1
