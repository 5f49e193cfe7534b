"""A small HTTP balancer for tests: it may send each request to any server, to two servers, or twice.

It speaks just enough HTTP/1.1 for `fleet`: requests and answers with a content length. A server that refuses
connections, or whose `/readyz` does not answer 200, gets no requests until it is ready. If a server fails in
the middle of a request, its client loses the connection, as with any balancer. The balancer resets its
connections to servers: each connection closed in the usual way would occupy a port for a minute, and a test
suite would run out of ports.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_POLL_SECONDS = 0.02
_RESEND_AFTER_MAX = 40


class Exchange(NamedTuple):
    """A forwarded request, and the status line and the body of its answer."""

    request: bytes
    status: bytes
    body: bytes


class Broken(Exception):
    """The server accepted the connection and did not answer."""


class Balancer:
    """Listens on a port of its own; `async with balancing(...)` makes one.

    Attributes:
        duplicates: Send every request to two servers at the same time (to one server if only one is up);
            `differing` collects the pairs of different answers.
        resends_later: Send every request once more, to any server, after a random number of other requests.
        answered: The number of answered requests.
        under_way: The number of requests that each server has and did not answer yet.
    """

    def __init__(self, ports: Sequence[int], dice: Random) -> None:
        self._ports = list(ports)
        self._dice = dice
        self._up = set(ports)
        self._resend_at: list[tuple[int, bytes]] = []
        self._tasks: set[asyncio.Task[object]] = set()
        self.duplicates = self.resends_later = False
        self.differing: list[tuple[Exchange, Exchange]] = []
        self.answered = self.resent = self.broken = 0
        self.answered_by: dict[int, int] = dict.fromkeys(ports, 0)
        self.under_way: dict[int, int] = dict.fromkeys(ports, 0)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the connection of one client."""
        try:
            while True:
                request = await _message(reader)
                answer = await self._answer(request)
                head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                writer.write(head % (answer.status, len(answer.body)) + answer.body)
                self.answered += 1
                self._resend_due(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        except Broken:
            self.broken += 1
        finally:
            writer.close()

    async def poll(self) -> None:
        """Poll `/readyz` of every server until cancelled."""
        while True:
            for port in self._ports:
                (self._up.add if await _is_ready(port) else self._up.discard)(port)
            await asyncio.sleep(_POLL_SECONDS)

    async def finish_resending(self) -> None:
        """Send all requests that wait to be resent; return when they are answered."""
        for _, request in self._resend_at:
            self._resend(request)
        self._resend_at.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _answer(self, request: bytes) -> Exchange:
        if not self.duplicates:
            return await self._forward(request)
        one, other = await asyncio.gather(self._forward(request), self._forward(request))
        if one != other:
            self.differing.append((one, other))
        return one

    async def _forward(self, request: bytes) -> Exchange:
        while True:
            up = sorted(self._up)
            if not up:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            port = self._dice.choice(up)
            try:
                reader, writer = await _connection(port)
            except OSError:  # nothing was sent, so another server may get the request
                self._up.discard(port)
                continue
            self.under_way[port] += 1
            try:
                writer.write(request)
                answer = await _message(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._up.discard(port)
                raise Broken from None
            finally:
                self.under_way[port] -= 1
                writer.close()
            self.answered_by[port] += 1
            head, _, body = answer.partition(b"\r\n\r\n")
            return Exchange(request, head.partition(b"\r\n")[0].removeprefix(b"HTTP/1.1 "), body)

    def _resend_due(self, request: bytes) -> None:
        if self.resends_later:
            self._resend_at.append((self.answered + self._dice.randrange(1, _RESEND_AFTER_MAX), request))
        due = [item for item in self._resend_at if item[0] <= self.answered]
        for item in due:
            self._resend_at.remove(item)
            self._resend(item[1])

    def _resend(self, request: bytes) -> None:
        async def send() -> None:
            with contextlib.suppress(Broken):
                await self._forward(request)

        self.resent += 1
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def balancing(ports: Sequence[int], seed: int = 1) -> AsyncIterator[Balancer]:
    """Run a balancer in front of the servers on these loopback ports."""
    balancer = Balancer(ports, Random(seed))
    server = await asyncio.start_server(balancer.serve_client, "127.0.0.1", 0, backlog=1024)
    balancer.port = server.sockets[0].getsockname()[1]
    polling = asyncio.create_task(balancer.poll())
    try:
        yield balancer
    finally:
        polling.cancel()
        server.close()
        await asyncio.wait([polling])


async def _connection(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection that `close` resets, so that it does not occupy its port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return reader, writer


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    return head + await reader.readexactly(int(found[1]) if found else 0)


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await _connection(port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return line.startswith(b"HTTP/1.1 200")
