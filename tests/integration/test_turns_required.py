"""An address with turns=required behind a proxy that reads and drops answers: each call has one effect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from testkit.server_process import ServerProcess

DROPS: Final = 6


class DroppingProxy:
    """Passes each request on, reads the whole answer, and drops the first answers."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.drops_left = 0
        self.dropped = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_message(reader)
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        back_writer.write(request)
        answer = await read_message(back_reader)
        if self.drops_left:
            self.drops_left -= 1
            self.dropped += 1
        else:
            writer.write(answer)
            await writer.drain()
        for end in (back_writer, writer):
            end.close()
            await end.wait_closed()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


class Harness:
    """Repeats a failed call up to six times, with a new request id each time."""

    def __init__(self, proxy: DroppingProxy, port: int, server: ServerProcess) -> None:
        self._proxy = proxy
        self._port = port
        self._server = server
        self._id = 0

    async def call(self, tool: str, arguments: dict[str, Any], *, path: str = "/bots/ada/mcp") -> Any:
        """Return the result of a call of which the first six answers are dropped."""
        self._proxy.drops_left, self._proxy.dropped = DROPS, 0
        for _ in range(DROPS):
            with pytest.raises(asyncio.IncompleteReadError):
                await self._once(tool, arguments, path)
        answer = await self._once(tool, arguments, path)
        assert self._proxy.dropped == DROPS
        return answer["result"]

    async def _once(self, tool: str, arguments: dict[str, Any], path: str) -> Any:
        self._id += 1
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": self._id, "method": "tools/call", "params": params}
        body = json.dumps(message).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(
            f"POST {path}?turns=required HTTP/1.1\r\nhost: 127.0.0.1:{self._server.port}\r\n"
            f"content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        try:
            answer = await read_message(reader)
        finally:
            writer.close()
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    async def place(self, path: str = "/bots/ada/mcp") -> tuple[int, int]:
        self._proxy.drops_left = 0
        standing = (await self._once("get_game_state", {"view": "json"}, path))["result"]
        return standing["structuredContent"]["episode"], standing["structuredContent"]["turn"]

    async def refusal(self, tool: str, arguments: dict[str, Any], *, path: str = "/bots/ada/mcp") -> Any:
        self._proxy.drops_left = 0
        result = (await self._once(tool, arguments, path))["result"]
        return result["isError"], result["content"][0]["text"]


@contextlib.asynccontextmanager
async def harness(folder: Path) -> AsyncIterator[Harness]:
    with ServerProcess(folder, database="memory://") as server:
        proxy = DroppingProxy(server.port)
        listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        async with listener:
            yield Harness(proxy, listener.sockets[0].getsockname()[1], server)


async def test_six_dropped_answers_of_each_kind_leave_one_effect(tmp_path: Path) -> None:
    async with harness(tmp_path) as client:
        await client.call("start_new_game", {"weapon": "mace", "episode": 1})
        assert await client.place() == (1, 0)
        await client.call("handle_input", {"input": "1", "turn": 0, "episode": 1})
        assert await client.place() == (1, 1)
        inputs = {"inputs": ["1", "1"], "turn": 1, "episode": 1}
        await client.call("handle_inputs", inputs)
        assert await client.place() == (1, 3)
        await client.call("save_game", {})
        await client.call("load_game", {"episode": 2})
        assert await client.place() == (2, 3)
        await client.call("reset_game", {"episode": 3})
        assert await client.place() == (3, 0)
        rows: list[dict[str, Any]] = [
            {"botId": "ada", "input": "1", "turn": 0, "episode": 3},
            {"botId": "bo", "start": {"weapon": "sword"}, "episode": 1},
        ]
        await client.call("step_many", {"steps": rows}, path="/mcp")
        assert await client.place() == (3, 1)
        assert await client.place("/bots/bo/mcp") == (1, 0)


Arguments = dict[str, Any]
UNNUMBERED: Final[list[tuple[str, Arguments, str]]] = [
    ("start_new_game", {}, "episode"),
    ("load_game", {}, "episode"),
    ("reset_game", {}, "episode"),
    ("handle_input", {"input": "1", "episode": 1}, "turn"),
    ("handle_input", {"input": "1", "turn": 0}, "episode"),
    ("handle_inputs", {"inputs": ["1"], "turn": 0}, "episode"),
    ("equip_item", {"item": 1}, "turn"),
    ("select_dungeon", {"dungeonIndex": 1}, "turn"),
]


async def test_calls_without_numbers_are_refused_with_the_missing_one(tmp_path: Path) -> None:
    async with harness(tmp_path) as client:
        await client.call("start_new_game", {"weapon": "mace", "episode": 1})
        for tool, arguments, missing in UNNUMBERED:
            is_error, text = await client.refusal(tool, arguments)
            assert is_error
            assert text.startswith(f"error bad_argument: argument `{missing}` is missing"), text
            assert "turns=required" in text
        rows = [{"botId": "ada", "input": "1", "turn": 0}, {"botId": "bo", "start": {}}]
        _, text = await client.refusal("step_many", {"steps": rows}, path="/mcp")
        assert "2 errors (bad_argument 2)" in text
        assert await client.place() == (1, 0)


async def test_reads_need_no_numbers(tmp_path: Path) -> None:
    async with harness(tmp_path) as client:
        await client.call("start_new_game", {"weapon": "mace", "episode": 1})
        for tool in ("get_game_state", "get_inventory", "save_game"):
            assert not (await client.refusal(tool, {}))[0]
