"""The kernel's count of acknowledged bytes, over real connections, and transports without a socket."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

import pytest

from dungeonfighter.serving.acknowledged import OUT_OF_REACH, is_acknowledged, position_after_writes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what was acknowledged")
ANSWER = b"x" * 1000


class Server(asyncio.Protocol):
    """Accepts one connection; `lost` gets True if the client had acknowledged the answer at its end."""

    def __init__(self, lost: asyncio.Future[bool]) -> None:
        self.lost = lost
        self.transport: asyncio.Transport
        self.position: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)
        self.position = position_after_writes(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        assert self.position is not None
        self.lost.set_result(is_acknowledged(self.transport, self.position))


async def connect() -> tuple[socket.socket, asyncio.Future[bool], asyncio.Server]:
    loop = asyncio.get_running_loop()
    lost: asyncio.Future[bool] = loop.create_future()
    listener = await loop.create_server(lambda: Server(lost), "127.0.0.1", 0)
    client = socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, listener.sockets[0].getsockname())
    return client, lost, listener


async def test_an_answer_that_was_read_is_acknowledged() -> None:
    client, lost, listener = await connect()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"?")
    got = b""
    while len(got) < len(ANSWER):
        got += await loop.sock_recv(client, 4096)
    client.close()
    assert await lost
    listener.close()


async def test_an_answer_to_a_client_that_closed_first_is_not_acknowledged() -> None:
    client, lost, listener = await connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.send(b"?")
    client.close()
    assert not await lost
    listener.close()


class Socketless(asyncio.Transport):
    """A transport over something that is no socket."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


def test_without_a_socket_nobody_tells() -> None:
    assert position_after_writes(Socketless()) is None
    assert is_acknowledged(Socketless(), OUT_OF_REACH)
