"""A proxy between an ingress and RabbitMQ that can hold replies or acknowledgements, cut and fall silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

REPLIES: Final = b"df:out:local:"
"""Bytes that only a reply has: the name of the queue that it goes to."""
ACKNOWLEDGEMENTS: Final = b"\x00\x3c\x00\x50"
"""The class and method of `basic.ack` (AMQP 0-9-1, "basic")."""


class RabbitMQProxy:
    """Passes bytes on. `async with rabbitmq_proxy(port)` makes one.

    Attributes:
        hold: Keep requests with these bytes, and all behind them, from the broker; `held` is set when one
            has come.
        is_silent: Drop all bytes of all connections, and close none.
    """

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self.port = 0
        self.hold = b""
        self.held = asyncio.Event()
        self.is_silent = False
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def cut_all(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the ingress."""
        try:
            back_reader, back = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        answering = asyncio.create_task(self._pass_answers(back_reader, writer))
        is_held = False
        with contextlib.suppress(ConnectionError):
            while request := await reader.read(1 << 20):
                if self.hold and self.hold in request:
                    is_held = True
                    self.held.set()
                if not (is_held or self.is_silent):
                    back.write(request)
        answering.cancel()
        back.close()
        writer.close()
        self._writers -= {writer, back}

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while answer := await reader.read(1 << 20):
                if not self.is_silent:
                    writer.write(answer)
        writer.close()


@contextlib.asynccontextmanager
async def rabbitmq_proxy(broker_port: int) -> AsyncIterator[RabbitMQProxy]:
    """Run a `RabbitMQProxy` in front of the broker at this port."""
    proxy = RabbitMQProxy(broker_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
