"""A closed loop of raw HTTP for benchmarks: N connections, each sends the next request when it is answered.

`python -m bench.load PORT SECONDS CONNECTIONS BOTS ERA` prints one line of JSON. It does as little as it can:
requests are made before, answers are only looked at for their status, length and `"isError":true`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

import uvloop

MODERN, LEGACY = "2026-07-28", "2025-11-25"
_META = (
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    '"io.modelcontextprotocol/clientCapabilities":{},'
    '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}'
)


def request(tool: str, bot: str, arguments: str, era: str) -> bytes:
    """One `tools/call`, whole."""
    meta = f",{_META}" if era == MODERN else ""
    params = f'{{"name":"{tool}","arguments":{{"botId":"{bot}"{arguments}}}{meta}}}'
    body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
    head = (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {era}\r\n"
    )
    if era == MODERN:
        head += f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nMcp-Param-Bot-Id: {bot}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Connection(asyncio.Protocol):
    """One connection of the loop."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._data = b""
        self._sent = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.send()

    def send(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(self._load.next_request())

    def data_received(self, data: bytes) -> None:
        data = self._data + data
        end = data.find(b"\r\n\r\n")
        begin = data.find(b"ontent-length: ", 0, end)
        if end < 0 or len(data) < end + 4 + int(data[begin + 15 : data.find(b"\r", begin)]):
            self._data = data
            return
        self._data = b""
        load = self._load
        load.seconds.append(time.perf_counter() - self._sent)
        if not data.startswith(b"HTTP/1.1 200") or b'"isError":true' in data:
            load.errors += 1
            load.example = load.example or data[:400].decode(errors="replace")
        if load.is_over:
            self.transport.close()
        else:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.is_over:
            self._load.errors += 1


class Load:
    """What all connections share."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = requests
        self._dice = random.Random(1)
        self.seconds: list[float] = []
        self.errors = 0
        self.example = ""
        self.is_over = False

    def next_request(self) -> bytes:
        return self._requests[int(self._dice.random() * len(self._requests))]


async def run(requests: list[bytes], port: int, seconds: float, connections: int) -> Load:
    """Keep `connections` busy for `seconds`, after a second that is not counted."""
    load = Load(requests)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
    await asyncio.sleep(1.0)
    load.seconds.clear()
    await asyncio.sleep(seconds)
    load.is_over = True
    return load


async def begin(port: int, bots: int) -> None:
    """Let every bot begin a run."""
    weapons = ("mace", "sword", "dagger", "wand")

    async def some(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, bots, 20):
            options = f',"weapon":"{weapons[number % 4]}","seed":{number}'
            writer.write(request("start_new_game", bot_name(number), options, LEGACY))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            assert b'"isError":false' in await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(some(first) for first in range(20)))


def bot_name(number: int) -> str:
    return f"bench-{number:05}"


async def main() -> None:
    port, seconds, connections, bots, era = sys.argv[1:6]
    if era == "begin":
        await begin(int(port), int(bots))
        return
    requests = [request("handle_input", bot_name(n), ',"input":"1"', era) for n in range(int(bots))]
    load = await run(requests, int(port), float(seconds), int(connections))
    taken = sorted(load.seconds)
    print(json.dumps({
        "per_second": len(taken) / float(seconds), "errors": load.errors, "example": load.example,
        "p50_ms": 1000 * taken[len(taken) // 2], "p99_ms": 1000 * taken[len(taken) * 99 // 100],
    }))  # fmt: skip


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
