"""The answers of the server as a client over stdio gets them, and those of the bridge itself."""

from __future__ import annotations

import json

import pytest

from dungeonfighter.bridge import answers, messages
from dungeonfighter.bridge.link import Reply
from dungeonfighter.bridge.messages import read_message


def reply(body: bytes, media_type: str = "application/json") -> Reply:
    return Reply(200, {"content-type": f"{media_type}; charset=utf-8"}, body)


def line_for(found: Reply, own_id: str | int | None) -> bytes:
    answer = answers.read_answer(found)
    assert answer is not None
    return answers.passed_on(found, answer, own_id)


def test_an_answer_is_passed_on_byte_for_byte() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{"x":1.50,"y":"\\u00e9"}}'
    assert line_for(reply(body), 1) == body


def test_an_answer_of_several_lines_becomes_one() -> None:
    body = b'{\n  "jsonrpc": "2.0",\r\n  "id": 1,\n  "result": {"text": "a\\nb"}\n}\n'
    assert line_for(reply(body), 1) == b'{"jsonrpc":"2.0","id":1,"result":{"text":"a\\nb"}}'


@pytest.mark.parametrize("own_id", ["a", 7, None])
def test_an_error_without_an_id_gets_that_of_the_request(own_id: str | int | None) -> None:
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"m"}}'
    assert json.loads(line_for(reply(body), own_id))["id"] == own_id


def test_an_event_stream_is_read_for_its_last_message() -> None:
    body = (
        b'event: message\r\ndata: {"id":1,"method":"x"}\r\n\r\ndata: {"id":1,\r\ndata: "result":{}}\r\n\r\n'
    )
    assert line_for(reply(body, "text/event-stream"), 1) == b'{"id":1,"result":{}}'


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"<html>", b'{"id":1}', b'{"id":1,"result":5}'])
def test_a_body_that_holds_no_answer_is_none(body: bytes) -> None:
    assert answers.read_answer(reply(body)) is None


def test_a_tool_fails_with_a_result_and_everything_else_with_an_error() -> None:
    newest = json.loads(answers.failure(messages.call(1, "handle_input", {}), "unreachable", "why"))
    assert newest["result"]["isError"] is True
    assert newest["result"]["resultType"] == "complete"
    assert newest["result"]["structuredContent"]["text"] == "error unreachable: why"
    older = read_message(b'{"id":1,"method":"tools/call","params":{"name":"handle_input"}}')
    assert "resultType" not in json.loads(answers.failure(older, "unreachable", "why"))["result"]
    other = read_message(b'{"id":1,"method":"tools/list"}')
    error = {"code": -32000, "message": "unreachable: why", "data": {"code": "unreachable", "message": "why"}}
    assert json.loads(answers.failure(other, "unreachable", "why"))["error"] == error
