"""A connection that has ended leaves nothing behind, however it ended: no circle waits for the collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import pytest
import uvicorn

from dungeonfighter import limits
from dungeonfighter.serving import server as serving_server
from dungeonfighter.serving.connection import BoundedProtocol
from dungeonfighter.serving.draining import Draining
from tests.integration.test_http_bounds import Message, echo
from tests.integration.test_pipelines import narrow
from tests.integration.test_short_way import CALL, HEAD, Handled, client_of, post, serving, the_connection

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
GET: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
OTHER: Final = HEAD + b"Content-Length: 2\r\n\r\nhi"
OFFER: Final = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
CLOSE: Final = b"Connection: close\r\n"
SENT: Final = {
    "silence": b"",
    "half a head": HEAD,
    "half a body, short way": HEAD + b"Content-Length: 9\r\n\r\nhalf",
    "half a body, long way": HEAD + b"Content-Length: 9000\r\n\r\nhalf",
    "half of chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nca\r\n",
    "short way": CALL,
    "short way, left": OTHER,
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
    "an offer": GET.replace(b"Host", OFFER + b"Host"),
    "an offer with half a body": HEAD + OFFER + b"Content-Length: 9\r\n\r\nhalf",
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an event stream": b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an event stream and more": b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET * 50,
}


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Only counting references frees anything."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def until_gone(server: uvicorn.Server, watched: list[weakref.ref[BoundedProtocol]]) -> None:
    while server.server_state.connections or any(one() is not None for one in watched):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def streaming(scope: Message, receive: Receive, send: Send) -> None:
    """`echo`, and below `/stream` events until the client is gone."""
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


async def watched_of(server: uvicorn.Server, count: int = 1) -> list[weakref.ref[BoundedProtocol]]:
    while len(server.server_state.connections) < count:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    return [weakref.ref(one) for one in server.server_state.connections if isinstance(one, BoundedProtocol)]


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
async def test_a_connection_that_ended_is_gone(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.test_short_way.echo", streaming)
    async with serving(Handled()) as (server, port):
        async with client_of(port) as client:
            watched = await watched_of(server)
            await client.send(sent)
            await asyncio.sleep(0.01)  # some of it is under way, whatever that is
        await until_gone(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
async def test_so_is_one_whose_heads_were_known() -> None:
    async with serving(Handled()) as (server, port):
        async with client_of(port) as client:
            watched = await watched_of(server)
            for number in range(5):
                await client.send(post(b"call %d" % number))
                await client.answer()
        await until_gone(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("behind", [b"", GET * 20], ids=["alone", "with more behind it"])
async def test_so_is_one_that_left_before_its_answer(behind: bytes) -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (server, port):
        async with client_of(port) as client:
            watched = await watched_of(server)
            await client.send(CALL + behind)
            reply = await offered.waiting.get()
        while not behind and server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        reply(200, b"short")
        del reply
        await until_gone(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
async def test_so_is_one_that_was_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "head_seconds_max", 0.05)
    async with serving(Handled()) as (server, port), client_of(port) as client:
        watched = await watched_of(server)
        await client.send(HEAD)
        assert await client.rest() == b""
        await until_gone(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
async def test_so_is_one_that_did_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "unread_seconds_max", 0.05)
    monkeypatch.setattr("tests.integration.test_short_way.KEEP_ALIVE_SECONDS", 0.05)
    async with serving(Handled()) as (server, port), client_of(port) as client:
        watched = await watched_of(server)
        narrow(client, the_connection(server))
        await client.send(*[GET * 1000] * 1000)
        await until_gone(server, watched)


@pytest.mark.timeout(20, method="signal")
@pytest.mark.usefixtures("uncollected")
async def test_so_are_those_that_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[BoundedProtocol]] = []
    bounded = serving_server._bounded(Draining(echo), connections_max=1)

    class Seen(bounded):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(weakref.ref(self))
            super().connection_made(transport)

    monkeypatch.setattr("tests.integration.test_short_way.BoundedProtocol", Seen)
    async with serving(Handled()) as (server, port), client_of(port) as first:
        await first.send(GET)
        await first.answer()
        for _ in range(20):
            async with client_of(port) as client:
                assert (await client.rest()).startswith(b"HTTP/1.1 503 ")
        while any(one() is not None for one in made[1:]):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.001)
        assert len(made) == 21
        assert len(server.server_state.connections) == 1
