"""The lines of a client, and the headers of their requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dungeonfighter.bridge import messages
from dungeonfighter.bridge.messages import BOT_HEADER, Message, headers_of, read_message

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


def message(method: str, **params: Any) -> Message:
    content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return read_message(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("line", "awaits_answer", "own_id"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', True, 1),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping"}', True, "a"),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', False, None),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', False, None),
        (b'{"jsonrpc":"2.0","id":1,"error":{}}', False, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', True, None),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', True, None),
        (b'{"id":5}', True, 5),
        (b"[]", True, None),
        (b"\xff", True, None),
        (b"[" * 100_000, True, None),
    ],
)
def test_it_is_known_who_waits_for_an_answer(line: bytes, awaits_answer: bool, own_id: object) -> None:
    found = read_message(line)
    assert (found.awaits_answer, found.id) == (awaits_answer, own_id)
    assert found.line == line


def test_other_arguments_leave_the_rest_of_a_message_as_it_is() -> None:
    first = message("tools/call", name="handle_input", arguments={"input": "1"}, _meta={**META, "x": 1.5})
    second = json.loads(first.with_arguments({"input": "1", "turn": 2}).line)
    expected = json.loads(first.line)
    expected["params"]["arguments"]["turn"] = 2
    assert second == expected


def test_a_message_of_an_older_era_has_the_revision_of_the_handshake_alone() -> None:
    older = message("tools/call", name="handle_input", arguments={"botId": "ada"})
    assert headers_of(older, "", "") == {}
    assert headers_of(older, "2025-06-18", "ada") == {"MCP-Protocol-Version": "2025-06-18"}


@pytest.mark.parametrize(
    ("arguments", "bot", "named"),
    [
        ({"botId": "ada"}, "", "ada"),
        ({}, "", None),
        ({"botId": None}, "", None),
        ({"botId": 5}, "", "5"),
        ({"botId": True}, "", None),
        ({"botId": "\u00fc"}, "", "=?base64?w7w=?="),
        ({"botId": " a"}, "", "=?base64?IGE=?="),
        ({"botId": ""}, "", "=?base64??="),
        ({"botId": "=?base64?YQ==?="}, "", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ({"botId": "a\r\nb: c"}, "", "=?base64?YQ0KYjogYw==?="),
        ({}, "ada", "ada"),
    ],
)
def test_the_bot_of_a_call_is_in_a_header(arguments: dict[str, Any], bot: str, named: str | None) -> None:
    call = message("tools/call", name="handle_input", arguments=arguments, _meta=META)
    assert headers_of(call, "", bot).get(BOT_HEADER) == named


def test_tools_for_many_bots_have_no_header_of_a_bot() -> None:
    call = message("tools/call", name="list_bots", arguments={"botId": "x"}, _meta=META)
    assert BOT_HEADER not in headers_of(call, "", "")


@pytest.mark.parametrize("params", [{}, {"name": 5, "arguments": "x"}, {"uri": []}])
def test_odd_params_have_no_header(params: dict[str, Any]) -> None:
    for method in ("tools/call", "resources/read", "prompts/get", "x\ny"):
        headers = headers_of(message(method, **params, _meta=META), "", "")
        assert "Mcp-Name" not in headers
        assert all(value.isascii() and value.isprintable() for value in headers.values())


def test_a_call_of_the_bridge_itself_is_of_the_newest_revision() -> None:
    call = messages.call("connect-1", "get_game_state", {})
    assert read_message(call.line) == call
    assert headers_of(call, "2025-06-18", "")["MCP-Protocol-Version"] == "2026-07-28"
