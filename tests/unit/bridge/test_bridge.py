"""A bridge without a network: its requests, and the calls that it makes itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from dungeonfighter.bridge.attempts import Attempts, Limits
from dungeonfighter.bridge.bridge import Bridge
from dungeonfighter.bridge.link import Reply
from dungeonfighter.bridge.target import read_target


class Client:
    """Gives out lines, and takes the answers."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self._lines = [json.dumps(line).encode() for line in lines]
        self.answers: list[dict[str, Any]] = []

    async def next(self) -> bytes | None:
        return self._lines.pop(0) if self._lines else None

    async def write(self, line: bytes) -> None:
        self.answers.append(json.loads(line))


class Server:
    """Answers each tool with a status and a content."""

    def __init__(self, **answers: tuple[int, dict[str, Any]]) -> None:
        self._answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, until: float, *,
        fresh: bool = False,
    ) -> Reply:  # fmt: skip
        del url, headers, seconds, until, fresh
        message = json.loads(body)
        params = message["params"]
        self.calls.append((params["name"], params["arguments"]))
        status, content = self._answers[params["name"]]
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], **content}).encode()
        return Reply(status, {"content-type": "application/json"}, answer)


class Token:
    token = "t"
    remedy = "get one"

    def renew(self) -> bool:
        return False


def shows(text: str) -> tuple[int, dict[str, Any]]:
    return 200, {"result": {"content": [{"type": "text", "text": text}], "isError": False}}


def refuses(status: int, code: str) -> tuple[int, dict[str, Any]]:
    data = {"code": code, "message": "no", "retryAfterSeconds": 3600}
    return status, {"error": {"code": -32000, "message": f"{code}: no", "data": data}}


def call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


async def served(server: Server, client: Client, url: str = "http://h/bots/ada/mcp") -> None:
    attempts = Attempts(read_target(url, None), server, Token(), Limits(), lambda _: None)
    await Bridge(client, attempts).serve(asyncio.Event())


async def test_a_call_gets_the_numbers_of_the_answer_before_it() -> None:
    server = Server(get_game_state=shows("e2 t7 | Ada"), handle_input=shows("e2 t8 | Ada"))
    await served(server, Client(call(1, "handle_input", input="1"), call(2, "handle_input", input="2")))
    assert server.calls == [
        ("get_game_state", {}), ("handle_input", {"input": "1", "episode": 2, "turn": 7}),
        ("handle_input", {"input": "2", "episode": 2, "turn": 8}),
    ]  # fmt: skip


async def test_a_token_that_may_not_read_plays_without_numbers() -> None:
    server = Server(get_game_state=refuses(403, "not_allowed"), handle_input=shows("e2 t8 | Ada"))
    client = Client(call(1, "handle_input", input="1"))
    await served(server, client)
    assert server.calls[1:] == [("handle_input", {"input": "1"})]
    assert client.answers[0]["result"]["isError"] is False


async def test_a_refusal_to_tell_the_turn_is_the_answer_to_the_call() -> None:
    server = Server(get_game_state=refuses(503, "draining"))
    client = Client(call(1, "handle_input", input="1"))
    await served(server, client)
    assert client.answers[0]["id"] == 1
    assert client.answers[0]["error"]["data"]["code"] == "draining"
    assert [tool for tool, _ in server.calls] == ["get_game_state"]


async def test_calls_for_several_bots_have_the_numbers_of_each() -> None:
    server = Server(get_game_state=shows("e1 t3"), handle_input=shows("e1 t4"), save_game=shows("saved"))
    calls = [
        call(1, "handle_input", input="1", botId="ada"), call(2, "handle_input", input="1", botId="bob"),
        call(3, "handle_input", input="1", botId="ada"), call(4, "handle_input", input="1"),
    ]  # fmt: skip
    await served(server, Client(*calls), "http://h/mcp")
    looks = [arguments for tool, arguments in server.calls if tool == "get_game_state"]
    plays = [arguments for tool, arguments in server.calls if tool == "handle_input"]
    assert looks == [{"botId": "ada"}, {"botId": "bob"}, {}]
    assert [(one.get("botId"), one["turn"]) for one in plays] == [
        ("ada", 3), ("bob", 3), ("ada", 4), (None, 3),
    ]  # fmt: skip


async def test_a_bridge_that_fails_answers_and_reports() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    client = Client(call(1, "get_combat_state"))
    await served(Server(), client)
    assert client.answers[0]["error"]["code"] == -32603
    assert "the bridge failed; read the game" in client.answers[0]["error"]["message"]
    assert isinstance(reports[0]["exception"], KeyError)
