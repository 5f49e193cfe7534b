"""The short way past ASGI, over sockets in this process: the requests that it gets, and its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest
import uvicorn

from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp.wire import HeadHandler, Reply, Scope
from dungeonfighter.serving.connection import BoundedProtocol
from tests.integration.test_http_bounds import Client, echo

HEAD: Final = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
CALL: Final = HEAD + b"Content-Length: 4\r\n\r\ncall"
KEEP_ALIVE_SECONDS: Final = 5


class RecordingShortWay:
    """A short way that accepts bodies that begin with `call`.

    It answers at once, or (`at_once = False`) leaves the replies to the test in `waiting`.
    """

    def __init__(self) -> None:
        self.is_ready = True
        self.at_once = True
        self.accepted: list[tuple[bytes, bytes | None, list[tuple[bytes, bytes]]]] = []
        self.under_known_head: list[tuple[bytes, bytes | None]] = []
        """The accepted bodies that came under a known head, each with the bot that the head names."""
        self.waiting: asyncio.Queue[Reply] = asyncio.Queue()

    def handle(
        self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply, delivery: Delivery | None = None
    ) -> HeadHandler | None:
        del delivery
        headers = list(scope["headers"])

        def accept(body: bytes, reply: Reply) -> bool:
            if not body.startswith(b"call"):
                return False
            self.accepted.append((body, bot, headers))
            if self.at_once:
                reply(200, b"short")
            else:
                self.waiting.put_nowait(reply)
            return True

        def handle_known(
            body: bytes, reply: Reply, named: bytes | None, delivery: Delivery | None = None
        ) -> bool:
            del delivery
            accepted = accept(body, reply)
            self.under_known_head += [(body, named)] if accepted else []
            return accepted

        return handle_known if accept(body, reply) else None


@asynccontextmanager
async def serving(recorder: RecordingShortWay) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    class ShortWayProtocol(BoundedProtocol):
        short_way = recorder

    config = uvicorn.Config(
        echo, http=ShortWayProtocol, ws="none", lifespan="off", log_config=None, port=0,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    yield server, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


def only_connection(server: uvicorn.Server) -> BoundedProtocol:
    (connection,) = server.server_state.connections
    assert isinstance(connection, BoundedProtocol)
    return connection


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Client(reader, writer)
    writer.close()


def post(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


async def deliver(*requests: Sequence[bytes]) -> tuple[RecordingShortWay, list[bytes]]:
    """Deliver requests to one connection in exactly these pieces, each after the answer to the one before."""
    recorder, answers = RecordingShortWay(), []
    async with serving(recorder) as (server, port), connect(port) as client:
        while not server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        for pieces in requests:
            for piece in pieces:
                only_connection(server).data_received(piece)
            answers.append(await client.answer())
    return recorder, answers


async def exchange(*pieces: bytes, answers: int = 1) -> tuple[RecordingShortWay, list[bytes]]:
    """Send pieces over one connection and read the answers."""
    recorder = RecordingShortWay()
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(*pieces)
        return recorder, [await client.answer() for _ in range(answers)]


@pytest.mark.parametrize(
    "pieces",
    [
        (CALL,),
        (CALL[:30], CALL[30:-2], CALL[-2:]),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nca\r\n", b"2\r\nll\r\n0\r\n\r\n"),
    ],
)
async def test_the_short_way_gets_a_small_post_whole(pieces: Sequence[bytes]) -> None:
    recorder, answers = await exchange(*pieces)
    assert answers == [b"short"]
    ((body, bot, headers),) = recorder.accepted
    assert (body, bot, headers[0]) == (b"call", None, (b"host", b"localhost"))


async def test_the_short_way_gets_the_bot_of_the_path() -> None:
    recorder, _ = await exchange(CALL.replace(b"/mcp", b"/bots/my-hero/mcp"))
    assert recorder.accepted[0][1] == b"my-hero"


@pytest.mark.parametrize(
    "request_bytes",
    [
        CALL.replace(b"/mcp", b"/mcp?toolset=%63ore"),
        CALL.replace(b"/mcp", b"/bots/a%41/mcp"),
        CALL.replace(b"/mcp", b"/bots/a/b/mcp"),
        CALL.replace(b"/mcp", b"/"),
        CALL.replace(b"POST", b"PUT"),
        CALL.replace(b"Host", b"Connection: close\r\nHost"),
        CALL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HEAD + b"Content-Length: 9000\r\n\r\n" + b"call".ljust(9000),
        HEAD + b"Content-Length: 4\r\n\r\nelse",
    ],
)
async def test_other_requests_go_to_the_application_unchanged(request_bytes: bytes) -> None:
    recorder, answers = await exchange(request_bytes)
    assert not recorder.accepted
    assert answers == [str(len(request_bytes.partition(b"\r\n\r\n")[2])).encode()]


@pytest.mark.parametrize("query", [b"toolset=core", b"turns=required", b"toolset=fleet&turns=required"])
async def test_the_short_way_gets_a_request_with_a_usual_query(query: bytes) -> None:
    recorder, answers = await exchange(CALL.replace(b"/mcp", b"/mcp?" + query))
    assert [body for body, _, _ in recorder.accepted] == [b"call"]
    assert answers == [b"short"]


async def test_both_ways_share_a_connection_in_order() -> None:
    other = HEAD + b"Content-Length: 2\r\n\r\nhi"
    _, answers = await exchange(CALL + other + CALL + CALL + other, answers=5)
    assert answers == [b"short", b"2", b"short", b"short", b"2"]


async def test_a_request_behind_one_that_waits_is_answered_after_it() -> None:
    recorder = RecordingShortWay()
    recorder.at_once = False
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(CALL + HEAD + b"Content-Length: 2\r\n\r\nhi")
        reply = await recorder.waiting.get()
        reply(503, b"{}", [(b"retry-after", b"3")])
        both = await client.some(2)
    assert both[0].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 3\r\n" in both[0]
    assert both[1].startswith(b"HTTP/1.1 200 OK\r\n")


async def test_while_draining_an_answer_closes_its_connection() -> None:
    recorder = RecordingShortWay()
    recorder.at_once = False
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(CALL)
        reply = await recorder.waiting.get()
        recorder.is_ready = False
        reply(200, b"short")
        assert b"\r\nconnection: close\r\n" in await client.rest()


async def test_a_server_that_stops_waits_for_the_answer_and_closes_after_it() -> None:
    recorder = RecordingShortWay()
    recorder.at_once = False
    async with serving(recorder) as (server, port), connect(port) as client:
        await client.send(CALL)
        reply = await recorder.waiting.get()
        server.should_exit = True
        while server.servers[0].is_serving():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        reply(200, b"short")
        assert b"\r\nconnection: close\r\n" in await client.rest()


async def test_an_answer_on_a_closed_connection_is_dropped() -> None:
    recorder = RecordingShortWay()
    recorder.at_once = False
    async with serving(recorder) as (server, port):
        async with connect(port) as client:
            await client.send(CALL)
            reply = await recorder.waiting.get()
        while server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        reply(200, b"short")


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    recorder = RecordingShortWay()
    recorder.at_once = False
    async with serving(recorder) as (server, port), connect(port) as client:
        await client.send(CALL)
        reply = await recorder.waiting.get()
        connection, now = only_connection(server), asyncio.get_running_loop().time()
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS + 100)
        reply(200, b"short")
        assert await client.answer() == b"short"
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS - 1)
        assert not connection.transport.is_closing()
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS + 100)
        assert await client.rest() == b""


async def test_the_idle_watch_closes_idle_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.test_short_way.KEEP_ALIVE_SECONDS", 0.05)
    recorder = RecordingShortWay()
    async with serving(recorder) as (_, port):
        for _ in range(2):  # the watch also restarts after a time without connections
            async with connect(port) as client:
                await client.send(CALL)
                assert (await client.rest()).endswith(b"short")


async def test_requests_with_a_known_head_are_not_parsed() -> None:
    bodies = [b"call", b"call me", b"call" * 500, b"call"]
    recorder, answers = await deliver(*((post(body),) for body in bodies))
    assert answers == [b"short"] * 4
    assert [body for body, _, _ in recorder.accepted] == bodies
    assert recorder.under_known_head == [(body, None) for body in bodies[1:]]


@pytest.mark.parametrize("is_length_first", [True, False])
async def test_a_known_head_may_name_another_bot(*, is_length_first: bool) -> None:
    def of(bot: bytes, body: bytes) -> bytes:
        named, length = b"Mcp-Param-Bot-Id: %b\r\n" % bot, b"content-length: %d\r\n" % len(body)
        first, second = (length, named) if is_length_first else (named, length)
        return HEAD + first + b"X-Other: 1\r\n" + second + b"X-Last: 2\r\n\r\n" + body

    recorder, answers = await deliver(
        (of(b"ada", b"call"),),
        (of(b"bob", b"call me"),),
        (of(b"a" * 128, b"call"),),
        (of(b"ada", b"call 3"),),
    )
    assert answers == [b"short"] * 4
    assert recorder.under_known_head == [(b"call me", b"bob"), (b"call", b"a" * 128), (b"call 3", b"ada")]


async def test_a_client_with_ever_new_heads_is_always_parsed() -> None:
    heads = [HEAD + b"X-Trace: %d\r\n" % number for number in range(8)]
    recorder, answers = await deliver(*((post(b"call", head),) for head in heads), (post(b"call"),) * 1)
    assert answers == [b"short"] * 9
    assert not recorder.under_known_head


@pytest.mark.parametrize(
    "pieces",
    [
        (post(b"call me", HEAD + b"X-More: 1\r\n"),),
        (post(b"call me", HEAD.replace(b"localhost", b"elsewhere")),),
        (post(b"call me", HEAD.replace(b"/mcp", b"/bots/a/mcp")),),
        (post(b"call me").lower().replace(b"post /mcp http", b"POST /mcp HTTP"),),
        (post(b"call me")[:30], post(b"call me")[30:]),
        (post(b"call me")[:-3], post(b"call me")[-3:]),
        (b"\r\n" + post(b"call me"),),
        (post(b"call me").replace(b"Length: 7", b"Length: 07 "),),
        (post(b"call me", HEAD + b"Mcp-Param-Bot-Id: a\r\n"),),
    ],
)
async def test_another_head_or_other_pieces_are_parsed(pieces: Sequence[bytes]) -> None:
    recorder, answers = await deliver((CALL,), pieces)
    assert answers == [b"short", b"short"]
    assert [body for body, _, _ in recorder.accepted] == [b"call", b"call me"]
    assert not recorder.under_known_head


@pytest.mark.parametrize("length", [b"", b"x", b"-7", b"7 7", b"99999999999999999999"])
async def test_an_invalid_length_is_refused_under_a_known_head_too(length: bytes) -> None:
    recorder = RecordingShortWay()
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(CALL)
        await client.answer()
        await client.send(HEAD + b"Content-Length: %b\r\n\r\ncall me" % length)
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
    assert len(recorder.accepted) == 1


async def test_a_refused_request_under_a_known_head_goes_to_the_application() -> None:
    recorder, answers = await deliver((CALL,), (post(b"else"),), (CALL,), (post(b"call me"),))
    assert answers == [b"short", b"4", b"short", b"short"]
    assert recorder.under_known_head[-1] == (b"call me", None)


async def test_two_requests_in_one_piece_under_a_known_head_are_two() -> None:
    recorder, answers = await exchange(CALL, answers=1)
    recorder = RecordingShortWay()
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(CALL)
        await client.answer()
        await client.send(post(b"call 1") + post(b"call 2"))
        answers = await client.some(2)
    assert [body for body, _, _ in recorder.accepted] == [b"call", b"call 1", b"call 2"]
    assert len(answers) == 2


@pytest.mark.parametrize("cut", range(1, len(CALL)))
async def test_a_head_in_two_pieces_is_not_learned(cut: int) -> None:
    recorder, answers = await deliver((CALL[:cut], CALL[cut:]), (post(b"call me"),))
    assert answers == [b"short", b"short"]
    assert not recorder.under_known_head


async def test_while_draining_no_known_head_is_used() -> None:
    recorder = RecordingShortWay()
    async with serving(recorder) as (_, port), connect(port) as client:
        await client.send(CALL)
        await client.answer()
        recorder.is_ready = False
        await client.send(CALL)
        answer = await client.rest()
    assert not recorder.under_known_head
    assert b"\r\nconnection: close\r\n" in answer
