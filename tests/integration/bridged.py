"""Clients of bridges: a client of a real `connect` process, and one of a bridge in this process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from dungeonfighter.bridge.attempts import Attempts, Limits
from dungeonfighter.bridge.bridge import Bridge
from dungeonfighter.bridge.link import CONNECTIONS_MAX, IDLE_SECONDS, Link
from dungeonfighter.bridge.target import read_target
from testkit.server_process import ROOT

COMMAND = [sys.executable, "-m", "dungeonfighter", "connect"]
ANSWER_SECONDS_MAX = 60
NEWEST = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}


def request(number: int | str, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a request of the newest revision."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**(params or {}), "_meta": META}}


def called(number: int | str, tool: str, **arguments: Any) -> dict[str, Any]:
    return request(number, "tools/call", {"name": tool, "arguments": arguments})


def text_of(answer: Mapping[str, Any]) -> str:
    """Return the text of a tool's answer, or the message of a JSON-RPC error."""
    if "error" in answer:
        return str(answer["error"]["message"])
    return str(answer["result"]["content"][0]["text"])


class Player:
    """Sends messages to a bridge and gives out the answers by their ids."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[object, asyncio.Future[dict[str, Any]]] = {}
        self.others: list[dict[str, Any]] = []
        """The messages that nobody waits for."""

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        raise NotImplementedError

    def heard(self, line: bytes) -> None:
        answer = json.loads(line)
        waiter = self._waiting.pop(answer.get("id"), None)
        if waiter is None or waiter.done():
            self.others.append(answer)
        else:
            waiter.set_result(answer)

    async def begin(self, message: Mapping[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """Send a request; return its answer to come."""
        waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[message["id"]] = waiter
        await self.send(message)
        return waiter

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return await asyncio.wait_for(await self.begin(message), ANSWER_SECONDS_MAX)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.ask(called(next(self._numbers), tool, **arguments))

    async def cancel(self, number: int | str) -> None:
        params = {"requestId": number, "_meta": META}
        await self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})

    @property
    def next_number(self) -> int:
        return next(self._numbers)


class ProcessPlayer(Player):
    """The client of a `connect` process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.process = process
        self._reading = asyncio.create_task(self._read())
        assert process.stderr is not None
        self._notes = asyncio.create_task(process.stderr.read())

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.heard(line)

    async def end(self) -> tuple[int, str]:
        """Close the input; return the exit code and the notes."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self.ended()

    async def ended(self) -> tuple[int, str]:
        code = await asyncio.wait_for(self.process.wait(), ANSWER_SECONDS_MAX)
        await asyncio.wait_for(self._reading, ANSWER_SECONDS_MAX)
        return code, (await self._notes).decode()


@contextlib.asynccontextmanager
async def connected(*words: str, **environment: str) -> AsyncIterator[ProcessPlayer]:
    """Run `connect` with these words."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=2**26,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
    )  # fmt: skip
    try:
        yield ProcessPlayer(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class PipedPlayer(Player):
    """The client of a bridge in this process, and the lines of that bridge."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._lines.put_nowait(line)

    def close(self) -> None:
        self._lines.put_nowait(None)

    async def next(self) -> bytes | None:
        return await self._lines.get()

    async def write(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.heard(line)


class NoToken:
    """The credentials of a bridge to a server without access control."""

    token = ""
    remedy = "there is none"

    def renew(self) -> bool:
        return False


@contextlib.asynccontextmanager
async def bridged(
    link: Link, url: str, bot: str | None = None, limits: Limits | None = None
) -> AsyncIterator[PipedPlayer]:
    """Run a bridge in this process over the connections of a link."""
    player = PipedPlayer()
    attempts = Attempts(read_target(url, bot), link, NoToken(), limits or Limits(), player.notes.append)
    serving = asyncio.create_task(Bridge(player, attempts).serve(asyncio.Event()))
    try:
        yield player
    finally:
        player.close()
        await serving


@contextlib.asynccontextmanager
async def linked(
    url: str, connections_max: int = CONNECTIONS_MAX, idle_seconds: float = IDLE_SECONDS
) -> AsyncIterator[Link]:
    link = Link(read_target(url, None), None, connections_max, idle_seconds)
    try:
        yield link
    finally:
        await link.close()
