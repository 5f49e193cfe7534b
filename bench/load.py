"""A closed loop of raw HTTP for benchmarks: N connections, each sends the next request when it is answered.

`python -m bench.load PORT SECONDS CONNECTIONS BOTS ERA CORE` prints one line of JSON (`Loaded`). It does as
little as it can, for it is Python too: requests are made and shuffled before; of an answer it looks at
status, length and `"isError":false`. How busy its core was is told: a reader sees when it was the limit.
"""

from __future__ import annotations

import itertools
import math
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

MODERN: Final = "2026-07-28"
LEGACY: Final = "2025-11-25"
BEGIN: Final = "begin"

_WARM_SECONDS: Final = 1.0
_META: Final = (
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    '"io.modelcontextprotocol/clientCapabilities":{},'
    '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}'
)
_CONNECT_SECONDS_MAX: Final = 10.0
_BEGIN_CONNECTIONS: Final = 20
_READ_BYTES: Final = 1 << 14
"""Larger ones are mapped and unmapped by the allocator at every read: 30 us measured with 256 KiB."""
GOOD: Final = b'"isError":false'


class Loaded(Struct):
    """What one run of the load found.

    Attributes:
        per_second: Answers a second in the measured time, good or not.
        answers: All answers from the first to the last, warm-up included.
        good: Those of them that were 200 and said `"isError":false`.
        example: The beginning of the first answer that was not good.
        p50_ms: Of the measured time, from the write of a request to the last byte of its answer.
        p99_ms: Likewise.
        busy: CPU time of this process by the time that was measured; 1.0 is a whole core.
    """

    per_second: float = 0.0
    answers: int = 0
    good: int = 0
    example: str = ""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    busy: float = 0.0


def tool_call(tool: str, bot: str, arguments: str, era: str, path: str = "/mcp") -> bytes:
    """One `tools/call`, whole; `bot` may be empty for a tool that names none."""
    meta = f",{_META}" if era == MODERN else ""
    named = ",".join(filter(None, (f'"botId":"{bot}"' if bot else "", arguments)))
    params = f'{{"name":"{tool}","arguments":{{{named}}}{meta}}}'
    body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {era}\r\n"
    )
    if era == MODERN:
        head += f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        head += f"Mcp-Param-Bot-Id: {bot}\r\n" if bot else ""
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def bot_name(number: int) -> str:
    return f"bench-{number:05}"


class Connection:
    """One connection of the loop, and what was asked on it when."""

    __slots__ = ("at", "begun", "recv", "send", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_SECONDS_MAX)
        self.socket.settimeout(None)  # with one, Python polls before every read and write
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv = self.socket.recv
        self.send = self.socket.sendall
        self.begun = b""
        self.at = 0
        self.sent = 0.0

    def answer(self) -> bytes:
        """Wait for one whole answer."""
        data = self.recv(_READ_BYTES)
        while not is_whole(self, data):
            data += self.recv(_READ_BYTES)
        return data


class Load:
    """The loop: `requests` are given out in order, to whichever connection is free, until they or time end.

    There is no event loop here: measured, uvloop with a protocol costs 6 us more an answer than this.
    """

    def __init__(self, requests: Iterator[bytes], port: int, connections: int) -> None:
        self._requests = requests
        made = [Connection(port) for _ in range(connections)]
        self._connections = {one.socket.fileno(): one for one in made}
        # Both wait without limit when asked without one; whoever starts this process limits its time.
        self._poller = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._told = Loaded()
        self._seconds: list[float] = []
        self._is_over = False

    def run(self, warm_seconds: float, seconds: float) -> Loaded:
        """Keep all connections busy; every request that was sent is waited for."""
        clock = time.perf_counter
        for number, one in self._connections.items():
            self._poller.register(number, select.POLLIN)
            self._next(one)
        begun = clock() + warm_seconds
        self._wait_until(begun)
        self._seconds.clear()
        begun, spent = clock(), time.process_time()
        self._wait_until(begun + seconds)
        elapsed, spent = clock() - begun, time.process_time() - spent
        taken = sorted(self._seconds)
        self._is_over = True
        self._wait_until(math.inf)
        told = self._told
        told.per_second, told.busy = len(taken) / elapsed, spent / elapsed
        told.p50_ms, told.p99_ms = 1000 * _percentile(taken, 50), 1000 * _percentile(taken, 99)
        return told

    def _wait_until(self, end: float) -> None:
        """Take answers and ask again until it is `end`, or no connection is left."""
        connections, poll, clock = self._connections, self._poller.poll, time.perf_counter
        seconds, told = self._seconds, self._told
        while connections:
            for number, _ in poll():
                one = connections[number]
                data = one.recv(_READ_BYTES)
                if one.begun:
                    data = one.begun + data
                if not is_whole(one, data):
                    one.begun = data
                    continue
                one.begun = b""
                now = clock()
                seconds.append(now - one.sent)
                told.answers += 1
                if GOOD in data and data.startswith(b"HTTP/1.1 200"):
                    told.good += 1
                else:
                    told.example = told.example or data[:400].decode(errors="replace")
                self._next(one)
            if clock() >= end:
                return

    def _next(self, one: Connection) -> None:
        request = None if self._is_over else next(self._requests, None)
        if request is None:
            self._poller.unregister(one.socket)
            del self._connections[one.socket.fileno()]
            one.socket.close()
            return
        one.sent = time.perf_counter()
        one.send(request)


def is_whole(one: Connection, data: bytes) -> bool:
    """Whether these bytes are a whole answer; where a server writes the length is only looked for once."""
    end = data.find(b"\r\n\r\n")
    at = one.at
    if data[at - 16 : at] != b"content-length: ":
        if not data:
            raise ConnectionError("the server closed a connection")
        at = one.at = data.lower().find(b"content-length: ", 0, max(end, 0)) + 16
    return end >= 0 and len(data) >= end + 4 + int(data[at : data.find(b"\r", at)])


def play(port: int, connections: int, bots: int, era: str, seconds: float) -> Loaded:
    """Let `bots` give the input `1` for `seconds`, after a second that is not measured."""
    requests = [tool_call("handle_input", bot_name(n), '"input":"1"', era) for n in range(bots)]
    Random(1).shuffle(requests)
    return Load(itertools.cycle(requests), port, connections).run(_WARM_SECONDS, seconds)


def begin(port: int, bots: int) -> Loaded:
    """Let every bot begin a casual run with a seed of its own."""
    weapons = ("mace", "sword", "dagger", "wand")
    requests = (
        tool_call(
            "start_new_game", bot_name(n), f'"weapon":"{weapons[n % 4]}","seed":{n},"mode":"casual"', LEGACY
        )
        for n in range(bots)
    )
    return Load(requests, port, _BEGIN_CONNECTIONS).run(0.0, math.inf)


def pin(core: int) -> None:
    """Stay on one core from now on; -1 and systems that cannot: anywhere."""
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main() -> int:
    port, seconds, connections, bots, era, core = sys.argv[1:7]
    pin(int(core))
    if era == BEGIN:
        told = begin(int(port), int(bots))
    else:
        told = play(int(port), int(connections), int(bots), era, float(seconds))
    sys.stdout.write(msgspec.json.encode(told).decode())
    return 0


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100] if ordered else 0.0


if __name__ == "__main__":
    sys.exit(main())
