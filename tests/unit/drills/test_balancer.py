"""The balancer of a drill keeps a bot at its server, and lets another one answer while that is down."""

from __future__ import annotations

import asyncio
import contextlib

from drills.balancer import Balancer

CALL = b"POST /mcp HTTP/1.1\r\nMcp-Param-Bot-Id: %b\r\nContent-Length: 2\r\n\r\n{}"


async def server(name: bytes, port: int = 0) -> asyncio.Server:
    """Start a server that answers each call with its name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)


def port_of(one: asyncio.Server) -> int:
    return int(one.sockets[0].getsockname()[1])


async def answered_by(url: str, bots: list[bytes]) -> list[bytes]:
    """Return the servers that answer some bots, all over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    names = []
    for bot in bots:
        writer.write(CALL % bot)
        await reader.readuntil(b"\r\n\r\n")
        names.append(await reader.readexactly(1))
    writer.close()
    return names


async def test_a_bot_returns_to_its_server_when_that_is_back() -> None:
    a, b = await server(b"a"), await server(b"b")
    port = port_of(b)
    bots = [b"bot-%d" % number for number in range(20)]
    async with Balancer([port_of(a), port]).listening() as url:
        before = await answered_by(url, bots)
        assert set(before) == {b"a", b"b"}
        b.close()
        assert set(await answered_by(url, bots)) == {b"a"}
        back = await server(b"b", port)
        assert await answered_by(url, bots) == before
        back.close()
    a.close()


async def test_without_any_server_the_connection_ends() -> None:
    gone = await server(b"a")
    port = port_of(gone)
    gone.close()
    async with Balancer([port]).listening() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(CALL % b"ada")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
