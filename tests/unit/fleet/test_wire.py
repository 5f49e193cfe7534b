"""What the load generator sends, judged by the official SDK; what it understands of the answers."""

from __future__ import annotations

import json

import pytest
from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, find_duplicated_routing_header

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.bots.textview import inputs
from dungeonfighter.fleet.wire import (
    PROTOCOL_VERSION,
    InputCalls,
    RequestHeads,
    beginning_of_turn,
    call_body,
    ending_of,
    is_plainly,
    read_answer,
)
from dungeonfighter.rules import GameOptions, Mode, load_rules


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


@pytest.mark.parametrize("text", ["1", "strip 2,0,1", "unequip weapon", 'a "b" \\ %d'])
def test_the_form_for_inputs_makes_the_same_bytes_as_any_call(text: str) -> None:
    path, authority, bot = "/a%20b/mcp", "host:1", "a-1"
    arguments = {"botId": bot, "input": text, "turn": 12, "episode": 3, "view": "text"}
    body = call_body(7, "handle_input", arguments)
    head = RequestHeads(path, authority, bot).of("handle_input")
    request = InputCalls(path, authority, "text").request(7, bot, text, 12, 3)
    assert request == head + b"%d\r\n\r\n" % len(body) + body


def compact(text: str, **more: object) -> bytes:
    """A result as the server writes it, without spaces."""
    content = [{"type": "text", "text": text}]
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": content, "isError": False, **more}}
    return json.dumps(answer, separators=(",", ":")).encode()


def is_plainly_turn(body: bytes, episode: int, turn: int) -> bool:
    """As a bot asks that has heard answers of this server before; their requests all have number 1."""
    return is_plainly(body, beginning_of_turn(1, episode, turn), ending_of(compact("e1 t0 | x")))


def is_understood_as(body: bytes, episode: int, turn: int) -> bool:
    """The careful way to the same question: the turn was made, and input `1` is legal after it."""
    answer = read_answer(200, body, view="text")
    return (answer.error, answer.episode, answer.turn) == ("", episode, turn) and "1" in inputs(answer.text)


@pytest.mark.parametrize("mode", [Mode.casual, Mode.ironman])
def test_a_turn_is_plainly_the_next_one_exactly_while_the_run_lives(mode: Mode) -> None:
    rules = load_rules()
    lived = 0
    for seed in range(5):
        policy = make_policy("random", seed)
        state = rules.new_game(GameOptions(seed=seed, mode=mode))
        while not state.over and state.turn < 300:
            body = compact(rules.text(state, f"e2 t{state.turn}"))
            assert is_plainly_turn(body, 2, state.turn)
            assert is_understood_as(body, 2, state.turn)
            state = rules.advance(state, choose(rules, policy, state)).state
            lived += 1
        if state.over:
            body = compact(rules.text(state, f"e2 t{state.turn}"))
            assert not is_plainly_turn(body, 2, state.turn)
            assert not is_understood_as(body, 2, state.turn)
    assert lived > 300


@pytest.mark.parametrize(
    "body",
    [
        compact("e2 t15 | x\n1 attack"),
        compact("e12 t14 | x\n1 attack"),
        compact("e2 t140 | x\n1 attack"),
        compact("e2 t14 | x\n1 attack", isError=True),
        compact("e2 t14 | x\n2 attack"),
        compact("e2 t14 | x"),
        compact('"text":"e2 t14 | x\n1 attack"}],"isError":false'),
        compact("error: no\n1 attack", structuredContent={"text": "e2 t14"}),
        compact("e2 t14 | x\n1 attack")[:-40],
        compact("e2 t14 | x\n1 attack", resultType="another"),
        compact("e2 t14 | x\n1 attack").replace(b'"id":1', b'"id":2'),
        compact('e2 t14 | x\n1 attack "quoted"'),
        compact("e2 t14 | 1 attack"),
        b"",
    ],
)
def test_anything_else_is_left_to_the_careful_reading(body: bytes) -> None:
    assert is_plainly_turn(compact("e2 t14 | x\n1 attack"), 2, 14)
    assert not is_plainly_turn(body, 2, 14)


def test_before_an_ending_was_heard_nothing_is_plain() -> None:
    body = compact("e2 t14 | x\n1 attack")
    assert not is_plainly(body, beginning_of_turn(1, 2, 14), b"")
    assert ending_of(b"{}") == b""
