"""Pipelines: the server answers one request at a time, in order, and other connections do not wait."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import pytest
import uvicorn

from dungeonfighter import limits
from dungeonfighter.serving.connection import BoundedProtocol
from tests.integration.test_http_bounds import Client
from tests.integration.test_short_way import (
    CALL,
    HEAD,
    RecordingShortWay,
    connect,
    only_connection,
    post,
    serving,
)

GET: Final = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
OTHER: Final = HEAD + b"Content-Length: 2\r\n\r\nhi"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhi!\r\n0\r\n\r\n"
WITH_TRAILER: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n\r\n\r\n!\r\n0\r\nX: y\r\n\r\n"
LARGE: Final = HEAD + b"Content-Length: 100000\r\n\r\n" + b"\r\n" * 50_000
EMPTY_LINES: Final = b"\r\n\r\n\r\n" + OTHER
UPGRADE: Final = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\ncall"
MIXED: Final = {
    CALL: b"short",
    GET: b"0",
    OTHER: b"2",
    CHUNKED: b"3",
    WITH_TRAILER: b"5",
    EMPTY_LINES: b"2",
    UPGRADE: b"short",
}


async def connection_of(server: uvicorn.Server) -> BoundedProtocol:
    while not server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    return only_connection(server)


def narrow(client: Client, connection: BoundedProtocol) -> None:
    """Shrink the buffers of the kernel between client and server."""
    client._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def flood(client: Client, request_bytes: bytes, server: uvicorn.Server) -> BoundedProtocol:
    """Send without reading until the server holds the connection; return the server's side of it."""
    sending = asyncio.create_task(client.send(*[request_bytes] * 2_000))
    connection = await connection_of(server)
    while not connection.flow.is_held:  # noqa: ASYNC110 (the flow has no event for it)
        await asyncio.sleep(0)
    sending.cancel()
    return connection


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1_000_000])
async def test_a_mixed_pipeline_is_answered_in_order_in_any_pieces(size: int) -> None:
    kinds = [*MIXED, *reversed(MIXED), *MIXED]
    sent = b"".join(kinds)
    async with serving(RecordingShortWay()) as (server, port), connect(port) as client:
        connection = await connection_of(server)
        for at in range(0, len(sent), size):
            while connection.flow.is_held:  # noqa: ASYNC110 (a transport would wait too)
                await asyncio.sleep(0)
            connection.data_received(sent[at : at + size])
        assert [await client.answer() for _ in kinds] == [MIXED[kind] for kind in kinds]


async def test_a_body_of_empty_lines_is_one_body() -> None:
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        await client.send(LARGE + GET)
        assert [await client.answer() for _ in range(2)] == [b"100000", b"0"]


async def test_held_requests_go_the_short_way_too() -> None:
    short_way = RecordingShortWay()
    async with serving(short_way) as (_, port), connect(port) as client:
        await client.send(CALL + GET + post(b"call 2"))
        assert [await client.answer() for _ in range(3)] == [b"short", b"0", b"short"]
    assert [body for body, _, _ in short_way.accepted] == [b"call", b"call 2"]


@pytest.mark.parametrize("request_bytes", [GET, CALL, OTHER, CHUNKED, CALL + GET + OTHER], ids=range(5))
async def test_while_an_answer_is_pending_one_read_is_held_at_most(request_bytes: bytes) -> None:
    short_way = RecordingShortWay()
    short_way.at_once = False
    async with serving(short_way) as (server, port), connect(port) as client:
        connection = await flood(client, CALL + request_bytes * 100, server)
        assert len(short_way.accepted) == 1
        assert not connection.pipeline
        assert 0 < len(connection._held) <= limits.waiting_bytes_max
        cycle = connection.cycle
        for _ in range(50):
            await asyncio.sleep(0)
        assert connection.cycle is cycle
        assert connection.flow.is_held
        connection.transport.abort()


@pytest.mark.parametrize("first", [GET, CALL], ids=["long way", "short way"])
async def test_an_application_that_receives_does_not_resume_a_held_connection(first: bytes) -> None:
    """uvicorn's `receive` resumes reading, for example to notice that the client of an event stream left."""
    short_way = RecordingShortWay()
    short_way.at_once = False
    async with serving(short_way) as (server, port), connect(port) as client:
        connection = await flood(client, CALL + first * 100, server)
        connection.flow.pause_reading()
        connection.flow.resume_reading()
        held = len(connection._held)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(connection._held) == held
        connection.transport.abort()


@pytest.mark.parametrize("request_bytes", [GET, CALL], ids=["long way", "short way"])
async def test_unread_answers_do_not_accumulate(
    request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_way = RecordingShortWay()
    monkeypatch.setattr(limits, "unread_seconds_max", 30.0)
    async with serving(short_way) as (server, port), connect(port) as client:
        connection = await connection_of(server)
        narrow(client, connection)
        sending = asyncio.create_task(client.send(*[request_bytes * 1000] * 2_000))
        while not connection.flow.write_paused:  # noqa: ASYNC110 (the flow has no event for it)
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
        assert connection.transport.get_write_buffer_size() < 100_000
        assert len(connection._held) <= limits.waiting_bytes_max
        connection.close_if_idle(asyncio.get_running_loop().time() + 29)
        assert not connection.transport.is_closing()
        connection.close_if_idle(asyncio.get_running_loop().time() + 31)
        while server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        await sending


async def test_a_pipeline_does_not_delay_other_connections() -> None:
    """Between two requests of a pipeline every other connection gets its turn."""
    short_way = RecordingShortWay()
    async with serving(short_way) as (server, port), connect(port) as greedy:
        connection = await connection_of(server)
        async with connect(port) as other:
            connection.data_received(CALL * 1000)
            await other.send(post(b"call other"))
            await other.answer()
            bodies = [body for body, _, _ in short_way.accepted]
            assert 0 < bodies.index(b"call other") < 999
            assert len(await greedy.some(1000)) == 1000


async def test_a_transport_that_does_not_pause_is_aborted() -> None:
    short_way = RecordingShortWay()
    short_way.at_once = False
    async with serving(short_way) as (server, port), connect(port) as client:
        await client.send(CALL)
        await short_way.waiting.get()
        connection = only_connection(server)
        for _ in range(limits.waiting_bytes_max // len(CALL) + 1):
            connection.data_received(CALL)
        assert connection.transport.is_closing()
        assert await client.rest() == b""


async def test_a_head_of_very_many_fields_is_refused() -> None:
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        fields = b"".join(b"X-%d: y\r\n" % number for number in range(limits.head_fields_max - 2))
        await client.send(HEAD + fields + b"Content-Length: 2\r\n\r\nhi")
        assert await client.answer() == b"2"
        await client.send(HEAD + fields + b"One-More: y\r\nContent-Length: 2\r\n\r\nhi")
        assert (await client.rest()).startswith(b"HTTP/1.1 431 ")


async def test_malformed_bytes_behind_a_request_are_answered_after_it() -> None:
    short_way = RecordingShortWay()
    short_way.at_once = False
    async with serving(short_way) as (_, port), connect(port) as client:
        await client.send(CALL + b"GARBAGE\r\n\r\n")
        (await short_way.waiting.get())(200, b"short")
        assert await client.answer() == b"short"
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
