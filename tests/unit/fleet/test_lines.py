"""Lines over real sockets: what is sent arrives, what comes is heard, and an end is told once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
from collections.abc import AsyncIterator

import pytest

from dungeonfighter.fleet.lines import AVAILABLE, READ_BYTES, Line, Lines, address_of, connecting

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="there are lines on Linux only")


class Heard:
    """Notes what it is told, and lets others wait for it."""

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
    """One line, and the other side of it as a plain socket."""

    def __init__(self, lines: Lines) -> None:
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.far.setblocking(False)
        self.heard = Heard()
        self.line: Line = lines.open(near, self.heard)


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    lines = Lines()
    yield lines
    lines.close()


@pytest.fixture
async def opened(lines: Lines) -> AsyncIterator[Open]:
    opened = Open(lines)
    yield opened
    opened.far.close()


async def far_reads(opened: Open, size: int) -> bytes:
    loop, taken = asyncio.get_running_loop(), bytearray()
    while len(taken) < size:
        taken += await loop.sock_recv(opened.far, 1 << 16)
    return bytes(taken)


async def test_what_is_written_arrives_and_what_comes_is_heard(opened: Open) -> None:
    for number in range(3):
        opened.line.write(b"ask%d" % number)
        assert await far_reads(opened, 4) == b"ask%d" % number
        opened.far.send(b"answer%d" % number)
        assert (await opened.heard.has(7 * number + 7))[-7:] == b"answer%d" % number


@pytest.mark.parametrize("size", [1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES, 1 << 20])
async def test_an_answer_of_any_size_is_heard_whole(opened: Open, size: int) -> None:
    answer = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await asyncio.get_running_loop().sock_sendall(opened.far, answer)
    assert await opened.heard.has(size) == answer
    opened.far.send(b"and more")
    assert (await opened.heard.has(size + 8))[size:] == b"and more"


async def test_what_the_system_does_not_take_at_once_is_sent_when_it_does(opened: Open) -> None:
    first, second = b"a" * (1 << 22), b"b" * 1000
    opened.line.write(first)
    opened.line.write(second)
    assert await far_reads(opened, len(first) + len(second)) == first + second
    opened.line.write(b"third")
    assert await far_reads(opened, 5) == b"third"


async def test_many_lines_are_heard_in_one_wake_up(lines: Lines) -> None:
    all_of_them = [Open(lines) for _ in range(50)]
    for number, one in enumerate(all_of_them):
        one.far.send(b"%d" % number)
    for number, one in enumerate(all_of_them):
        assert await one.heard.has(len(str(number))) == b"%d" % number
        one.far.close()


async def test_an_answer_that_came_before_the_end_is_heard_before_it(opened: Open) -> None:
    opened.far.send(b"last words")
    opened.far.close()
    assert await opened.heard.end() is None
    assert b"".join(opened.heard.pieces) == b"last words"


async def test_a_reset_is_told_with_its_reason(lines: Lines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        near.setblocking(False)
        far, _ = server.accept()
    heard = Heard()
    lines.open(near, heard)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    assert isinstance(await heard.end(), ConnectionResetError)


async def test_writing_to_one_who_is_gone_is_told_later_and_once(opened: Open) -> None:
    opened.far.close()
    opened.line.write(b"hello?")
    assert opened.heard.ends == []
    await opened.heard.end()
    await asyncio.sleep(0)
    opened.line.abort()
    await asyncio.sleep(0)
    assert len(opened.heard.ends) == 1


async def test_an_abort_is_told_later_and_once(opened: Open) -> None:
    opened.far.send(b"not heard any more")
    opened.line.abort()
    opened.line.abort()
    opened.line.write(b"nor sent")
    assert opened.heard.ends == []
    assert await opened.heard.end() is None
    await asyncio.sleep(0)
    assert opened.heard.pieces == []
    assert len(opened.heard.ends) == 1
    with contextlib.suppress(ConnectionResetError):  # it had not read all
        assert opened.far.recv(10) == b""


async def test_a_line_may_be_aborted_by_what_another_one_hears(lines: Lines) -> None:
    one, other = Open(lines), Open(lines)
    for this, that in ((one, other), (other, one)):
        this.heard.data_received = lambda data, that=that: that.line.abort()  # type: ignore[method-assign, misc]
        this.far.send(b"x")
    ends = [asyncio.create_task(opened.heard.end()) for opened in (one, other)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    assert len(one.heard.ends) + len(other.heard.ends) == 1
    for end in ends:
        end.cancel()
    one.far.close()
    other.far.close()


async def test_all_that_are_open_end_with_the_lines() -> None:
    lines = Lines()
    opened = Open(lines)
    lines.close()
    assert await opened.heard.end() is None
    assert opened.far.recv(1) == b""
    opened.far.close()


def test_a_numeric_host_is_an_address_and_a_name_is_none() -> None:
    assert address_of("127.0.0.1", 80) == (socket.AF_INET, ("127.0.0.1", 80))
    assert address_of("::1", 80) == (socket.AF_INET6, ("::1", 80, 0, 0))
    assert address_of("localhost", 80) is None


def test_on_loopback_one_is_connected_at_once_or_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = socket.AF_INET, server.getsockname()
        begun, error = connecting(address, "127.0.0.2")
        assert error == 0
        assert begun.getpeername() == address[1]
        assert begun.getsockname()[0] == "127.0.0.2"
        begun.close()
    begun, error = connecting(address, None)
    begun.close()
    assert error == errno.ECONNREFUSED


def test_there_are_lines_where_there_is_epoll() -> None:
    assert hasattr(select, "epoll") == AVAILABLE
