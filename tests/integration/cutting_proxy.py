"""Proxies between a server and PostgreSQL: one cuts connections around commits, one silently drops all bytes.

The first one parses the frontend's messages (protocol 3.0) far enough to recognise when the commit statement
is bound and sent. At random it cuts the connection before the statement is passed on, right after, or when it
was answered.

Source: PostgreSQL's manual, "Message Formats".
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from urllib.parse import urlsplit

_COMMIT = b"inserted as"
"""Words that only the commit statement contains."""
_SSL_REQUEST = 80877103
CUTS = ("before", "after", "answered")


class CuttingProxy:
    """Cuts connections around commits; `async with cutting(url)` makes one.

    Attributes:
        permille: The share of commits that are cut, per thousand, in each of the three ways.
        cuts: The number of cuts by way.
    """

    def __init__(self, url: str, dice: Random) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._name = parts.path
        self._dice = dice
        self.permille = 0
        self.cuts: Counter[str] = Counter()
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}{self._name}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a server to its database."""
        try:
            back_reader, back_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        silent = asyncio.Event()
        answering = asyncio.create_task(_pass_on(back_reader, writer, silent))
        cut = ""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            cut = await self._pass_requests(reader, back_writer, silent)
        if cut == "answered":
            await asyncio.wait([answering])
        if cut:
            writer.transport.abort()
        back_writer.close()  # after an "after" cut the database still executes the statement
        writer.close()
        await asyncio.wait([answering])

    async def _pass_requests(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, silent: asyncio.Event
    ) -> str:
        """Pass messages on until the connection must be cut; return the way of the cut."""
        while True:  # startup messages have no type byte
            (length,) = struct.unpack(">i", head := await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            back.write(head + body)
            if struct.unpack(">i", body[:4]) != (_SSL_REQUEST,):
                break
        commits, cut = set(), ""
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack(">i", head[1:])[0] - 4)
            if head[:1] == b"P" and _COMMIT in body:
                commits.add(body.partition(b"\0")[0])
            elif head[:1] == b"B" and body.split(b"\0", 2)[1] in commits:
                cut = self._draw()
            if cut == "before":
                return cut
            if cut:
                silent.set()
            back.write(head + body)
            if cut and head[:1] == b"S":
                return cut

    def _draw(self) -> str:
        if self._dice.randrange(1000) >= self.permille * len(CUTS):
            return ""
        way = self._dice.choice(CUTS)
        self.cuts[way] += 1
        return way


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
    """Pass answers on; once `silent` is set, drop the next one and return."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            if silent.is_set():
                return
            writer.write(data)


@contextlib.asynccontextmanager
async def cutting(url: str, seed: int = 1) -> AsyncIterator[CuttingProxy]:
    """Run a `CuttingProxy` in front of the database of this address."""
    proxy = CuttingProxy(url, Random(seed))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


class SilentProxy:
    """Acts like a firewall: `forget()` drops all further bytes of the open connections, and closes none.

    Attributes:
        connections: The number of connections ever made.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._name = parts.path
        self._forgotten = asyncio.Event()
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}{self._name}?sslmode=disable"

    def forget(self) -> None:
        self._forgotten.set()
        self._forgotten = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        forgotten = self._forgotten
        back_reader, back_writer = await asyncio.open_connection(*self._target)
        ways = ((reader, back_writer), (back_reader, writer))
        await asyncio.gather(*(_pass_until(forgotten, *way) for way in ways))
        back_writer.close()
        writer.close()


async def _pass_until(
    forgotten: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Pass bytes on; once `forgotten` is set, drop them."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            if not forgotten.is_set():
                writer.write(data)
        if not forgotten.is_set() and writer.can_write_eof():
            writer.write_eof()


@contextlib.asynccontextmanager
async def silent(url: str) -> AsyncIterator[SilentProxy]:
    """Run a `SilentProxy` in front of the database of this address."""
    proxy = SilentProxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
