"""The official SDK accepts the load generator's requests; the generator decodes answers of every kind."""

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
    is_plain_turn,
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


def test_a_text_view_has_episode_and_turn() -> None:
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


def test_the_retry_delay_of_an_overloaded_server_is_read() -> None:
    error = {"code": -32000, "message": "no", "data": {"code": "overloaded", "retryAfterSeconds": 3}}
    answer = read_answer(503, json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode(), view="text")
    assert (answer.error, answer.retry_after_seconds) == ("overloaded", 3.0)


def test_an_answer_that_cannot_be_decoded_is_an_error() -> None:
    assert read_answer(502, b"<html>bad gateway", view="text").error == "http_502"
    assert read_answer(200, b"{}", view="text").error == "http_200"
    assert read_answer(200, b"nonsense", view="text").error == "bad_answer"
    assert read_answer(200, result("no position"), view="text").error == "bad_answer"
    assert read_answer(200, result("", structuredContent={"turn": 1}), view="json").error == "bad_answer"


@pytest.mark.parametrize("text", ["1", "strip 2,0,1", "unequip weapon", 'a "b" \\ %d'])
def test_the_template_for_inputs_makes_the_bytes_of_an_ordinary_call(text: str) -> None:
    path, authority, bot = "/a%20b/mcp", "host:1", "a-1"
    arguments = {"botId": bot, "input": text, "turn": 12, "episode": 3, "view": "text"}
    body = call_body(7, "handle_input", arguments)
    head = RequestHeads(path, authority, bot).of("handle_input")
    request = InputCalls(path, authority, "text").request(7, bot, text, 12, 3)
    assert request == head + b"%d\r\n\r\n" % len(body) + body


def compact(text: str, **more: object) -> bytes:
    """Return a result as the server writes it, without spaces."""
    content = [{"type": "text", "text": text}]
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": content, "isError": False, **more}}
    return json.dumps(answer, separators=(",", ":")).encode()


def is_recognised(body: bytes, episode: int, turn: int) -> bool:
    """Ask as a bot that knows the ending of this server's answers; all requests have number 1."""
    return is_plain_turn(body, beginning_of_turn(1, episode, turn), ending_of(compact("e1 t0 | x")))


def is_decoded_as(body: bytes, episode: int, turn: int) -> bool:
    """Answer the same question by decoding: the turn was made, and input `1` is legal after it."""
    answer = read_answer(200, body, view="text")
    return (answer.error, answer.episode, answer.turn) == ("", episode, turn) and "1" in inputs(answer.text)


@pytest.mark.parametrize("mode", [Mode.casual, Mode.ironman])
def test_turns_are_recognised_exactly_while_the_run_lives(mode: Mode) -> None:
    rules = load_rules()
    lived = 0
    for seed in range(5):
        policy = make_policy("random", seed)
        state = rules.new_game(GameOptions(seed=seed, mode=mode))
        while not state.over and state.turn < 300:
            body = compact(rules.text(state, f"e2 t{state.turn}"))
            assert is_recognised(body, 2, state.turn)
            assert is_decoded_as(body, 2, state.turn)
            state = rules.advance(state, choose(rules, policy, state)).state
            lived += 1
        if state.over:
            body = compact(rules.text(state, f"e2 t{state.turn}"))
            assert not is_recognised(body, 2, state.turn)
            assert not is_decoded_as(body, 2, state.turn)
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
def test_any_other_answer_is_left_to_the_decoder(body: bytes) -> None:
    assert is_recognised(compact("e2 t14 | x\n1 attack"), 2, 14)
    assert not is_recognised(body, 2, 14)


def test_without_a_known_ending_no_answer_is_recognised() -> None:
    body = compact("e2 t14 | x\n1 attack")
    assert not is_plain_turn(body, beginning_of_turn(1, 2, 14), b"")
    assert ending_of(b"{}") == b""


def test_a_web_page_is_shortened_to_one_line_without_tags() -> None:
    page = b"<!DOCTYPE html>\n<style>p {a: b}</style>\n<h1>Error\n response</h1>\n<p>Error code: 501</p>"
    assert read_answer(501, page, view="text").message == "Error response Error code: 501"
    assert len(read_answer(501, b"<p>" + b"word " * 900, view="text").message) == 120
