"""Clients that repeat a failed call without a turn, against real servers of one and of three workers.

The client resets its connection, so that the answer is lost, and repeats the call over a new connection with
a new request id.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from testkit.server_process import ServerProcess

REPEATS: Final = 6
RETRY_SECONDS: Final = 0.2
"""Workers share their notes within 100 ms; harnesses retry later than that."""
WAYS: Final = ["short", "sdk"]
FORWARDED: Final = "X-Forwarded-For: 192.0.2.1\r\n"


@pytest.fixture(scope="module", params=[1, 3], ids=["1 worker", "3 workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("blind")
    with ServerProcess(folder, flags=[f"--workers={request.param}"]) as process:
        yield Client(process)


class Client:
    """Calls tools of one bot, each call over a new connection and with a new request id."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self._ids = iter(range(1, 1_000_000))

    def post(self, tool: str, bot: str, arguments: dict[str, Any], way: str, more: str = "") -> bytes:
        """Return the bytes of a request; one with an escape in its body takes the way of the SDK.

        `more` are lines of the head.
        """
        message = {
            "jsonrpc": "2.0", "id": next(self._ids), "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }  # fmt: skip
        body = json.dumps(message).encode()
        if way == "sdk":
            body = body.replace(b'"method"', b'"\\u006dethod"')
        return (
            f"POST /bots/{bot}/mcp HTTP/1.1\r\nhost: 127.0.0.1:{self.server.port}\r\n"
            f"content-type: application/json\r\naccept: application/json, text/event-stream\r\n{more}"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body

    def lose(self, tool: str, bot: str, way: str, *, wait: bool = False, **arguments: Any) -> None:
        """Send a call and reset the connection; with `wait` only after the answer is on its way."""
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(self.post(tool, bot, arguments, way))
            if wait:
                connection.recv(1, socket.MSG_PEEK)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def call(self, tool: str, bot: str, way: str = "short", **arguments: Any) -> dict[str, Any]:
        """Make a call, read its answer and close the connection in order."""
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(self.post(tool, bot, arguments, way))
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            result: dict[str, Any] = json.loads(answer.read())["result"]
        return result

    def place(self, bot: str) -> tuple[int, int]:
        """Return the episode and the turn of a bot."""
        standing = self.call("get_game_state", bot, view="json")["structuredContent"]
        return standing["episode"], standing["turn"]


def new_bot(server: Client, name: str, way: str, request: pytest.FixtureRequest) -> str:
    bot = f"{name}-{way}-{request.node.callspec.id.replace(' ', '')}".replace("[", "").replace("]", "")
    server.call("start_new_game", bot, weapon="mace", episode=1)
    return bot


def pause() -> None:
    time.sleep(RETRY_SECONDS)  # the time that the promise is about, not a wait for a condition


@pytest.mark.parametrize("way", WAYS)
def test_an_input_whose_answers_are_lost_six_times_is_one_turn(
    server: Client, way: str, request: pytest.FixtureRequest
) -> None:
    bot = new_bot(server, "lost", way, request)
    for _ in range(REPEATS):
        server.lose("handle_input", bot, way, input="1")
        pause()
    answer = server.call("handle_input", bot, way, input="1")
    assert answer["content"][0]["text"].startswith("e1 t1")
    assert server.place(bot) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
def test_two_equal_inputs_whose_answers_were_read_are_two_turns(
    server: Client, way: str, request: pytest.FixtureRequest
) -> None:
    bot = new_bot(server, "read", way, request)
    for turn in (1, 2):
        answer = server.call("handle_input", bot, way, input="1")
        assert answer["content"][0]["text"].startswith(f"e1 t{turn}")
        pause()


@pytest.mark.parametrize("way", WAYS)
def test_another_input_after_a_loss_is_applied(
    server: Client, way: str, request: pytest.FixtureRequest
) -> None:
    bot = new_bot(server, "other", way, request)
    server.lose("handle_input", bot, way, input="1")
    pause()
    lost_turns = server.place(bot)[1]
    answer = server.call("handle_input", bot, way, input="2")
    assert answer["content"][0]["text"].startswith(f"e1 t{lost_turns + 1}")
    pause()
    answer = server.call("handle_input", bot, way, input="1")
    assert answer["content"][0]["text"].startswith(f"e1 t{lost_turns + 2}")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tool", ["start_new_game", "reset_game", "load_game"])
def test_a_start_whose_answers_are_lost_six_times_is_one_run(
    server: Client, way: str, tool: str, request: pytest.FixtureRequest
) -> None:
    bot = new_bot(server, tool.replace("_", "-"), way, request)
    server.call("save_game", bot)
    for _ in range(REPEATS):
        server.lose(tool, bot, way)
        pause()
    server.call(tool, bot, way)
    assert server.place(bot)[0] == 2


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_was_written_but_not_acknowledged_is_lost_too(
    server: Client, way: str, request: pytest.FixtureRequest
) -> None:
    """The client stops receiving before it sends, so its kernel never acknowledges the answer."""
    bot = new_bot(server, "unread", way, request)
    with socket.create_connection(("127.0.0.1", server.server.port)) as connection:
        connection.sendall(server.post("handle_input", bot, {"input": "1"}, way))
        connection.shutdown(socket.SHUT_RDWR)  # the kernel answers further segments with a reset
        while server.place(bot) != (1, 1):
            pass
    pause()
    answer = server.call("handle_input", bot, way, input="1")
    assert answer["content"][0]["text"].startswith("e1 t1")


@pytest.mark.parametrize("way", WAYS)
def test_a_proxy_that_resets_its_connections_after_the_answers_loses_none(
    server: Client, way: str, request: pytest.FixtureRequest
) -> None:
    """HAProxy does so with every connection that it needs no more."""
    bot = new_bot(server, "proxied", way, request)
    for turn in (1, 2):
        with socket.create_connection(("127.0.0.1", server.server.port)) as connection:
            connection.sendall(server.post("handle_input", bot, {"input": "1"}, way, FORWARDED))
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert f"e1 t{turn} |" in answer.read().decode()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pause()
