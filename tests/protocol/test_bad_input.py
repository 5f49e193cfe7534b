"""Bad input gets a clear answer and changes no row: raw HTTP that no client library would send."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from dungeonfighter import limits
from dungeonfighter.hosting.ports import Row
from tests.protocol.served import JSON_HEADERS, META, Served, call_body, call_headers, post

READ = "get_game_state"
GOOD = json.dumps(call_body(READ))


@pytest.fixture(autouse=True)
def unchanged(served: Served) -> Iterator[None]:
    """Assert that the test leaves every row as it was."""
    before = rows(served)
    yield
    assert rows(served) == before


@pytest.fixture(scope="module", autouse=True)
def a_bot(served: Served) -> None:
    from dungeonfighter.hosting.answers import NewGame

    served.ask(served.host.start("local/hero", NewGame(seed=1, weapon=1)))


def rows(served: Served) -> list[Row]:
    return served.everything()


def error_of(answer: httpx2.Response, request_id: Any = 7) -> dict[str, Any]:
    """Return the JSON-RPC error of an answer, and assert that the answer is nothing else."""
    body = answer.json()
    assert set(body) == {"jsonrpc", "id", "error"}, body
    assert body["id"] == request_id
    assert answer.headers["content-type"] == "application/json"
    for secret in ("Traceback", ".py", "/src", "select ", "sqlite"):
        assert secret not in answer.text
    error: dict[str, Any] = body["error"]
    assert error["message"]
    return error


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
@pytest.mark.parametrize("version", [None, "2025-06-18", "2026-07-28"])
@pytest.mark.parametrize("path", ["/mcp", "/bots/hero/mcp"])
async def test_only_post_is_served(served: Served, method: str, version: str | None, path: str) -> None:
    headers = {"accept": "text/event-stream"} | ({"mcp-protocol-version": version} if version else {})
    answer = await post(served, b"", headers, path, method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    error_of(answer, None)


@pytest.mark.parametrize("version", [None, "2025-03-26", "2026-07-28"])
async def test_batches_are_refused_in_our_words(served: Served, version: str | None) -> None:
    headers = JSON_HEADERS | ({"mcp-protocol-version": version} if version else {})
    answer = await post(served, f"[{GOOD},{GOOD}]", headers)
    assert answer.status_code == 400
    error = error_of(answer, None)
    assert error["code"] == -32600
    assert "batches are not served" in error["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"jsonrpc":"2.0",}', b"\xff\xfe", b'{"a":NaN}', b'{"id":7,"method":"\xff"}', b"nul"],
    ids=["empty", "open", "comma", "bytes", "nan", "utf-8", "word"],
)
@pytest.mark.parametrize("headers", [JSON_HEADERS, call_headers(READ)], ids=["legacy", "modern"])
async def test_a_body_that_is_not_json_is_a_parse_error(
    served: Served, body: bytes, headers: dict[str, str]
) -> None:
    answer = await post(served, body, headers)
    assert answer.status_code == 400
    assert error_of(answer, None)["code"] == -32700


@pytest.mark.parametrize("depth", [70, 300, 5_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
@pytest.mark.parametrize("headers", [JSON_HEADERS, call_headers(READ)], ids=["legacy", "modern"])
async def test_deep_json_is_refused(
    served: Served, depth: int, opening: str, closing: str, headers: dict[str, str]
) -> None:
    deep = opening * depth + "1" + closing * depth
    body = GOOD.replace('"arguments": {}', f'"arguments": {{"x": {deep}}}')
    answer = await post(served, body, headers)
    if len(body) > limits.body_bytes_max:
        assert answer.status_code == 413
        return
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
    assert "levels deep" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"jsonrpc": "1.0"}, "jsonrpc"), ({"method": 5}, "method"), ({"method": None}, "method"),
        ({"params": [1]}, "params"), ({"params": "x"}, "params"), ({"id": None}, "id"), ({"id": 1.5}, "id"),
        ({"id": True}, "id"), ({"id": {}}, "id"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("headers", [JSON_HEADERS, call_headers(READ)], ids=["legacy", "modern"])
async def test_a_body_that_is_not_a_request_is_invalid(
    served: Served, change: dict[str, Any], word: str, headers: dict[str, str]
) -> None:
    answer = await post(served, call_body(READ) | change, headers)
    assert answer.status_code == 400
    error = error_of(answer, None if word == "id" else 7)
    assert error["code"] == -32600
    assert f'"{word}"' in error["message"]


@pytest.mark.parametrize("body", [b"5", b'"x"', b"null", b"true"])
async def test_bare_values_are_invalid(served: Served, body: bytes) -> None:
    answer = await post(served, body)
    assert answer.status_code == 400
    assert error_of(answer, None)["code"] == -32600


async def test_responses_are_not_taken(served: Served) -> None:
    answer = await post(served, {"jsonrpc": "2.0", "id": 7, "result": {}})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == -32600


async def test_notifications_are_acknowledged(served: Served) -> None:
    for headers in (JSON_HEADERS, JSON_HEADERS | {"mcp-protocol-version": "2026-07-28"}):
        answer = await post(served, {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
        assert answer.status_code == 202
        assert not answer.content


@pytest.mark.parametrize("headers", [JSON_HEADERS, call_headers(READ)], ids=["legacy", "modern"])
async def test_5_megabytes_are_too_large(served: Served, headers: dict[str, str]) -> None:
    answer = await post(served, b'{"x":"' + b"y" * 5_000_000 + b'"}', headers)
    assert answer.status_code == 413
    assert str(limits.body_bytes_max) in error_of(answer, None)["message"]


async def test_chunks_are_counted_too(served: Served) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    async with httpx2.AsyncClient() as client:
        answer = await client.post(served.url, content=chunks(), headers=JSON_HEADERS)
    assert answer.status_code == 413
    error_of(answer, None)


async def test_a_body_of_the_largest_size_is_read(served: Served) -> None:
    body = GOOD + " " * (limits.body_bytes_max - len(GOOD))
    assert (await post(served, body, call_headers(READ))).status_code == 200
    assert (await post(served, body + " ", call_headers(READ))).status_code == 413


@pytest.mark.parametrize("declared", ["99999999999999999999999", "1048577"])
def test_a_content_length_beyond_the_bound_is_refused_unread(served: Served, declared: str) -> None:
    connection = http.client.HTTPConnection(served.origin.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/mcp")
    for name, value in (JSON_HEADERS | {"content-length": declared}).items():
        connection.putheader(name, value)
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    assert answer.status in {400, 413}  # the parser refuses impossible lengths, the server the others
    connection.close()


@pytest.mark.parametrize("request_body", [GOOD, f"[{GOOD}]"], ids=["call", "batch"])
async def test_a_foreign_host_is_misdirected(served: Served, request_body: str) -> None:
    answer = await post(served, request_body, call_headers(READ) | {"host": "evil.example.org"})
    assert answer.status_code == 421
    error_of(answer, 7 if request_body == GOOD else None)


async def test_a_foreign_page_is_forbidden(served: Served) -> None:
    answer = await post(served, GOOD, call_headers(READ) | {"origin": "https://evil.example.org"})
    assert answer.status_code == 403
    error_of(answer)
    own = await post(served, GOOD, call_headers(READ) | {"origin": served.origin})
    assert own.status_code == 200


async def test_host_is_checked_before_the_method(served: Served) -> None:
    answer = await post(served, b"", {"host": "evil.example.org"}, method="GET")
    assert answer.status_code == 421
    assert (await post(served, b"", {"host": "evil.example.org"}, "/", "GET")).status_code == 421


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "image/*"])
@pytest.mark.parametrize("version", [None, "2026-07-28"])
async def test_a_client_that_takes_no_json_gets_406(served: Served, accept: str, version: str | None) -> None:
    headers = (JSON_HEADERS if version is None else call_headers(READ)) | {"accept": accept}
    answer = await post(served, GOOD, headers)
    assert answer.status_code == 406
    assert error_of(answer)["message"] == "Accept must allow application/json"


async def test_other_content_types_get_415(served: Served) -> None:
    answer = await post(served, GOOD, call_headers(READ) | {"content-type": "text/plain"})
    assert answer.status_code == 415
    error_of(answer)


async def test_the_answer_to_an_unknown_revision_lists_the_known_ones(served: Served) -> None:
    meta = META | {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}
    reply = call_body(READ)
    reply["params"]["_meta"] = meta
    without_meta = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
    for body in (reply, without_meta):
        answer = await post(served, body, call_headers(READ) | {"mcp-protocol-version": "2030-01-01"})
        assert answer.status_code == 400
        error = error_of(answer)
        assert error["code"] == -32022
        assert error["data"] == {"supported": ["2026-07-28"], "requested": "2030-01-01"}


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        ({}, {"mcp-name": "handle_input"}),
        ({}, {"mcp-method": "tools/list"}),
        ({}, {"mcp-protocol-version": "2030-01-01"}),
        ({}, {"mcp-param-bot-id": "hero"}),
        ({"botId": "hero"}, {}),
        ({"botId": "hero"}, {"mcp-param-bot-id": "other"}),
        ({"botId": "hero"}, {"mcp-param-bot-id": "=?base64?b3RoZXI=?="}),
        ({"botId": "hero"}, {"mcp-param-bot-id": "=?base64?!?="}),
    ],
    ids=str,
)
async def test_headers_must_equal_the_body(
    served: Served, arguments: dict[str, Any], change: dict[str, str]
) -> None:
    answer = await post(served, call_body(READ, arguments), call_headers(READ) | change)
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == -32020
    about_the_bot = "botId" in arguments or "mcp-param-bot-id" in change
    assert ("list the tools first, or use /bots/{botId}/mcp" in error["message"]) == about_the_bot


@pytest.mark.parametrize("missing", ["mcp-name", "mcp-method"])
async def test_headers_must_be_there(served: Served, missing: str) -> None:
    headers = call_headers(READ)
    del headers[missing]
    answer = await post(served, GOOD, headers)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == -32020


async def test_headers_must_be_there_once(served: Served) -> None:
    body = json.dumps(call_body(READ, {"botId": "hero"}))
    async with httpx2.AsyncClient() as client:
        for name in ("mcp-name", "mcp-param-bot-id"):
            headers = list(call_headers(READ, "hero").items())
            headers.append((name, dict(headers)[name]))
            answer = await client.post(served.url, content=body, headers=headers)
            assert answer.status_code == 400
            assert error_of(answer)["code"] == -32020


async def test_an_encoded_bot_header_is_the_same_bot(served: Served) -> None:
    answer = await post(served, call_body(READ, {"botId": "hero"}), call_headers(READ, "=?base64?aGVybw==?="))
    assert answer.status_code == 200
    assert answer.json()["result"]["isError"] is False


async def test_unknown_methods_are_not_found(served: Served) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "no/such", "params": {"_meta": META}}
    answer = await post(served, body, call_headers(READ) | {"mcp-method": "no/such"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == -32601


async def test_unknown_tools_are_a_protocol_error(served: Served) -> None:
    answer = await post(served, call_body("no_such_tool"), call_headers("no_such_tool"))
    assert answer.status_code == 400
    assert error_of(answer) == {
        "code": -32602,
        "message": "Unknown tool: no_such_tool; tools/list shows the tools",
    }
    legacy = await post(served, call_body("no_such_tool"))
    assert error_of(legacy) == {
        "code": -32602,
        "message": "Unknown tool: no_such_tool; tools/list shows the tools",
    }


@pytest.mark.parametrize(
    "segment", ["", "a" * 129, "a" * 10_000, "a%20b", "a%0Ab", "a%00b", "a%2Fb", "%FF", "-a", "%2e%2e"]
)
async def test_a_bot_in_the_path_must_be_a_bot_id(served: Served, segment: str) -> None:
    answer = await post(served, GOOD, call_headers(READ), f"/bots/{segment}/mcp")
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == -32602
    assert "the bot id in the path must be 1 to 128 of" in error["message"]
    assert len(error["message"]) < 300


async def test_a_bot_in_the_path_is_percent_decoded(served: Served) -> None:
    answer = await post(served, GOOD, call_headers(READ), "/bots/%68ero/mcp")
    assert answer.json()["result"]["content"][0]["text"].startswith("e1 t0")


@pytest.mark.parametrize("query", ["toolset=nothing", "toolset=", "toolset=core,play"])
async def test_the_answer_to_an_unknown_toolset_lists_the_known_ones(served: Served, query: str) -> None:
    answer = await post(served, GOOD, call_headers(READ), f"/mcp?{query}")
    assert answer.status_code == 400
    assert "one of core, play" in error_of(answer)["message"]


async def test_probes_need_no_host(served: Served) -> None:
    for path, status in [("/livez", 200), ("/readyz", 200)]:
        assert (await post(served, b"", {"host": "10.1.2.3"}, path, "GET")).status_code == status
    served.ready = False
    try:
        assert (await post(served, b"", {"host": "10.1.2.3"}, "/readyz", "GET")).status_code == 503
        assert (await post(served, b"", {"host": "10.1.2.3"}, "/livez", "GET")).status_code == 200
        assert (await post(served, GOOD, call_headers(READ))).status_code == 200
    finally:
        served.ready = True


async def test_a_connection_that_ends_early_is_no_trouble(served: Served) -> None:
    import asyncio

    address = served.origin.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(address[0], int(address[1]))
    head = b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 500"
    writer.write(head + b"\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await post(served, GOOD, call_headers(READ))).status_code == 200


async def test_a_trailing_slash_is_the_same_address(served: Served) -> None:
    for path in ("/mcp/", "/bots/hero/mcp/"):
        assert (await post(served, GOOD, call_headers(READ), path)).status_code == 200


async def test_other_paths_are_not_mcp(served: Served) -> None:
    for path in ("/", "/bots/hero", "/bots/hero/mcp/more", "/mcpx", "/bots//hero/mcp"):
        assert (await post(served, GOOD, call_headers(READ), path)).status_code in {404, 405}


@pytest.mark.parametrize("path", ["/mcp", "/api/summary"])
async def test_two_hosts_are_refused(served: Served, path: str) -> None:
    name = served.origin.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*name.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nHost: {name}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()
