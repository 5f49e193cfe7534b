"""The attempts of a message, with a server that answers from a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from dungeonfighter.bridge.attempts import Attempts, Limits, Outcome, Sending
from dungeonfighter.bridge.link import Reply, Unanswered, Unsent
from dungeonfighter.bridge.messages import call
from dungeonfighter.bridge.target import read_target

OK = {"content": [{"type": "text", "text": "e1 t1"}], "isError": False}
LONG = 3600


def answered(result: dict[str, Any]) -> Reply:
    return reply(200, {"result": result})


def refused(status: int, seconds: int, code: str = "overloaded") -> Reply:
    data = {"code": code, "message": "busy", "retryAfterSeconds": seconds}
    return reply(status, {"error": {"code": -32000, "message": f"{code}: busy", "data": data}})


def failed(code: str) -> Reply:
    text = f"error {code}: no"
    structured = {"code": code, "message": "no", "text": text}
    return answered(
        {"content": [{"type": "text", "text": text}], "isError": True, "structuredContent": structured}
    )


def reply(status: int, content: dict[str, Any]) -> Reply:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, **content}).encode()
    return Reply(status, {"content-type": "application/json"}, body)


def page(status: int, **headers: str) -> Reply:
    return Reply(status, {"content-type": "text/html", **headers}, b"<html>")


class Server:
    """Answers with the next item of a list, and with the last one from then on."""

    def __init__(self, *items: Reply | Exception) -> None:
        self._items = list(items)
        self.tokens: list[str] = []
        self.fresh: list[bool] = []

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, until: float, *,
        fresh: bool = False,
    ) -> Reply:  # fmt: skip
        del url, body, seconds, until
        self.tokens.append(headers.get("Authorization", ""))
        self.fresh.append(fresh)
        item = self._items.pop(0) if len(self._items) > 1 else self._items[0]
        if isinstance(item, Exception):
            raise item
        return item


class Tokens:
    """Credentials that change with each renewal, as long as there are any."""

    remedy = "put another one there"

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.token = self._tokens.pop(0)

    def renew(self) -> bool:
        if self._tokens:
            self.token = self._tokens.pop(0)
            return True
        return False


async def carried_out(
    server: Server,
    patience_seconds: float = 5.0,
    tokens: Tokens | None = None,
    *,
    may_repeat: bool = True,
    changes: bool = True,
) -> Outcome:
    limits = Limits(patience_seconds=patience_seconds)
    target = read_target("http://h", "ada")
    attempts = Attempts(target, server, tokens or Tokens(""), limits, lambda _: None)
    until = asyncio.get_running_loop().time() + patience_seconds
    return await attempts.carry_out(
        Sending(call(1, "handle_input", {}), {}, until, changes=changes, may_repeat=may_repeat)
    )


@pytest.mark.parametrize(
    "first", [Unsent("refused"), Unanswered("closed"), page(502), page(504), refused(503, 0), refused(429, 0),
              page(503), failed("store_unavailable"), failed("outcome_unknown"),
              Reply(200, {"content-type": "application/json"}, b'{"jsonrpc":"2.0","id":1,"res')],
    ids=str,
)  # fmt: skip
async def test_a_passing_trouble_is_repeated_over_a_new_connection(first: Reply | Exception) -> None:
    server = Server(first, answered(OK))
    outcome = await carried_out(server)
    assert outcome.answer is not None
    assert outcome.answer.result == OK
    assert not outcome.may_have_happened
    assert server.fresh == [False, True]


@pytest.mark.parametrize("first", [Unanswered("closed"), page(502), failed("outcome_unknown")], ids=str)
async def test_a_call_whose_copies_could_both_have_an_effect_is_sent_once(first: Reply | Exception) -> None:
    server = Server(first, answered(OK))
    outcome = await carried_out(server, may_repeat=False)
    assert "outcome_unknown" in json.loads(outcome.line)["result"]["content"][0]["text"]
    assert outcome.may_have_happened
    assert len(server.fresh) == 1


async def test_a_call_that_was_not_sent_is_repeated_in_any_case() -> None:
    outcome = await carried_out(Server(Unsent("refused"), answered(OK)), may_repeat=False)
    assert outcome.answer is not None


@pytest.mark.parametrize(
    "reply", [refused(503, LONG), refused(429, LONG, "rate_limited"), refused(503, LONG, "draining")], ids=str
)
async def test_a_refusal_beyond_the_patience_is_answered_at_once_as_it_is(reply: Reply) -> None:
    server = Server(reply, answered(OK))
    outcome = await carried_out(server)
    assert json.loads(outcome.line) == json.loads(reply.body)
    assert not outcome.may_have_happened
    assert len(server.fresh) == 1


async def test_the_time_of_a_header_counts_as_well() -> None:
    server = Server(page(503, **{"retry-after": str(LONG)}), answered(OK))
    outcome = await carried_out(server)
    assert outcome.code == "unreachable"
    assert len(server.fresh) == 1


async def test_a_refusal_after_a_lost_answer_does_not_hide_the_loss() -> None:
    outcome = await carried_out(Server(Unanswered("closed"), refused(503, LONG)))
    assert outcome.code == "outcome_unknown"
    assert outcome.may_have_happened


async def test_a_read_without_an_answer_was_not_applied() -> None:
    outcome = await carried_out(Server(Unanswered("closed")), patience_seconds=0.1, changes=False)
    assert (outcome.code, outcome.may_have_happened) == ("unreachable", False)
    assert outcome.said == "http://h does not answer: closed; nothing was applied: call again later"


async def test_a_refused_token_after_a_lost_answer_does_not_hide_the_loss() -> None:
    outcome = await carried_out(Server(Unanswered("closed"), refused(401, 0, "not_allowed")))
    assert outcome.may_have_happened


async def test_an_answer_to_another_request_is_not_passed_on() -> None:
    foreign = Reply(200, {"content-type": "application/json"}, b'{"jsonrpc":"2.0","id":2,"result":{}}')
    outcome = await carried_out(Server(foreign, answered(OK)))
    assert json.loads(outcome.line)["id"] == 1
    assert outcome.answer is not None
    assert outcome.answer.result == OK


@pytest.mark.parametrize(
    "reply",
    [page(404), page(200), page(301, location="https://h/x"), page(202), page(501), page(505)],
    ids=str,
)
async def test_an_address_that_is_no_mcp_address_is_not_asked_once_more(reply: Reply) -> None:
    server = Server(reply, answered(OK))
    outcome = await carried_out(server)
    assert outcome.code == "unreachable"
    assert f"HTTP {reply.status}" in outcome.said
    assert len(server.fresh) == 1


async def test_another_token_is_tried_once() -> None:
    denied = refused(401, 0, "not_allowed")
    server = Server(denied, answered(OK))
    outcome = await carried_out(server, tokens=Tokens("old", "new"))
    assert server.tokens == ["Bearer old", "Bearer new"]
    assert outcome.answer is not None
    assert outcome.answer.result == OK
    server = Server(denied)
    outcome = await carried_out(server, tokens=Tokens("old", "new", "newer"))
    assert server.tokens == ["Bearer old", "Bearer new"]
    error = json.loads(outcome.line)["error"]
    assert error["message"] == "not_allowed: busy; put another one there"
    assert error["data"]["message"] == "busy; put another one there"


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_proxy_that_refuses_the_access_is_named(status: int) -> None:
    outcome = await carried_out(Server(page(status)))
    assert outcome.code == "not_allowed"
    assert f"HTTP {status}" in outcome.said


async def test_the_trouble_and_its_end_are_noted_once_each() -> None:
    notes: list[str] = []
    server = Server(Unsent("refused"), Unsent("refused"), answered(OK))
    attempts = Attempts(read_target("http://h", "ada"), server, Tokens(""), Limits(), notes.append)
    until = asyncio.get_running_loop().time() + 30
    for _ in range(2):
        await attempts.carry_out(Sending(call(1, "handle_input", {}), {}, until))
    assert notes == ["http://h: cannot be reached: refused; trying again", "http://h answers again"]


async def test_another_path_of_a_server_of_this_game_is_no_mcp_address() -> None:
    fault = {"code": -32600, "message": "POST to /mcp or /bots/{botId}/mcp"}
    outcome = await carried_out(Server(reply(404, {"error": fault})))
    assert outcome.code == "unreachable"
    assert "(HTTP 404, POST to /mcp or /bots/{botId}/mcp); nothing was applied: check the URL" in outcome.said


async def notes_of(server: Server, calls: int) -> list[str]:
    notes: list[str] = []
    attempts = Attempts(read_target("http://h", "ada"), server, Tokens("old"), Limits(), notes.append)
    until = asyncio.get_running_loop().time() + 30
    for _ in range(calls):
        await attempts.carry_out(Sending(call(1, "handle_input", {}), {}, until))
    return notes


async def test_a_refused_token_is_noted_once_until_another_answer_comes() -> None:
    denied = refused(401, 0, "not_allowed")
    assert await notes_of(Server(denied, denied, answered(OK)), 4) == [
        "http://h: refuses the token (HTTP 401); put another one there", "http://h answers again",
    ]  # fmt: skip


async def test_a_limit_on_calls_a_second_is_noted_once() -> None:
    paced = refused(429, 0, "rate_limited")
    assert await notes_of(Server(paced, answered(OK), paced, paced, answered(OK)), 2) == [
        "http://h: limits the calls a second (HTTP 429); calls wait for their time, here and later"
    ]
