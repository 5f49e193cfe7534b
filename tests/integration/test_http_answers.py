"""What the server accepts and answers as an HTTP server, over real connections.

Source: RFC 9110, sections 5.5, 8.4, 9.3.2, 12.5.1, 15.5.6 and 15.5.16; RFC 9112, section 6.1.
"""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest

from dungeonfighter.limits import compressible_bytes_min
from testkit.server_process import ServerProcess
from tests.protocol.served import VERSION, call_body

INITIALIZE: Final = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
MODERN: Final = (
    b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    b"MCP-Protocol-Version: %b\r\nMcp-Method: tools/call\r\nMcp-Name: get_game_state\r\n" % VERSION.encode()
)
OLD: Final = b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("answers"), database="memory://") as running:
        yield running


def raw(server: ServerProcess, request: bytes, *, until: bytes = b"") -> bytes:
    """Send bytes; return what comes until the server closes the connection, or until `until` has come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
            if until and until in received:
                break
    return received


def ask(
    server: ServerProcess,
    method: str = "POST",
    path: str = "/mcp",
    headers: bytes = b"",
    body: bytes = b"",
    host: bytes = b"Host: localhost",
) -> Answer:
    """Send one request; return its answer."""
    head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode(), path.encode(), host)
    length = b"Content-Length: %d\r\n" % len(body) if method == "POST" else b""
    received = raw(server, head + headers + length + b"Connection: close\r\n\r\n" + body)
    top, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]), found, rest)


def call(bot: str | None = None) -> bytes:
    return msgspec.json.encode(call_body("get_game_state", {"botId": bot} if bot else {}))


TRIMMED: Final = {
    "Mcp-Name": b"get_game_state",
    "Mcp-Method": b"tools/call",
    "MCP-Protocol-Version": VERSION.encode(),
    "Mcp-Param-Bot-Id": b"ada",
    "Content-Type": b"application/json",
    "Accept": b"application/json",
    "Host": b"localhost",
    "Origin": b"http://localhost:6274",
    "Content-Encoding": b"identity",
}


@pytest.mark.parametrize("name", TRIMMED)
@pytest.mark.parametrize("line", [b"%b: %b ", b"%b:%b \t ", b"%b:\t  %b\t"], ids=["space", "tab", "both"])
@pytest.mark.parametrize("is_taken_short", [True, False], ids=["short", "sdk"])
def test_blanks_around_a_value_are_no_part_of_it(
    server: ServerProcess, name: str, line: bytes, is_taken_short: bool
) -> None:
    headers = {
        each: b"%b: %b" % (each.encode(), value)
        for each, value in TRIMMED.items()
        if each != "Content-Encoding"
    }
    headers[name] = line % (name.encode(), TRIMMED[name])
    host = headers.pop("Host")
    body = msgspec.json.encode(call_body("get_game_state", {"botId": "ada"}))
    if not is_taken_short:
        body = body.replace(b'"method"', b'"\\u006dethod"')
    answer = ask(server, headers=b"".join(each + b"\r\n" for each in headers.values()), body=body, host=host)
    assert answer.status == 200, answer
    assert b"unknown_bot" in answer.body


@pytest.mark.parametrize("names", [bytes.upper, bytes.lower, bytes.title])
def test_the_case_of_names_and_media_types_does_not_matter(server: ServerProcess, names: object) -> None:
    spelled = names(b"content-type"), names(b"accept")  # type: ignore[operator]
    headers = b"%b: Application/JSON; Charset=UTF-8\r\n%b: APPLICATION/json, Text/Event-Stream\r\n" % spelled
    assert ask(server, headers=headers, body=msgspec.json.encode(INITIALIZE)).status == 200


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/bots/ada/mcp", "/bots/ada/mcp/"])
def test_a_slash_at_the_end_of_the_address_does_not_matter(server: ServerProcess, path: str) -> None:
    assert ask(server, path=path, headers=OLD, body=msgspec.json.encode(INITIALIZE)).status == 200


@pytest.mark.parametrize("coding", [b"gzip", b"GZip", b"br", b"gzip, identity", b"identity, zstd", b"?"])
@pytest.mark.parametrize("body", [INITIALIZE, call_body("list_bots")], ids=["initialize", "call"])
def test_a_compressed_body_is_refused_in_clear_words(
    server: ServerProcess, coding: bytes, body: dict[str, object]
) -> None:
    headers = OLD + b"Content-Encoding: %b\r\n" % coding
    answer = ask(server, headers=headers, body=gzip.compress(msgspec.json.encode(body)))
    assert answer.status == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert "Content-Encoding" in str(answer.json()["error"])


@pytest.mark.parametrize(("method", "kept"), [("ping", "no-store, no-transform"), ("tools/list", "no-store")])
@pytest.mark.parametrize("is_plain", [True, False])
def test_balancers_may_compress_long_answers_only(
    server: ServerProcess, method: str, kept: str, is_plain: bool
) -> None:
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 7, "method": method})
    if not is_plain:
        body = body.replace(b'"method"', b'"\\u006dethod"')
    answer = ask(server, headers=OLD, body=body)
    assert (answer.status, answer.headers["cache-control"]) == (200, kept)
    assert (len(answer.body) >= compressible_bytes_min) == (kept == "no-store")


@pytest.mark.parametrize("coding", [b"identity", b"IDENTITY", b"", b"identity, identity"])
def test_a_body_with_the_coding_identity_is_served(server: ServerProcess, coding: bytes) -> None:
    headers = OLD + b"Content-Encoding: %b\r\n" % coding
    assert ask(server, headers=headers, body=msgspec.json.encode(INITIALIZE)).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 405), ("/sse", 404), ("/messages", 404), ("/messages/?session_id=1", 404), ("/mcp/foo", 404),
     ("/bots/ada", 404), ("/bots", 404), ("/MCP", 404), ("/mcp/mcp", 404), ("/v1/mcp", 404)],
)  # fmt: skip
def test_a_post_to_a_wrong_path_learns_the_right_one(server: ServerProcess, path: str, status: int) -> None:
    answer = ask(server, path=path, headers=OLD, body=msgspec.json.encode(INITIALIZE))
    assert answer.status == status
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert answer.json()["jsonrpc"] == "2.0"
    for right in ("POST /mcp", "POST /bots/{botId}/mcp"):
        assert right in str(answer.json()["error"])


@pytest.mark.parametrize("path", ["/sse", "/messages", "/mcp/foo", "/bots/ada", "/index.html", "/api/none"])
def test_a_get_of_a_wrong_path_learns_the_right_one(server: ServerProcess, path: str) -> None:
    answer = ask(server, "GET", path)
    assert answer.status == 404
    for right in ("POST /mcp", "POST /bots/{botId}/mcp", "page is at /"):
        assert right in str(answer.json()["error"])


@pytest.mark.parametrize("path", ["/api/summary", "/static/main.js", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "OPTIONS"])
def test_pages_are_only_read(server: ServerProcess, path: str, method: str) -> None:
    answer = ask(server, method, path)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/api/bots", "/livez", "/readyz", "/nowhere", "/api/bots/nobody"]
)
def test_head_has_the_length_of_get(server: ServerProcess, path: str) -> None:
    got, asked = ask(server, "GET", path), ask(server, "HEAD", path)
    assert asked.body == b""
    assert asked.status == got.status
    assert asked.headers["content-length"] == got.headers["content-length"] == str(len(got.body))
    assert asked.headers["content-type"] == got.headers["content-type"]


def test_head_of_the_event_stream_ends(server: ServerProcess) -> None:
    answer = ask(server, "HEAD", "/api/events")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/event-stream", b"")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
def test_no_client_of_http_1_0_gets_chunks(server: ServerProcess, connection: bytes) -> None:
    request = b"GET /api/events HTTP/1.0\r\nHost: localhost\r\n" + connection + b"\r\n"
    head, _, body = raw(server, request, until=b"event: summary").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith((b"event: ", b"retry: ", b"data: ", b":"))


def test_an_answer_with_a_length_reaches_a_client_of_http_1_0(server: ServerProcess) -> None:
    head, _, body = raw(server, b"GET /api/bots HTTP/1.0\r\nHost: localhost\r\n\r\n").partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["bots"] == []


def test_an_idle_connection_is_closed_after_the_keep_alive_time(tmp_path: Path) -> None:
    flags = ("--keep-alive-seconds", "1")
    with ServerProcess(tmp_path, database="memory://", flags=flags) as server:
        answer = raw(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.endswith(b'{"status":"alive"}')
    assert b"connection: close" not in answer
