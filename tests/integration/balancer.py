"""A small HTTP balancer for tests: each request may go to another server, twice, or once more much later.

It speaks just enough HTTP/1.1 for `fleet`: POSTs with a length, answers with a length. A server that does
not take a connection, or whose `/readyz` does not say 200, gets nothing until it does; one that breaks in the
middle of a request costs its client the connection, as with any balancer. Connections to servers are reset
when they are done: closed in the usual way each would hold its port for a minute, and a suite of tests needs
more than there are.
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
_LOOK_SECONDS = 0.02
_LATER_MAX = 40


class Exchange(NamedTuple):
    """A request as it was sent on, and the answer's status line and body."""

    request: bytes
    status: bytes
    body: bytes


class Broken(Exception):
    """The server took the connection and did not answer."""


class Balancer:
    """Listens on a port of its own; `async with balancing(...)` makes one.

    Attributes:
        twice: Send every request to two servers at once (to one, if only one is up); both answers are kept
            in `differing` when they are not the same.
        late: Send every request once more, after a random number of later ones, to whichever server.
        passed: Requests answered.
    """

    def __init__(self, ports: Sequence[int], dice: Random) -> None:
        self._ports = list(ports)
        self._dice = dice
        self._up = set(ports)
        self._strays: list[tuple[int, bytes]] = []
        self._tasks: set[asyncio.Task[object]] = set()
        self.twice = self.late = False
        self.differing: list[tuple[Exchange, Exchange]] = []
        self.passed = self.late_sent = self.broken = 0
        self.answered_by: dict[int, int] = dict.fromkeys(ports, 0)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, request by request."""
        try:
            while True:
                request = await _message(reader)
                answer = await self._answer(request)
                head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                writer.write(head % (answer.status, len(answer.body)) + answer.body)
                self.passed += 1
                self._send_strays(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        except Broken:
            self.broken += 1
        finally:
            writer.close()

    async def look(self) -> None:
        """Ask every server whether it is ready, for ever."""
        while True:
            for port in self._ports:
                (self._up.add if await _is_ready(port) else self._up.discard)(port)
            await asyncio.sleep(_LOOK_SECONDS)

    async def strays_done(self) -> None:
        """Send what is still kept for later, and return when all of it has been answered."""
        for _, request in self._strays:
            self._stray(request)
        self._strays.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _answer(self, request: bytes) -> Exchange:
        if not self.twice:
            return await self._forward(request)
        one, other = await asyncio.gather(self._forward(request), self._forward(request))
        if one != other:
            self.differing.append((one, other))
        return one

    async def _forward(self, request: bytes) -> Exchange:
        while True:
            up = sorted(self._up)
            if not up:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            port = self._dice.choice(up)
            try:
                reader, writer = await _connection(port)
            except OSError:  # nothing was sent: another one may have it
                self._up.discard(port)
                continue
            try:
                writer.write(request)
                answer = await _message(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._up.discard(port)
                raise Broken from None
            finally:
                writer.close()
            self.answered_by[port] += 1
            head, _, body = answer.partition(b"\r\n\r\n")
            return Exchange(request, head.partition(b"\r\n")[0].removeprefix(b"HTTP/1.1 "), body)

    def _send_strays(self, request: bytes) -> None:
        if self.late:
            self._strays.append((self.passed + self._dice.randrange(1, _LATER_MAX), request))
        due = [stray for stray in self._strays if stray[0] <= self.passed]
        for stray in due:
            self._strays.remove(stray)
            self._stray(stray[1])

    def _stray(self, request: bytes) -> None:
        async def send() -> None:
            with contextlib.suppress(Broken):
                await self._forward(request)

        self.late_sent += 1
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def balancing(ports: Sequence[int], seed: int = 1) -> AsyncIterator[Balancer]:
    """A balancer before the servers on these loopback ports."""
    balancer = Balancer(ports, Random(seed))
    server = await asyncio.start_server(balancer.serve_client, "127.0.0.1", 0, backlog=1024)
    balancer.port = server.sockets[0].getsockname()[1]
    looking = asyncio.create_task(balancer.look())
    try:
        yield balancer
    finally:
        looking.cancel()
        server.close()
        await asyncio.wait([looking])


async def _connection(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that is reset, not said goodbye to, when it is closed."""
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
