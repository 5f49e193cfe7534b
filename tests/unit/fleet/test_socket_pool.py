"""The socket pool over real sockets: data arrives both ways, and each end is reported once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
from collections.abc import AsyncIterator

import pytest

from dungeonfighter.fleet.socket_pool import (
    AVAILABLE,
    READ_BYTES,
    SocketPool,
    SocketTransport,
    address_of,
    begin_connect,
)

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="the pool needs epoll")


class Recorder:
    """A receiver that records its calls and lets a test wait for them."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[Exception | None] = []
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ends.append(exc)
        self._news.set()

    async def has(self, size: int) -> bytes:
        while sum(map(len, self.pieces)) < size:
            await self._news.wait()
            self._news.clear()
        return b"".join(self.pieces)

    async def end(self) -> Exception | None:
        while not self.ends:
            await self._news.wait()
            self._news.clear()
        return self.ends[0]


class Open:
    """One transport, and the other side of it as a plain socket."""

    def __init__(self, pool: SocketPool) -> None:
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.far.setblocking(False)
        self.received = Recorder()
        self.transport: SocketTransport = pool.open(near, self.received)


@pytest.fixture
async def pool() -> AsyncIterator[SocketPool]:
    pool = SocketPool()
    yield pool
    pool.close()


@pytest.fixture
async def opened(pool: SocketPool) -> AsyncIterator[Open]:
    opened = Open(pool)
    yield opened
    opened.far.close()


async def far_reads(opened: Open, size: int) -> bytes:
    loop, taken = asyncio.get_running_loop(), bytearray()
    while len(taken) < size:
        taken += await loop.sock_recv(opened.far, 1 << 16)
    return bytes(taken)


async def test_data_arrives_in_both_directions(opened: Open) -> None:
    for number in range(3):
        opened.transport.write(b"ask%d" % number)
        assert await far_reads(opened, 4) == b"ask%d" % number
        opened.far.send(b"answer%d" % number)
        assert (await opened.received.has(7 * number + 7))[-7:] == b"answer%d" % number


@pytest.mark.parametrize("size", [1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES, 1 << 20])
async def test_an_answer_of_any_size_is_received_whole(opened: Open, size: int) -> None:
    answer = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await asyncio.get_running_loop().sock_sendall(opened.far, answer)
    assert await opened.received.has(size) == answer
    opened.far.send(b"and more")
    assert (await opened.received.has(size + 8))[size:] == b"and more"


async def test_data_that_the_system_does_not_take_at_once_is_sent_later(opened: Open) -> None:
    first, second = b"a" * (1 << 22), b"b" * 1000
    opened.transport.write(first)
    opened.transport.write(second)
    assert await far_reads(opened, len(first) + len(second)) == first + second
    opened.transport.write(b"third")
    assert await far_reads(opened, 5) == b"third"


async def test_many_sockets_are_read(pool: SocketPool) -> None:
    many = [Open(pool) for _ in range(50)]
    for number, one in enumerate(many):
        one.far.send(b"%d" % number)
    for number, one in enumerate(many):
        assert await one.received.has(len(str(number))) == b"%d" % number
        one.far.close()


async def test_an_answer_before_the_end_is_received_before_it(opened: Open) -> None:
    opened.far.send(b"last words")
    opened.far.close()
    assert await opened.received.end() is None
    assert b"".join(opened.received.pieces) == b"last words"


async def test_a_reset_is_reported_with_its_reason(pool: SocketPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        near.setblocking(False)
        far, _ = server.accept()
    received = Recorder()
    pool.open(near, received)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    assert isinstance(await received.end(), ConnectionResetError)


async def test_a_write_to_a_closed_socket_is_reported_later_and_once(opened: Open) -> None:
    opened.far.close()
    opened.transport.write(b"hello?")
    assert opened.received.ends == []
    await opened.received.end()
    await asyncio.sleep(0)
    opened.transport.abort()
    await asyncio.sleep(0)
    assert len(opened.received.ends) == 1


async def test_an_abort_is_reported_later_and_once(opened: Open) -> None:
    opened.far.send(b"not heard any more")
    opened.transport.abort()
    opened.transport.abort()
    opened.transport.write(b"nor sent")
    assert opened.received.ends == []
    assert await opened.received.end() is None
    await asyncio.sleep(0)
    assert opened.received.pieces == []
    assert len(opened.received.ends) == 1
    with contextlib.suppress(ConnectionResetError):  # unread data was left
        assert opened.far.recv(10) == b""


async def test_a_receiver_may_abort_another_transport(pool: SocketPool) -> None:
    one, other = Open(pool), Open(pool)
    for this, that in ((one, other), (other, one)):
        this.received.data_received = lambda data, that=that: that.transport.abort()  # type: ignore[method-assign, misc]
        this.far.send(b"x")
    ends = [asyncio.create_task(opened.received.end()) for opened in (one, other)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    assert len(one.received.ends) + len(other.received.ends) == 1
    for end in ends:
        end.cancel()
    one.far.close()
    other.far.close()


async def test_the_pool_closes_every_open_socket() -> None:
    pool = SocketPool()
    opened = Open(pool)
    pool.close()
    assert await opened.received.end() is None
    assert opened.far.recv(1) == b""
    opened.far.close()


def test_only_a_numeric_host_has_an_address() -> None:
    assert address_of("127.0.0.1", 80) == (socket.AF_INET, ("127.0.0.1", 80))
    assert address_of("::1", 80) == (socket.AF_INET6, ("::1", 80, 0, 0))
    assert address_of("localhost", 80) is None


def test_a_connect_on_loopback_succeeds_or_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = socket.AF_INET, server.getsockname()
        begun, error = begin_connect(address, "127.0.0.2")
        assert error == 0
        assert begun.getpeername() == address[1]
        assert begun.getsockname()[0] == "127.0.0.2"
        begun.close()
    begun, error = begin_connect(address, None)
    begun.close()
    assert error == errno.ECONNREFUSED


def test_the_pool_is_available_where_epoll_is() -> None:
    assert hasattr(select, "epoll") == AVAILABLE
