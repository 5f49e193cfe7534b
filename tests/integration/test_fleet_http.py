"""The load generator's HTTP client against small real servers: good, broken, stalled and invalid answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dungeonfighter.fleet.http import Client, Endpoint, Unanswered

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"POST /mcp HTTP/1.1\r\nHost: test\r\nContent-Length: "


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


def reply(body: bytes, status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), extra, body)


@contextlib.asynccontextmanager
async def serving(handler: Handler, timeout_seconds: float = 10.0) -> AsyncIterator[tuple[Client, Endpoint]]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(f"http://127.0.0.1:{port}", timeout_seconds=timeout_seconds)
    async with server, endpoint.watched():
        client = Client(endpoint)
        yield client, endpoint
        client.close()


async def test_two_requests_use_one_connection() -> None:
    connections = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            writer.write(reply(await read_request(reader)))

    async with serving(echo) as (client, _):
        assert await client.post(HEAD, b"one") == (200, b"one")
        assert await client.post(HEAD, b"two") == (200, b"two")
    assert connections == 1


async def test_an_answer_in_pieces_and_chunks_is_put_together() -> None:
    async def pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        whole = b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        for at in range(len(whole)):
            writer.write(whole[at : at + 1])
            await writer.drain()

    async with serving(pieces) as (client, _):
        assert await client.post(HEAD, b"x") == (503, b"abcde")


async def test_a_connection_the_server_closes_after_an_answer_is_replaced() -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(reply(await read_request(reader), extra=b"connection: close\r\n"))

    async with serving(once) as (client, _):
        for body in (b"a", b"b"):
            assert await client.post(HEAD, body) == (200, body)
    assert connections == 2


async def test_a_connection_broken_before_the_answer_fails_only_that_request() -> None:
    broken = True

    async def break_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        body = await read_request(reader)
        if broken:
            broken = False
            return
        writer.write(reply(body))

    async with serving(break_once) as (client, _):
        with pytest.raises(Unanswered) as error:
            await client.post(HEAD, b"a")
        assert error.value.kind == "closed"
        assert (await client.post(HEAD, b"b")).body == b"b"


async def test_half_an_answer_fails_the_request() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        await writer.drain()

    async with serving(half) as (client, _):
        with pytest.raises(Unanswered) as error:
            await client.post(HEAD, b"a")
        assert error.value.kind == "closed"


async def test_an_answer_that_is_not_http_fails_the_request() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"220 smtp.example ready\r\n\r\n")
        await reader.read()

    async with serving(nonsense) as (client, _):
        with pytest.raises(Unanswered) as error:
            await client.post(HEAD, b"a")
        assert error.value.kind == "bad_http"


async def test_a_stalled_answer_fails_after_the_timeout() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(stall, timeout_seconds=0.1) as (client, endpoint):
        with pytest.raises(Unanswered) as error:
            await client.post(HEAD, b"a")
        assert error.value.kind == "timeout"
        assert not endpoint.pending


async def test_a_port_without_a_listener_is_refused() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with serving(never) as (_, endpoint):
        port = endpoint.port
    gone = Endpoint(f"http://127.0.0.1:{port}")
    async with gone.watched():
        with pytest.raises(Unanswered) as error:
            await Client(gone).post(HEAD, b"a")
    assert error.value.kind == "refused"


@pytest.mark.parametrize(
    ("url", "path", "port"),
    [
        ("http://host:8000", "/mcp", 8000),
        ("http://host:8000/", "/mcp", 8000),
        ("host:8000", "/mcp", 8000),
        ("http://host/game/mcp", "/game/mcp", 80),
        ("https://host/game", "/game/mcp", 443),
    ],
)
def test_the_mcp_path_is_found(url: str, path: str, port: int) -> None:
    endpoint = Endpoint(url)
    assert (endpoint.path, endpoint.port, endpoint.host) == (path, port, "host")


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:99999"])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoint(url)
