"""What the load generator sends, judged by the official SDK; what it understands of the answers."""

from __future__ import annotations

import json

from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, find_duplicated_routing_header

from dungeonfighter.fleet.wire import PROTOCOL_VERSION, RequestHeads, call_body, read_answer


def test_the_official_sdk_accepts_the_request() -> None:
    head = RequestHeads("/mcp", "host:1", "a-1").of("handle_input").decode()
    body = json.loads(call_body(7, "handle_input", {"botId": "a-1", "input": "1", "turn": 3}))
    lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
    headers = {name.lower(): value for name, _, value in lines}
    route = classify_inbound_request(body, headers=headers, supported_modern_versions=[PROTOCOL_VERSION])
    assert isinstance(route, InboundModernRoute)
    assert find_duplicated_routing_header((name, value) for name, value in headers.items()) is None
    assert headers["mcp-param-bot-id"] == body["params"]["arguments"]["botId"]


def result(text: str, **more: object) -> bytes:
    content = [{"type": "text", "text": text}]
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": content, **more}}).encode()


def test_a_text_view_tells_where_the_run_stands() -> None:
    answer = read_answer(200, result("e3 t14 hub\n1 dungeons"), view="text")
    assert (answer.error, answer.episode, answer.turn) == ("", 3, 14)


def test_a_tools_error_has_its_code_and_position() -> None:
    body = result(
        "error stale_turn: too late",
        isError=True,
        structuredContent={"code": "stale_turn", "episode": 2, "turn": 9},
    )
    answer = read_answer(200, body, view="text")
    assert (answer.error, answer.episode, answer.turn) == ("stale_turn", 2, 9)


def test_an_overloaded_server_tells_when_to_come_back() -> None:
    error = {"code": -32000, "message": "no", "data": {"code": "overloaded", "retryAfterSeconds": 3}}
    answer = read_answer(503, json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode(), view="text")
    assert (answer.error, answer.retry_after_seconds) == ("overloaded", 3.0)


def test_what_is_no_answer_is_an_error_with_its_status() -> None:
    assert read_answer(502, b"<html>bad gateway", view="text").error == "http_502"
    assert read_answer(200, b"{}", view="text").error == "http_200"
    assert read_answer(200, b"nonsense", view="text").error == "bad_answer"
    assert read_answer(200, result("no position"), view="text").error == "bad_answer"
    assert read_answer(200, result("", structuredContent={"turn": 1}), view="json").error == "bad_answer"
