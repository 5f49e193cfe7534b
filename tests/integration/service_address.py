"""Plays kube-proxy: the one address of a Service, behind which its endpoints come and go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from random import Random


class ServiceAddress:
    """Passes each new connection to one of the endpoints.

    It asks no server how it is, repeats no connection at another one, and leaves open connections where they
    are, as kube-proxy does.

    Args:
        port: The port of the endpoints.
        seed: Makes the choices.

    Attributes:
        addresses: Those of the endpoints.
        refused: How many connections an endpoint did not take.
    """

    def __init__(self, port: int, seed: int = 1) -> None:
        self._endpoint_port = port
        self._dice = Random(seed)
        self.addresses: list[str] = []
        self.refused = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, addresses: Sequence[str]) -> None:
        """Name the addresses of the endpoints."""
        self.addresses = [*addresses]

    @contextlib.asynccontextmanager
    async def serving(self, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[None]:
        """Listen on a port of an address; 0 takes a free one."""
        server = await asyncio.start_server(self._serve, address, port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            address = self._dice.choice(self.addresses)
            inner_reader, inner_writer = await asyncio.open_connection(address, self._endpoint_port)
        except (IndexError, OSError):
            self.refused += 1
            writer.transport.abort()
            return
        # A closed connection would occupy its port for a minute, and a fleet opens many.
        inner_writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until their end, then close the other side."""
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while piece := await reader.read(65_536):
            writer.write(piece)
