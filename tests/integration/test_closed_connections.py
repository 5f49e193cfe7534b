"""A closed connection is freed at once, however it ended: no reference cycle waits for the collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import pytest
import uvicorn

from dungeonfighter import limits
from dungeonfighter.serving.clients import protocol_of
from dungeonfighter.serving.connection import BoundedProtocol
from dungeonfighter.serving.draining import Draining
from tests.integration.test_http_bounds import Message, echo
from tests.integration.test_pipelines import narrow
from tests.integration.test_short_way import (
    CALL,
    HEAD,
    RecordingShortWay,
    connect,
    only_connection,
    post,
    serving,
)

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
GET: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
OTHER: Final = HEAD + b"Content-Length: 2\r\n\r\nhi"
UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
CLOSE: Final = b"Connection: close\r\n"
SENT: Final = {
    "silence": b"",
    "half a head": HEAD,
    "half a body, short way": HEAD + b"Content-Length: 9\r\n\r\nhalf",
    "half a body, long way": HEAD + b"Content-Length: 9000\r\n\r\nhalf",
    "half of chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nca\r\n",
    "short way": CALL,
    "short way, refused": OTHER,
    "long way": GET,
    "short way, closing": CALL.replace(b"Host", CLOSE + b"Host"),
    "long way, closing": GET.replace(b"Host", CLOSE + b"Host"),
    "both ways": CALL + GET + CALL + OTHER,
    "a long pipeline": (CALL + GET) * 200,
    "malformed": b"GARBAGE\r\n\r\n",
    "malformed behind a request": GET + b"GARBAGE\r\n\r\n",
    "malformed chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "too long": b"GET /" + b"a" * limits.head_bytes_max,
    "too many fields": HEAD + b"X: y\r\n" * limits.head_fields_max + b"\r\n",
    "an upgrade": GET.replace(b"Host", UPGRADE + b"Host"),
    "an upgrade with half a body": HEAD + UPGRADE + b"Content-Length: 9\r\n\r\nhalf",
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an event stream": b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an event stream and more": b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET * 50,
}


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Disable the garbage collector: only reference counting frees objects."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def wait_until_freed(server: uvicorn.Server, watched: list[weakref.ref[BoundedProtocol]]) -> None:
    while server.server_state.connections or any(one() is not None for one in watched):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def streaming(scope: Message, receive: Receive, send: Send) -> None:
    """Answer like `echo`; on `/stream` send events until the client leaves."""
    if scope["path"] != "/stream":
        await echo(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    left = asyncio.ensure_future(receive())
    while not left.done() or left.result()["type"] != "http.disconnect":
        await asyncio.wait({left}, timeout=0.002)
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        if left.done() and left.result()["type"] == "http.request":
            left = asyncio.ensure_future(receive())


async def weak_references(server: uvicorn.Server, count: int = 1) -> list[weakref.ref[BoundedProtocol]]:
    while len(server.server_state.connections) < count:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    return [weakref.ref(one) for one in server.server_state.connections if isinstance(one, BoundedProtocol)]


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
async def test_a_closed_connection_is_freed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.test_short_way.echo", streaming)
    async with serving(RecordingShortWay()) as (server, port):
        async with connect(port) as client:
            watched = await weak_references(server)
            await client.send(sent)
            await asyncio.sleep(0.01)  # so that the server has handled a part
        await wait_until_freed(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
async def test_a_connection_with_a_known_head_is_freed() -> None:
    async with serving(RecordingShortWay()) as (server, port):
        async with connect(port) as client:
            watched = await weak_references(server)
            for number in range(5):
                await client.send(post(b"call %d" % number))
                await client.answer()
        await wait_until_freed(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("behind", [b"", GET * 20], ids=["alone", "with more behind it"])
async def test_a_connection_closed_before_its_answer_is_freed(behind: bytes) -> None:
    short_way = RecordingShortWay()
    short_way.at_once = False
    async with serving(short_way) as (server, port):
        async with connect(port) as client:
            watched = await weak_references(server)
            await client.send(CALL + behind)
            reply = await short_way.waiting.get()
        while not behind and server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        reply(200, b"short")
        del reply
        await wait_until_freed(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
async def test_a_connection_closed_by_its_deadline_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "head_seconds_max", 0.05)
    async with serving(RecordingShortWay()) as (server, port), connect(port) as client:
        watched = await weak_references(server)
        await client.send(HEAD)
        assert await client.rest() == b""
        await wait_until_freed(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
async def test_a_connection_aborted_because_it_did_not_read_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "unread_seconds_max", 0.05)
    monkeypatch.setattr("tests.integration.test_short_way.KEEP_ALIVE_SECONDS", 0.05)
    async with serving(RecordingShortWay()) as (server, port), connect(port) as client:
        watched = await weak_references(server)
        narrow(client, only_connection(server))
        await client.send(*[GET * 1000] * 1000)
        await wait_until_freed(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("without_collector")
async def test_refused_connections_beyond_the_limit_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[weakref.ref[BoundedProtocol]] = []
    bounded = protocol_of(Draining(echo), connections_max=1)

    class Recorded(bounded):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connections.append(weakref.ref(self))
            super().connection_made(transport)

    monkeypatch.setattr("tests.integration.test_short_way.BoundedProtocol", Recorded)
    async with serving(RecordingShortWay()) as (server, port), connect(port) as first:
        await first.send(GET)
        await first.answer()
        for _ in range(20):
            async with connect(port) as client:
                assert (await client.rest()).startswith(b"HTTP/1.1 503 ")
        while any(one() is not None for one in connections[1:]):  # noqa: ASYNC110 (there is no event)
            await asyncio.sleep(0.001)
        assert len(connections) == 21
        assert len(server.server_state.connections) == 1
