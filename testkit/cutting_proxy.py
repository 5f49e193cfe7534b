"""Proxies between a server and PostgreSQL: one cuts connections around commits, one silently drops all bytes.

The first one parses the frontend's messages (protocol 3.0) far enough to recognise when the commit statement
is bound, executed and synced. At random it cuts the connection in one of these phases:

before         nothing of the statement is passed on
half           half of its first message is passed on
unsynced       the statement is executed, and the message that commits it (Sync) is missing
sent           all is passed on, and the connection is reset at once
answered       the answer came, and nothing of it is passed on
half-answered  all of the answer is passed on but its last message (ReadyForQuery)
finished       the whole answer is passed on, and the connection is closed
mute           all is passed on, and nothing of the answers any more; the connection stays open

Source: PostgreSQL's manual, "Message Flow" and "Message Formats".
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from random import Random
from typing import Final
from urllib.parse import urlsplit

_COMMIT: Final = b"inserted as"
"""Words that only the commit statement contains."""
_SSL_REQUEST: Final = 80877103
_READY: Final = b"Z\0\0\0\5"
"""The beginning of ReadyForQuery; its last byte is the state of the transaction."""
CUTS: Final = ("before", "half", "unsynced", "sent", "answered", "half-answered", "finished")
"""Each of them ends the connection."""
MUTE: Final = "mute"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class CuttingProxy:
    """Cuts connections around commits; `async with cutting(url)` makes one.

    Args:
        connect: Opens a connection to the database.
        dice: Draws which commits are cut, and in which way.
        ways: What is drawn from, each with the same chance.

    Attributes:
        permille: The share of commits that are cut, per thousand, in each of the ways.
        cuts: The number of cuts by way.
        commits: The number of commits.
        url: Leads to the proxy.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Streams]], dice: Random, ways: Sequence[str] = CUTS
    ) -> None:
        self._connect = connect
        self._dice = dice
        self._ways = ways
        self.permille = 0
        self.cuts: Counter[str] = Counter()
        self.commits = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a server to its database."""
        try:
            back_reader, back_writer = await self._connect()
        except OSError:
            writer.close()
            return
        link = _Link(writer, back_writer)
        answering = asyncio.create_task(link.pass_answers(back_reader))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._pass_requests(reader, link)
            if link.cut in {"answered", "half-answered", "finished"}:
                await asyncio.wait([answering])
        finally:
            if link.cut and link.cut != "finished":
                writer.transport.abort()
            back_writer.close()  # a statement that was passed on whole is still executed
            writer.close()
            answering.cancel()
            await asyncio.wait([answering])

    async def _pass_requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        """Pass messages on until the connection must be cut; then `link.cut` is the way."""
        back = link.database
        while True:  # startup messages have no type byte
            (length,) = struct.unpack(">i", head := await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            back.write(head + body)
            if struct.unpack(">i", body[:4]) != (_SSL_REQUEST,):
                break
        commits: set[bytes] = set()
        way = ""
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack(">i", head[1:])[0] - 4)
            if head[:1] == b"P" and _COMMIT in body:
                commits.add(body.partition(b"\0")[0])
            elif head[:1] == b"B" and body.split(b"\0", 2)[1] in commits:
                way = self._draw()
            is_synced = head[:1] == b"S"
            if way == "before" or (way == "unsynced" and is_synced):
                link.cut = way
                return
            if way == "half":
                back.write((head + body)[: (5 + len(body)) // 2])
                link.cut = way
                return
            if way and is_synced:
                link.cut = way
            back.write(head + body)
            if link.cut and link.cut != MUTE:
                return

    def _draw(self) -> str:
        self.commits += 1
        if self._dice.randrange(1000) >= self.permille * len(self._ways):
            return ""
        way = self._dice.choice(self._ways)
        self.cuts[way] += 1
        return way


class _Link:
    """A connection of a server and the one behind it; `cut` is the way in which it is cut, at first empty."""

    def __init__(self, server: asyncio.StreamWriter, database: asyncio.StreamWriter) -> None:
        self._server = server
        self.database = database
        self.cut = ""

    async def pass_answers(self, reader: asyncio.StreamReader) -> None:
        """Pass answers on until the connection is cut and the answer has come."""
        held = b""
        with contextlib.suppress(ConnectionError):
            while answer := await reader.read(65536):
                match self.cut:
                    case "mute":
                        continue
                    case "half-answered" | "finished" | "answered":
                        held += answer
                        if held[-6:-1] != _READY:
                            continue
                        if self.cut != "answered":
                            self._server.write(held[:-6] if self.cut == "half-answered" else held)
                        return
                    case "":
                        self._server.write(answer)
                    case _:
                        return


@contextlib.asynccontextmanager
async def cutting(url: str, seed: int = 1) -> AsyncIterator[CuttingProxy]:
    """Run a `CuttingProxy` in front of the database of this address."""
    target, name = _target(url)

    async def connect() -> Streams:
        return await asyncio.open_connection(*target)

    proxy = CuttingProxy(connect, Random(seed))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}{name}"
    try:
        yield proxy
    finally:
        server.close()


def _target(url: str) -> tuple[tuple[str, int], str]:
    parts = urlsplit(url)
    return (parts.hostname or "127.0.0.1", parts.port or 5432), parts.path


class SilentProxy:
    """Acts like a firewall: `forget()` drops all further bytes of the open connections, and closes none.

    Attributes:
        connections: The number of connections ever made.
    """

    def __init__(self, url: str) -> None:
        self._target, self._name = _target(url)
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
