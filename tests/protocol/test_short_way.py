"""The short way sees each body first; the SDK gets the same bytes of every request that it refuses."""

from __future__ import annotations

from typing import Any

from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.access.principals import LOCAL
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.endpoint import EXCHANGE, Exchange, McpEndpoint
from dungeonfighter.mcp.tool_metrics import ToolMetrics
from dungeonfighter.settings import Settings
from tests.protocol.served import OPEN

BODY = b'{"jsonrpc":"2.0","id":"x","method":"tools/list"}'


class Asgi:
    """One POST in pieces, and the messages of its answer."""

    def __init__(self, *pieces: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        accepted = (b"accept", b"application/json"), (b"content-type", b"application/json")
        self.scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": "/mcp", "query_string": b"toolset=core",
            "headers": [(b"host", b"localhost"), *accepted, *headers],
        }  # fmt: skip
        self._pieces = list(pieces)
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        if not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


class Echo:
    """A speaker without a protocol: it echoes the body, or raises an error."""

    def __init__(self, *, status: int = 200, broken: bool = False) -> None:
        self.status = status
        self.broken = broken
        self.seen: list[tuple[Exchange, bytes]] = []

    async def answer(self, exchange: Exchange, scope: wire.Scope, receive: wire.Receive) -> None:
        message = await receive()
        assert scope[EXCHANGE] is exchange
        self.seen.append((exchange, message["body"]))
        await exchange.send({"type": "http.response.start", "status": self.status, "headers": []})
        if self.broken:
            raise RuntimeError("in the middle")
        await exchange.send({"type": "http.response.body", "body": b"plain words"})


def endpoint(speaker: Echo, short_way: Any = None) -> McpEndpoint:
    return McpEndpoint(speaker, HostGuard(Settings()), OPEN, ToolMetrics(UncollectedMeter(), ()), short_way)


async def test_the_short_way_answers_a_request_it_takes() -> None:
    class Takes:
        def handle(
            self, scope: wire.Scope, body: bytes, bot: bytes | None, reply: wire.Reply, delivery: object
        ) -> bool:
            assert delivery is None  # no connection observes the end of this answer
            assert (scope["query_string"], body, bot) == (b"toolset=core", BODY, b"me")
            reply(200, b"{}")
            return True

    asgi, speaker = Asgi(BODY[:10], BODY[10:]), Echo()
    await endpoint(speaker, Takes())(asgi.scope, asgi.receive, asgi.send, b"me")
    assert asgi.sent[1]["body"] == b"{}"
    assert not speaker.seen


async def test_a_request_the_short_way_leaves_goes_on_with_the_same_bytes() -> None:
    class Leaves:
        def handle(self, *_: object) -> bool:
            return False

    asgi, speaker = Asgi(BODY[:10], BODY[10:]), Echo()
    await endpoint(speaker, Leaves())(asgi.scope, asgi.receive, asgi.send, b"me")
    ((exchange, body),) = speaker.seen
    assert body == BODY
    assert (exchange.bot, exchange.query.toolset, exchange.principal) == ("me", "core", LOCAL)
    assert asgi.sent[1]["body"] == b"plain words"


async def test_a_failed_answer_without_json_rpc_gets_one() -> None:
    asgi = Asgi(BODY)
    await endpoint(Echo(status=406))(asgi.scope, asgi.receive, asgi.send, None)
    assert asgi.sent[0]["status"] == 406
    assert asgi.sent[1]["body"].startswith(b'{"jsonrpc":"2.0","id":"x","error":{"code":-32600,')


async def test_a_failure_in_a_held_answer_is_an_internal_error() -> None:
    asgi = Asgi(BODY)
    await endpoint(Echo(status=400, broken=True))(asgi.scope, asgi.receive, asgi.send, None)
    assert [message["type"] for message in asgi.sent] == ["http.response.start", "http.response.body"]
    assert asgi.sent[0]["status"] == 500


async def test_a_client_that_leaves_in_the_middle_of_a_body_gets_no_answer() -> None:
    asgi, speaker = Asgi(), Echo()
    pieces = iter([{"type": "http.request", "body": BODY, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(pieces)

    await endpoint(speaker)(asgi.scope, receive, asgi.send, None)
    assert not asgi.sent
    assert not speaker.seen


async def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    async def receive() -> Any:
        raise AssertionError("nothing is read")

    asgi = Asgi(BODY, headers=((b"content-length", b"2000000"),))
    await endpoint(Echo())(asgi.scope, receive, asgi.send, None)
    assert asgi.sent[0]["status"] == 413
