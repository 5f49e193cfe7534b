"""A small balancer of connections: each goes to the next server that accepts it, and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from typing import Final

_BYTES_MAX: Final = 65_536


class Balancer:
    """Listens on a loopback port of its own.

    Args:
        ports: The ports of the servers at 127.0.0.1; they may start, stop and return.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turn = cycle(range(len(ports)))
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve until the end of the block; give the address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs = await self._connect()
        except OSError:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        both = [
            asyncio.ensure_future(_copy(reader, theirs[1])),
            asyncio.ensure_future(_copy(theirs[0], writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            for each in (writer, theirs[1]):
                each.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        first = next(self._turn)
        ports = [*self._ports[first:], *self._ports[:first]]
        for port in ports[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return await asyncio.open_connection("127.0.0.1", ports[-1])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(_BYTES_MAX):
            writer.write(piece)
            await writer.drain()
