"""A closed loop of raw HTTP for benchmarks: N connections, each sends its next request when it is answered.

`python -m bench.load PORT SECONDS CONNECTIONS BOTS ERA CORE` prints one line of JSON (`LoadResult`). The loop
is Python, too, so it does little: it makes and shuffles the requests beforehand, and reads only status,
length and `"isError":false` of an answer. The result has the load of its own core: at 1.0 the generator was
the limit.
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
"""The allocator maps and unmaps a larger buffer at every read: 30 us measured with 256 KiB."""
GOOD: Final = b'"isError":false'


class LoadResult(Struct):
    """The result of one load.

    Attributes:
        per_second: Answers a second in the measured time, good or not.
        answers: All answers, warm-up included.
        good: The answers with status 200 and `"isError":false`.
        example: The beginning of the first answer that was not good.
        p50_ms: The latency in the measured time, from the write of a request to the last byte of its answer.
        p99_ms: Likewise.
        busy: CPU time of this process divided by the measured time; 1.0 is a whole core.
    """

    per_second: float = 0.0
    answers: int = 0
    good: int = 0
    example: str = ""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    busy: float = 0.0


def tool_call(tool: str, bot: str, arguments: str, era: str, path: str = "/mcp") -> bytes:
    """Return one whole `tools/call`; `bot` is empty for a tool without a bot."""
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
    """One connection of the loop, with the state of its present request."""

    __slots__ = ("at", "begun", "recv", "send", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_SECONDS_MAX)
        self.socket.settimeout(None)  # with a timeout Python polls before every read and write
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv = self.socket.recv
        self.send = self.socket.sendall
        self.begun = b""
        self.at = 0
        self.sent = 0.0

    def answer(self) -> bytes:
        data = self.recv(_READ_BYTES)
        while not is_whole(self, data):
            data += self.recv(_READ_BYTES)
        return data


class Load:
    """The loop: sends `requests` in order, each on the next free connection, until they or the time end.

    It uses no event loop: uvloop with a protocol costs 6 us more for each answer (measured).
    """

    def __init__(self, requests: Iterator[bytes], port: int, connections: int) -> None:
        self._requests = requests
        made = [Connection(port) for _ in range(connections)]
        self._connections = {one.socket.fileno(): one for one in made}
        # Both wait without a limit; the parent process limits the time of this one.
        self._poller = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._result = LoadResult()
        self._seconds: list[float] = []
        self._is_over = False

    def run(self, warm_seconds: float, seconds: float) -> LoadResult:
        """Keep all connections busy for the given time, then wait for the last answers."""
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
        result = self._result
        result.per_second, result.busy = len(taken) / elapsed, spent / elapsed
        result.p50_ms, result.p99_ms = 1000 * _percentile(taken, 50), 1000 * _percentile(taken, 99)
        return result

    def _wait_until(self, end: float) -> None:
        """Read answers and send next requests until `end`, or until no connection is left."""
        connections, poll, clock = self._connections, self._poller.poll, time.perf_counter
        seconds, result = self._seconds, self._result
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
                result.answers += 1
                if GOOD in data and data.startswith(b"HTTP/1.1 200"):
                    result.good += 1
                else:
                    result.example = result.example or data[:400].decode(errors="replace")
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
    """Return True if the data is a whole answer; `one` keeps the position of the length for the next call."""
    end = data.find(b"\r\n\r\n")
    at = one.at
    if data[at - 16 : at] != b"content-length: ":
        if not data:
            raise ConnectionError("the server closed a connection")
        at = one.at = data.lower().find(b"content-length: ", 0, max(end, 0)) + 16
    return end >= 0 and len(data) >= end + 4 + int(data[at : data.find(b"\r", at)])


def play(port: int, connections: int, bots: int, era: str, seconds: float) -> LoadResult:
    """Let `bots` bots give the input `1` for `seconds`, after one second of warm-up."""
    requests = [tool_call("handle_input", bot_name(n), '"input":"1"', era) for n in range(bots)]
    Random(1).shuffle(requests)
    return Load(itertools.cycle(requests), port, connections).run(_WARM_SECONDS, seconds)


def begin(port: int, bots: int) -> LoadResult:
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
    """Pin this process to a core; -1, or a system without pinning, leaves it unpinned."""
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main() -> int:
    port, seconds, connections, bots, era, core = sys.argv[1:7]
    pin(int(core))
    if era == BEGIN:
        result = begin(int(port), int(bots))
    else:
        result = play(int(port), int(connections), int(bots), era, float(seconds))
    sys.stdout.write(msgspec.json.encode(result).decode())
    return 0


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100] if ordered else 0.0


if __name__ == "__main__":
    sys.exit(main())
