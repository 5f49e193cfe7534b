"""The server speaks every revision without sessions over the same games, tested by raw requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.served import JSON_HEADERS, META, VERSION, Served, post

HANDSHAKE = ["2025-03-26", "2025-06-18", "2025-11-25"]


def initialize(version: str) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": "a",
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


@pytest.mark.parametrize("version", HANDSHAKE)
async def test_the_handshake_is_answered_and_no_session_begun(served: Served, version: str) -> None:
    path = f"/bots/era-{version}/mcp"
    answer = await post(served, initialize(version), JSON_HEADERS, path)
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
    result = answer.json()["result"]
    assert result["protocolVersion"] == version
    assert "handle_input" in result["instructions"]
    assert result["serverInfo"]["name"] == "dungeonfighter"

    headers = JSON_HEADERS | {"mcp-protocol-version": version}
    done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await post(served, done, headers, path)).status_code == 202
    begun = await post(served, call("start_new_game", seed=1), headers, path)
    assert begun.json()["id"] == "a"
    text = begun.json()["result"]["content"][0]["text"]
    assert text == served.rules.text(served.present(f"era-{version}").state, "e1 t0")


async def test_without_a_version_header_it_is_the_oldest_era(served: Served) -> None:
    """Revision 2025-03-26 had no such header; the server ignores a session id of an old server."""
    headers = JSON_HEADERS | {"mcp-session-id": "left-over"}
    answer = await post(served, call("start_new_game", seed=1), headers, "/bots/old/mcp")
    assert answer.status_code == 200
    assert answer.json()["result"]["content"][0]["text"].startswith("e1 t0")


async def test_an_unknown_revision_in_the_handshake_gets_the_newest_of_its_era(served: Served) -> None:
    answer = await post(served, initialize("1999-01-01"))
    assert answer.json()["result"]["protocolVersion"] == "2025-11-25"


async def test_the_newest_revision_needs_no_handshake(served: Served) -> None:
    headers = JSON_HEADERS | {"mcp-protocol-version": VERSION, "mcp-method": "server/discover"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": META}}
    result = (await post(served, body, headers)).json()["result"]
    assert result["supportedVersions"] == [VERSION]
    assert result["resultType"] == "complete"
    assert result["ttlMs"] > 0
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "dungeonfighter"
    assert set(result["capabilities"]) == {"tools", "resources", "prompts"}


async def test_no_stream_of_subscriptions_is_offered(served: Served) -> None:
    """docs/decisions/046-redis.md says why; no resource changes while a server runs."""
    headers = JSON_HEADERS | {"mcp-protocol-version": VERSION, "mcp-method": "server/discover"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": META}}
    capabilities = (await post(served, body, headers)).json()["result"]["capabilities"]
    assert capabilities["resources"] == {"listChanged": False, "subscribe": False}
    params = {"notifications": {"resourceSubscriptions": ["dungeonfighter://rules"]}, "_meta": META}
    body = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
    answer = await post(served, body, headers | {"mcp-method": "subscriptions/listen"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


@pytest.mark.parametrize(
    "method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"]
)
async def test_lists_may_be_kept_and_are_always_the_same(served: Served, method: str) -> None:
    headers = JSON_HEADERS | {"mcp-protocol-version": VERSION, "mcp-method": method}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": META}}
    first = await post(served, body, headers)
    assert first.content == (await post(served, body, headers)).content
    result = first.json()["result"]
    assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")
    wrong = await post(served, {**body, "params": {"_meta": META, "cursor": "x"}}, headers)
    assert wrong.status_code == 400
    assert wrong.json()["error"]["code"] == -32602
