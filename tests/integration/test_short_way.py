"""Past ASGI: what is offered whole to the short way, what is not, and how its answers leave. Real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest
import uvicorn

from dungeonfighter.mcp.wire import HeadHandler, Reply, Scope
from dungeonfighter.serving.connection import BoundedProtocol
from tests.integration.test_http_bounds import Client, echo

HEAD: Final = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
CALL: Final = HEAD + b"Content-Length: 4\r\n\r\ncall"
KEEP_ALIVE_SECONDS: Final = 5


class Handled:
    """A short way that takes bodies that begin with `call` and answers when it is told to."""

    def __init__(self) -> None:
        self.is_ready = True
        self.at_once = True
        self.taken: list[tuple[bytes, bytes | None, list[tuple[bytes, bytes]]]] = []
        self.again: list[tuple[bytes, bytes | None]] = []
        """Those of them that came under a head that was known, and the bot it names."""
        self.waiting: asyncio.Queue[Reply] = asyncio.Queue()

    def handle(self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply) -> HeadHandler | None:
        headers = list(scope["headers"])

        def take(body: bytes, reply: Reply) -> bool:
            if not body.startswith(b"call"):
                return False
            self.taken.append((body, bot, headers))
            if self.at_once:
                reply(200, b"short")
            else:
                self.waiting.put_nowait(reply)
            return True

        def again(body: bytes, reply: Reply, said: bytes | None) -> bool:
            taken = take(body, reply)
            self.again += [(body, said)] if taken else []
            return taken

        return again if take(body, reply) else None


@asynccontextmanager
async def serving(offered: Handled) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    class Short(BoundedProtocol):
        short_way = offered

    config = uvicorn.Config(
        echo, http=Short, ws="none", lifespan="off", log_config=None, port=0,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    yield server, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


def the_connection(server: uvicorn.Server) -> BoundedProtocol:
    (connection,) = server.server_state.connections
    assert isinstance(connection, BoundedProtocol)
    return connection


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Client(reader, writer)
    writer.close()


def post(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


async def told_in_turn(*requests: Sequence[bytes]) -> tuple[Handled, list[bytes]]:
    """What one connection got for requests that arrived in just these pieces, each when the one before was
    answered.
    """
    offered, answers = Handled(), []
    async with serving(offered) as (server, port), client_of(port) as client:
        while not server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        for pieces in requests:
            for piece in pieces:
                the_connection(server).data_received(piece)
            answers.append(await client.answer())
    return offered, answers


async def exchanged(*pieces: bytes, answers: int = 1) -> tuple[Handled, list[bytes]]:
    """What one connection got for what it sent."""
    offered = Handled()
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(*pieces)
        return offered, [await client.answer() for _ in range(answers)]


@pytest.mark.parametrize(
    "pieces",
    [
        (CALL,),
        (CALL[:30], CALL[30:-2], CALL[-2:]),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nca\r\n", b"2\r\nll\r\n0\r\n\r\n"),
    ],
)
async def test_a_small_post_is_offered_whole(pieces: Sequence[bytes]) -> None:
    offered, answers = await exchanged(*pieces)
    assert answers == [b"short"]
    ((body, bot, headers),) = offered.taken
    assert (body, bot, headers[0]) == (b"call", None, (b"host", b"localhost"))


async def test_the_bot_of_the_path_comes_with_it() -> None:
    offered, _ = await exchanged(CALL.replace(b"/mcp", b"/bots/my-hero/mcp"))
    assert offered.taken[0][1] == b"my-hero"


@pytest.mark.parametrize(
    "request_bytes",
    [
        CALL.replace(b"/mcp", b"/mcp?toolset=core"),
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
async def test_all_else_goes_on_as_it_is(request_bytes: bytes) -> None:
    offered, answers = await exchanged(request_bytes)
    assert not offered.taken
    assert answers == [str(len(request_bytes.partition(b"\r\n\r\n")[2])).encode()]


async def test_both_ways_share_a_connection_in_order() -> None:
    other = HEAD + b"Content-Length: 2\r\n\r\nhi"
    _, answers = await exchanged(CALL + other + CALL + CALL + other, answers=5)
    assert answers == [b"short", b"2", b"short", b"short", b"2"]


async def test_a_request_behind_one_that_waits_is_answered_after_it() -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(CALL + HEAD + b"Content-Length: 2\r\n\r\nhi")
        reply = await offered.waiting.get()
        reply(503, b"{}", [(b"retry-after", b"3")])
        both = await client.some(2)
    assert both[0].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 3\r\n" in both[0]
    assert both[1].startswith(b"HTTP/1.1 200 OK\r\n")


async def test_while_draining_an_answer_closes_its_connection() -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(CALL)
        reply = await offered.waiting.get()
        offered.is_ready = False
        reply(200, b"short")
        assert b"\r\nconnection: close\r\n" in await client.rest()


async def test_a_server_that_stops_waits_for_the_answer_and_closes_after_it() -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (server, port), client_of(port) as client:
        await client.send(CALL)
        reply = await offered.waiting.get()
        server.should_exit = True
        while server.servers[0].is_serving():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        reply(200, b"short")
        assert b"\r\nconnection: close\r\n" in await client.rest()


async def test_an_answer_to_nobody_is_dropped() -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (server, port):
        async with client_of(port) as client:
            await client.send(CALL)
            reply = await offered.waiting.get()
        while server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        reply(200, b"short")


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    offered = Handled()
    offered.at_once = False
    async with serving(offered) as (server, port), client_of(port) as client:
        await client.send(CALL)
        reply = await offered.waiting.get()
        connection, now = the_connection(server), asyncio.get_running_loop().time()
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS + 100)
        reply(200, b"short")
        assert await client.answer() == b"short"
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS - 1)
        assert not connection.transport.is_closing()
        connection.close_if_idle(now + KEEP_ALIVE_SECONDS + 100)
        assert await client.rest() == b""


async def test_the_idle_are_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.test_short_way.KEEP_ALIVE_SECONDS", 0.05)
    offered = Handled()
    async with serving(offered) as (_, port):
        for _ in range(2):  # also after a time without any connection
            async with client_of(port) as client:
                await client.send(CALL)
                assert (await client.rest()).endswith(b"short")


async def test_what_comes_under_the_same_head_is_not_parsed_again() -> None:
    bodies = [b"call", b"call me", b"call" * 500, b"call"]
    offered, answers = await told_in_turn(*((post(body),) for body in bodies))
    assert answers == [b"short"] * 4
    assert [body for body, _, _ in offered.taken] == bodies
    assert offered.again == [(body, None) for body in bodies[1:]]


@pytest.mark.parametrize("is_length_first", [True, False])
async def test_the_bot_may_be_another_under_the_same_head(*, is_length_first: bool) -> None:
    def of(bot: bytes, body: bytes) -> bytes:
        named, length = b"Mcp-Param-Bot-Id: %b\r\n" % bot, b"content-length: %d\r\n" % len(body)
        first, second = (length, named) if is_length_first else (named, length)
        return HEAD + first + b"X-Other: 1\r\n" + second + b"X-Last: 2\r\n\r\n" + body

    offered, answers = await told_in_turn(
        (of(b"ada", b"call"),),
        (of(b"bob", b"call me"),),
        (of(b"a" * 128, b"call"),),
        (of(b"ada", b"call 3"),),
    )
    assert answers == [b"short"] * 4
    assert offered.again == [(b"call me", b"bob"), (b"call", b"a" * 128), (b"call 3", b"ada")]


async def test_who_always_sends_other_heads_is_always_parsed() -> None:
    heads = [HEAD + b"X-Trace: %d\r\n" % number for number in range(8)]
    offered, answers = await told_in_turn(*((post(b"call", head),) for head in heads), (post(b"call"),) * 1)
    assert answers == [b"short"] * 9
    assert not offered.again


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
    offered, answers = await told_in_turn((CALL,), pieces)
    assert answers == [b"short", b"short"]
    assert [body for body, _, _ in offered.taken] == [b"call", b"call me"]
    assert not offered.again


@pytest.mark.parametrize("length", [b"", b"x", b"-7", b"7 7", b"99999999999999999999"])
async def test_a_length_that_is_none_is_refused_under_a_known_head_too(length: bytes) -> None:
    offered = Handled()
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(CALL)
        await client.answer()
        await client.send(HEAD + b"Content-Length: %b\r\n\r\ncall me" % length)
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
    assert len(offered.taken) == 1


async def test_what_the_short_way_leaves_under_a_known_head_goes_on_as_it_is() -> None:
    offered, answers = await told_in_turn((CALL,), (post(b"else"),), (CALL,), (post(b"call me"),))
    assert answers == [b"short", b"4", b"short", b"short"]
    assert offered.again[-1] == (b"call me", None)


async def test_two_requests_in_one_piece_under_a_known_head_are_two() -> None:
    offered, answers = await exchanged(CALL, answers=1)
    offered = Handled()
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(CALL)
        await client.answer()
        await client.send(post(b"call 1") + post(b"call 2"))
        answers = await client.some(2)
    assert [body for body, _, _ in offered.taken] == [b"call", b"call 1", b"call 2"]
    assert len(answers) == 2


@pytest.mark.parametrize("cut", range(1, len(CALL)))
async def test_a_head_that_began_in_an_earlier_piece_is_not_kept(cut: int) -> None:
    offered, answers = await told_in_turn((CALL[:cut], CALL[cut:]), (post(b"call me"),))
    assert answers == [b"short", b"short"]
    assert not offered.again


async def test_while_draining_nothing_is_taken_under_a_known_head() -> None:
    offered = Handled()
    async with serving(offered) as (_, port), client_of(port) as client:
        await client.send(CALL)
        await client.answer()
        offered.is_ready = False
        await client.send(CALL)
        answer = await client.rest()
    assert not offered.again
    assert b"\r\nconnection: close\r\n" in answer
