"""A small balancer: each call goes to the server of its bot, or to another one while that server is down.

It speaks as much HTTP/1.1 as the bots of a load: calls and answers with a content length.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BOT: Final = re.compile(rb"\r\nmcp-param-bot-id: *(\S+)", re.IGNORECASE)
_RESET: Final = struct.pack("ii", 1, 0)
"""Closes a connection at once, so that it does not occupy its port for a minute."""


class Balancer:
    """Listens on a loopback port of its own.

    Args:
        ports: The ports of the servers at 127.0.0.1; they may start, stop and return.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve until the end of the block; give the address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                call = await _message(reader)
                writer.write(await self._answer(call))
        except (OSError, asyncio.IncompleteReadError):  # a server or a client hung up: the client repeats
            return
        finally:
            writer.transport.abort()

    async def _answer(self, call: bytes) -> bytes:
        reader, writer = await self._connect(call)
        try:
            writer.write(call)
            return await _message(reader)
        finally:
            writer.transport.abort()

    async def _connect(self, call: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        bot = _BOT.search(call)
        first = zlib.crc32(bot[1] if bot else b"") % len(self._ports)
        ports = [*self._ports[first:], *self._ports[:first]]
        for port in ports[:-1]:
            with contextlib.suppress(OSError):
                return await _connection(port)
        return await _connection(ports[-1])


async def _connection(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return reader, writer


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    return head + await reader.readexactly(int(found[1]) if found else 0)
