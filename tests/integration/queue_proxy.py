"""The common part of the proxies between an ingress and its queue: it passes bytes on, cuts, falls silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, TypeVar

BYTES_MAX: Final = 1 << 20


class Connection:
    """One connection of the ingress, and the one behind it to the queue."""

    def __init__(
        self, ingress: asyncio.StreamWriter, queue_reader: asyncio.StreamReader, queue: asyncio.StreamWriter,
        answering: asyncio.Task[None],
    ) -> None:  # fmt: skip
        self.ingress = ingress
        self.queue_reader = queue_reader
        self.queue = queue
        self.answering = answering
        """Passes the bytes of the queue on."""
        self.is_held = False


class QueueProxy:
    """Passes bytes on; a subclass says what becomes of requests. `listening(proxy)` runs it.

    Args:
        queue_port: The port of the queue.

    Attributes:
        port: The port of the proxy.
        held: Set when a request was held.
        is_silent: Drop all bytes of all connections, and close none.
    """

    def __init__(self, queue_port: int) -> None:
        self._queue_port = queue_port
        self.port = 0
        self.held = asyncio.Event()
        self.is_silent = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def pass_request(self, request: bytes, connection: Connection) -> bool:
        """Pass bytes of the ingress on, or not; return False to end the connection."""
        raise NotImplementedError

    def cut_all(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the ingress in a task."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        """Drop all connections."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self.cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back = await asyncio.open_connection("127.0.0.1", self._queue_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        answering = asyncio.create_task(self._pass_answers(back_reader, writer))
        connection = Connection(writer, back_reader, back, answering)
        with contextlib.suppress(ConnectionError):
            while request := await reader.read(BYTES_MAX):
                if not self.is_silent and not await self.pass_request(request, connection):
                    break
        answering.cancel()
        back.close()
        writer.close()
        self._writers -= {writer, back}

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while answer := await reader.read(BYTES_MAX):
                if not self.is_silent:
                    writer.write(answer)
        writer.close()


Proxy = TypeVar("Proxy", bound=QueueProxy)


@contextlib.asynccontextmanager
async def listening(proxy: Proxy) -> AsyncIterator[Proxy]:
    """Run a proxy until the end of the block."""
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
