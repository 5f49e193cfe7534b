"""Pages of other origins (CORS): each answer of the server, preflights too, as a browser would receive it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from dungeonfighter import limits
from testkit.server_process import ServerProcess
from tests.integration.test_http_answers import INITIALIZE, MODERN, OLD, Answer, ask, call, raw

FRIEND = "https://friend.example.org"
GOOD = [
    FRIEND,
    "http://localhost:6274",
    "http://127.0.0.1:3000",
    "https://game.example.org",
    "http://[::1]:5173",
]
BAD = [
    "https://evil.example.org", "null", "https://friend.example.org.evil.org", "http://friend.example.org",
    "",
    "https://friend.example.org:444", "https://a.friend.example.org", "*", "file://",
    "chrome-extension://abcdefghijklmnop",
]  # fmt: skip
PREFLIGHT = b"Access-Control-Request-Method: %b\r\nAccess-Control-Request-Headers: %b\r\n"
NEEDED = (
    "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-param-bot-id, "
    "mcp-protocol-version, mcp-session-id, traceparent"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    flags = (
        "--allowed-origins",
        FRIEND,
        "--public-url",
        "https://game.example.org",
        "--allowed-hosts",
        "outer",
    )
    with ServerProcess(tmp_path_factory.mktemp("origins"), database="memory://", flags=flags) as running:
        yield running


def line(origin: str) -> bytes:
    return b"Origin: %b\r\n" % origin.encode()


def preflight(
    server: ServerProcess, origin: str, path: str = "/mcp", method: bytes = b"POST", names: str = NEEDED
) -> Answer:
    asked = PREFLIGHT % (method, names.encode())
    return ask(server, "OPTIONS", path, line(origin) + asked)


def assert_readable(answer: Answer, origin: str) -> None:
    assert answer.headers["access-control-allow-origin"] == origin
    assert "Origin" in answer.headers["vary"]
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"mcp-session-id", "retry-after", "www-authenticate", "mcp-protocol-version"} <= exposed


@pytest.mark.parametrize("origin", GOOD)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/bots/ada/mcp", "/bots/ada/mcp/", "/mcp?toolset=core"])
@pytest.mark.parametrize("method", [b"POST", b"DELETE", b"GET"])
def test_the_preflight_of_an_accepted_page(
    server: ServerProcess, origin: str, path: str, method: bytes
) -> None:
    answer = preflight(server, origin, path, method)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == origin
    assert method.decode() in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == NEEDED
    assert int(answer.headers["access-control-max-age"]) > 60
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", BAD)
@pytest.mark.parametrize("path", ["/mcp", "/bots/ada/mcp", "/api/summary", "/"])
def test_other_pages_are_refused(server: ServerProcess, origin: str, path: str) -> None:
    body = msgspec.json.encode(INITIALIZE)
    for answer in (
        preflight(server, origin, path),
        ask(server, path=path, headers=OLD + line(origin), body=body),
    ):
        assert answer.status == 403
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_no_page_is_served_under_a_foreign_host(server: ServerProcess) -> None:
    asked = line(FRIEND) + PREFLIGHT % (b"POST", b"accept")
    answer = ask(server, "OPTIONS", headers=asked, host=b"Host: evil.example.org")
    assert answer.status == 421
    assert "access-control-allow-origin" not in answer.headers


def test_two_origins_are_none(server: ServerProcess) -> None:
    for second in (FRIEND, "https://evil.example.org"):
        answer = ask(server, headers=OLD + line(FRIEND) + line(second), body=msgspec.json.encode(INITIALIZE))
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


def test_options_without_a_preflight_is_a_405_that_the_page_can_read(server: ServerProcess) -> None:
    answer = ask(server, "OPTIONS", headers=line(FRIEND))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert_readable(answer, FRIEND)
    assert ask(server, "OPTIONS").status == 405


def test_the_preflight_from_a_public_page_to_this_machine(server: ServerProcess) -> None:
    asked = (
        line(FRIEND) + PREFLIGHT % (b"POST", b"accept") + b"Access-Control-Request-Private-Network: true\r\n"
    )
    assert ask(server, "OPTIONS", headers=asked).headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in preflight(server, FRIEND).headers


ASKED: Final = {
    "modern call": (200, "POST", "/mcp", MODERN, call()),
    "old call": (200, "POST", "/mcp", OLD, call()),
    "initialize": (200, "POST", "/mcp", OLD, msgspec.json.encode(INITIALIZE)),
    "no JSON": (400, "POST", "/mcp", OLD, b"not json"),
    "other name": (400, "POST", "/mcp", MODERN.replace(b"Mcp-Name: ", b"Mcp-Name: x"), call()),
    "other method": (
        404, "POST", "/mcp", MODERN.replace(b"tools/call", b"none"), call().replace(b"tools/call", b"none"),
    ),
    "text": (415, "POST", "/mcp", b"Content-Type: text/plain\r\n", b"{}"),
    "gzip": (415, "POST", "/mcp", OLD + b"Content-Encoding: gzip\r\n", b"\x1f\x8b"),
    "HTML": (406, "POST", "/mcp", OLD.replace(b"application/json,", b"text/html,"), b"{}"),
    "stream": (405, "GET", "/mcp", b"", b""),
    "end": (405, "DELETE", "/mcp", b"", b""),
    "wrong address": (404, "POST", "/sse", OLD, b"{}"),
    "figures": (200, "GET", "/api/summary", b"", b""),
    "no bot": (404, "GET", "/api/bots/nobody", b"", b""),
    "script": (200, "GET", "/static/main.js", b"", b""),
}  # fmt: skip


@pytest.mark.parametrize("origin", GOOD[:2])
@pytest.mark.parametrize("case", ASKED)
def test_an_accepted_page_reads_every_answer(server: ServerProcess, origin: str, case: str) -> None:
    status, method, path, headers, body = ASKED[case]
    answer = ask(server, method, path, headers + line(origin), body)
    assert answer.status == status
    assert_readable(answer, origin)
    plain = ask(server, method, path, headers, body)
    assert plain.status == status
    assert not any(name.startswith("access-control") for name in plain.headers)


def test_an_accepted_page_learns_that_its_body_is_too_large(server: ServerProcess) -> None:
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + OLD + line(FRIEND)
    answer = raw(server, head + b"Content-Length: %d\r\n\r\n" % (limits.body_bytes_max + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"access-control-allow-origin: https://friend.example.org\r\n" in answer


def test_a_kept_connection_of_a_page_stays_readable(server: ServerProcess) -> None:
    """The first request teaches the connection its head; the others are not parsed."""
    body = call("ada")
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + MODERN + line(FRIEND)
    request = head + b"Mcp-Param-Bot-Id: ada\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    end = request.replace(b"Host: localhost\r\n", b"Host: localhost\r\nConnection: close\r\n")
    received = raw(server, request * 3 + end)
    assert received.count(b"access-control-allow-origin: https://friend.example.org\r\n") == 4
    assert received.count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET /" + b"a" * limits.head_bytes_max])
def test_an_answer_to_a_request_that_was_not_read_is_readable_by_all(
    server: ServerProcess, request_bytes: bytes
) -> None:
    assert b"access-control-allow-origin: *\r\n" in raw(server, request_bytes)


def test_a_draining_server_still_answers_preflights(tmp_path: Path) -> None:
    import signal

    with ServerProcess(tmp_path, database="memory://", flags=("--drain-seconds", "60")) as draining:
        draining.signal(signal.SIGTERM)
        while ask(draining, "GET", "/readyz").status != 503:
            pass
        assert preflight(draining, GOOD[1]).status == 204
        body = msgspec.json.encode(INITIALIZE)
        assert_readable(ask(draining, headers=OLD + line(GOOD[1]), body=body), GOOD[1])
