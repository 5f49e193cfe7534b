"""A proxy between an HTTP client and a server that does one deed to each request."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

DEEDS: Final = ("before", "after", "half", "reset", "late", "mute", "refuse", "gateway")
"""Each of them costs the client its answer."""
WAITS_SECONDS: Final = 60
_length: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: text/html\r\n"
    b"content-length: 4\r\n\r\nbusy"
)
_GATEWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nbad"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EvilProxy:
    """Passes requests on over a connection of its own each, or does a deed:

    pass     answers as the server does
    before   closes the connection without passing the request on
    after    passes the request on, and closes the connection without the answer
    half     sends half of the answer, and closes the connection
    reset    passes the request on, and resets the connection
    late     resets the connection at once, and passes the request on when the next but one has come
    mute     swallows the request and everything after it, and leaves the connection open
    refuse   answers 503 with Retry-After, and does not pass the request on
    gateway  passes the request on, and answers 502
    close    answers as the server does, and closes the connection without having said so
    gag      answers as the server does; then the connection is mute

    Args:
        connect: Opens a connection to the server.
        choose: Returns the deed for a request, given its whole head and body.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]], choose: Callable[[bytes], str]) -> None:
        self._connect = connect
        self.choose = choose
        self.done: Counter[str] = Counter()
        self.requests: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.open_max = 0
        self.port = 0
        self._change = asyncio.Event()
        self._late: list[tuple[int, bytes]] = []
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the client in a task."""
        task = asyncio.create_task(self.serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def until(self, is_so: Callable[[EvilProxy], bool]) -> None:
        """Wait until something is true of this proxy."""
        while not is_so(self):
            self._change.clear()
            await self._change.wait()

    async def end(self) -> None:
        """Drop all connections."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the client."""
        self.connections += 1
        self.open += 1
        self._change.set()
        self.open_max = max(self.open_max, self.open)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                while await self.serve_one(reader, writer):
                    pass
        finally:
            self.open -= 1
            self._change.set()
            writer.close()

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _length(head)
        request = head + await reader.readexactly(int(found[1]) if found else 0)
        self.requests.append(request)
        await self._pass_late_ones()
        deed = self.choose(request)
        self.done[deed] += 1
        self._change.set()
        match deed:
            case "before":
                return False
            case "late":
                self._late.append((len(self.requests) + 2, request))
                _reset(writer)
                return False
            case "mute":
                await _swallow(reader)
                return False
            case "refuse":
                writer.write(_REFUSAL)
                return True
        answer = await self._ask(request)
        match deed:
            case "after":
                return False
            case "half":
                writer.write(answer[: -len(answer.partition(b"\r\n\r\n")[2]) // 2])
                await writer.drain()
                return False
            case "reset":
                _reset(writer)
                return False
            case "gateway":
                writer.write(_GATEWAY)
                return True
        writer.write(answer)
        if deed == "gag":
            await _swallow(reader)
        return deed == "pass"

    async def _pass_late_ones(self) -> None:
        due = [request for number, request in self._late if number <= len(self.requests)]
        self._late = [(number, request) for number, request in self._late if number > len(self.requests)]
        for request in due:
            await self._ask(request)

    async def _ask(self, request: bytes) -> bytes:
        """Return the server's whole answer."""
        reader, writer = await self._connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            found = _length(head)
            return head + await reader.readexactly(int(found[1]) if found else 0)
        finally:
            writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    """Read until the client closes."""
    async with asyncio.timeout(WAITS_SECONDS):
        while await reader.read(65536):
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def evil(port: int, choose: Callable[[bytes], str] = lambda _: "pass") -> AsyncIterator[EvilProxy]:
    """Run a proxy in front of the server at this port of this machine."""

    async def connect() -> Streams:
        return await asyncio.open_connection("127.0.0.1", port)

    proxy = EvilProxy(connect, choose)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, limit=2**24)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
