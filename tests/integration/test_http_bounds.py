"""The bounds that uvicorn lacks, over sockets: the size of a head, the time of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import uvicorn

from dungeonfighter import limits
from dungeonfighter.serving.connection import BoundedProtocol

HEAD: Final = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
WHOLE: Final = HEAD + b"Content-Length: 2\r\n\r\nhi"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

Message = MutableMapping[str, Any]


async def echo(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer with the length of the body."""
    assert scope["type"] == "http"
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    body = b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces; return early if the server closed the connection."""
        for piece in pieces:
            self._writer.write(piece)
            try:
                await self._writer.drain()
            except ConnectionError:
                return

    async def answer(self) -> bytes:
        """Read one answer with status 200; return its body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return await self._reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))

    async def some(self, count: int) -> list[bytes]:
        """Read `count` answers of any status; return their heads."""
        heads = []
        for _ in range(count):
            heads.append(await self._reader.readuntil(b"\r\n\r\n"))
            await self._reader.readexactly(int(heads[-1].partition(b"content-length: ")[2].split()[0]))
        return heads

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    config = uvicorn.Config(echo, log_config=None, lifespan="off", ws="none")
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        server.close()


def head_of(length: int) -> bytes:
    """Make a request without a body whose head has exactly `length` bytes."""
    start = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
    return start + b"a" * (length - len(start) - 4) + b"\r\n\r\n"


async def test_the_longest_head_is_served_in_any_pieces() -> None:
    head = head_of(limits.head_bytes_max)
    async with connected() as client:
        for size in (len(head), 1000):
            await client.send(*(head[at : at + size] for at in range(0, len(head), size)))
            assert await client.answer() == b"0"


@pytest.mark.parametrize(
    "sent",
    [
        head_of(limits.head_bytes_max + 1),
        b"GET /" + b"a" * 3_000_000,
        HEAD + b"".join(b"X-%d: %b\r\n" % (number, b"a" * 1000) for number in range(3000)),
    ],
    ids=["one byte too long", "url", "headers"],
)
async def test_a_longer_head_is_refused(sent: bytes) -> None:
    async with connected() as client:
        await client.send(sent[: limits.head_bytes_max], sent[limits.head_bytes_max :][:1000])
        assert (await client.rest()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("junk", [b"5;" + b"a" * 3_000_000, b"0\r\n" + b"X: aaaaaaaa\r\n" * 300_000])
async def test_chunk_extensions_and_trailers_are_bounded_too(junk: bytes) -> None:
    async with connected() as client:
        await client.send(CHUNKED, junk)
        assert await client.rest() == b""


async def test_the_head_limit_does_not_count_bodies() -> None:
    size = 40 * limits.head_bytes_max
    async with connected() as client:
        await client.send(HEAD + b"Content-Length: %d\r\n\r\n" % size + b"a" * size)
        assert await client.answer() == b"%d" % size
        await client.send(CHUNKED + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n" + WHOLE * 2)
        assert [await client.answer() for _ in range(3)] == [b"20000", b"2", b"2"]


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", HEAD, HEAD + b"Content-Length: 2\r\n\r\nh", CHUNKED + b"1\r\na\r\n"],
    ids=["silence", "method", "head", "body", "chunks"],
)
async def test_an_incomplete_request_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "head_seconds_max", 0.05)
    async with connected() as client:
        await client.send(sent)
        assert await client.rest() == b""


@pytest.mark.parametrize("sent", [b"GET", HEAD, b"\r\n"])
async def test_an_incomplete_request_on_a_kept_connection_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "head_seconds_max", 0.05)
    async with connected() as client:
        await client.send(WHOLE)
        assert await client.answer() == b"2"
        await client.send(sent)
        assert await client.rest() == b""
