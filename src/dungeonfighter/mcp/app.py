"""The ASGI application of one server: MCP, health, and the pages given to it.

The composition owns the host and the store; the supervisor owns the listening socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from dungeonfighter import limits
from dungeonfighter.access import cross_origin
from dungeonfighter.access.admission import Admission
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.access.protected_resource import (
    LOGIN_PATHS,
    METADATA_PATHS,
    WELL_KNOWN,
    ProtectedResource,
)
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.addresses import ELSEWHERE, bot_segment
from dungeonfighter.mcp.answers import INVALID_REQUEST, ProtocolError
from dungeonfighter.mcp.endpoint import McpEndpoint
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.rejections import Rejections, reason_of
from dungeonfighter.mcp.sdk import SdkSpeaker
from dungeonfighter.mcp.short_way import ToolCalls
from dungeonfighter.mcp.traced_calls import CallTracing, TracedRegistry
from dungeonfighter.telemetry.traces import Tracer

_METRICS: Final = "/metrics"
UNGUARDED: Final = frozenset({"/livez", "/readyz", _METRICS})
"""Probes and scrapers use the address of the machine, under any Host."""
RIGHT_ADDRESSES: Final = (
    "MCP is served at POST /mcp and, for one bot, at POST /bots/{botId}/mcp (Streamable HTTP, without /sse)"
)


class App:
    """Routes each request to its part of the server."""

    def __init__(
        self,
        endpoint: McpEndpoint,
        pages: Starlette,
        guard: HostGuard,
        ready: Callable[[], bool],
        store_up: Callable[[], bool],
        rejections: Rejections,
        worker: Mapping[str, int] | None = None,
        resource: ProtectedResource | None = None,
        *,
        has_pages: bool = True,
        metrics_path: str = "",
    ) -> None:
        self._metrics_path = metrics_path
        self._metadata = None if resource is None else resource.metadata()
        self._worker = worker or {}
        self._has_pages = has_pages
        self._store_up = store_up
        self._rejections = rejections
        self._endpoint = endpoint
        self._pages = pages
        self._guard = guard
        self._ready = ready

    def handle(
        self, scope: wire.Scope, body: bytes, bot: bytes | None, reply: wire.Reply,
        delivery: Delivery | None = None,
    ) -> wire.HeadHandler | None:  # fmt: skip
        """See `wire.ShortWay`: for a server that does not need ASGI where the short way answers."""
        short_way = self._endpoint.short_way
        if short_way is None:
            return None
        for name, value in scope["headers"]:
            if name == b"origin":
                return _handle_for_page(short_way, scope, body, bot, reply, value, delivery)
        return short_way.handle(scope, body, bot, reply, delivery)

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        await self._serve(scope, receive, send, has_mcp=True, has_pages=self._has_pages)

    async def serve_admin(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Serve one request to the address that has the health checks and the watch page, but no game."""
        await self._serve(scope, receive, send, has_mcp=False, has_pages=True)

    async def serve_exporter(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Serve one request to the address that has `/metrics` and the health checks only."""
        if scope["path"] in UNGUARDED:
            await self._answer_unguarded(scope, receive, send)
        else:
            await wire.send_json(send, 404, _METRICS_ONLY)

    async def _serve(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, *, has_mcp: bool, has_pages: bool
    ) -> None:
        path: str = scope["path"]
        if has_pages and path == self._metrics_path:
            scope, path = {**scope, "path": _METRICS}, _METRICS
        if has_pages and path in UNGUARDED:
            await self._answer_unguarded(scope, receive, send)
            return
        origin = wire.listed(scope, b"origin")
        refused = self._refused(scope)
        if origin is not None and refused is None:
            if scope["method"] == "OPTIONS" and wire.header(scope, b"access-control-request-method"):
                await _answer_preflight(scope, send, origin)
                return
            send = _readable(send, origin)
        bot = bot_segment(scope) if has_mcp else ELSEWHERE
        if bot is not ELSEWHERE:
            await self._endpoint(scope, receive, send, bot)
        elif refused is not None:
            status, why = refused
            self._rejections.count(reason_of(status, INVALID_REQUEST))
            await wire.send_json(send, status, msgspec.json.encode({"error": why}))
        elif scope["path"].startswith(WELL_KNOWN) or scope["path"] in LOGIN_PATHS:
            await self._answer_discovery(scope["path"], scope["method"], send)
        elif (misplaced := _fault_of_address(scope)) is not None:
            await wire.send_fault(send, misplaced, None)
        elif has_pages:
            await self._pages(scope, receive, send)
        else:
            await wire.send_json(send, 404, _NOT_HERE)

    async def _answer_unguarded(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        path: str = scope["path"]
        if path == "/livez":
            await wire.send_json(send, 200, _ALIVE)
        elif path == "/readyz":
            await self._answer_ready(send)
        else:
            await self._pages(scope, receive, send)

    async def _answer_discovery(self, path: str, method: str, send: wire.Send) -> None:
        """Answer a client that looks for a way to log in; needs no credentials, no store, no provider."""
        if self._metadata is None or path not in METADATA_PATHS:
            elsewhere = "there is nothing here: access tokens do not come from this server"
            await wire.send_json(send, 404, msgspec.json.encode({"error": elsewhere}))
        elif method in {"GET", "HEAD"}:
            await wire.send_json(send, 200, self._metadata, [(b"cache-control", b"max-age=300")])
        else:
            body = msgspec.json.encode({"error": "only GET is served here"})
            await wire.send_json(send, 405, body, [(b"allow", b"GET, HEAD")])

    async def _answer_ready(self, send: wire.Send) -> None:
        if self._ready():
            # A 503 here would take out every replica and turn a fail-over of the store into an outage.
            store = "up" if self._store_up() else "unreachable"
            answer = {"status": "ready", "store": store, **self._worker}
            await wire.send_json(send, 200, msgspec.json.encode(answer))
        else:
            answer = {"status": "not ready", **self._worker}
            await wire.send_json(send, 503, msgspec.json.encode(answer), [(b"retry-after", b"1")])

    def _refused(self, scope: wire.Scope) -> tuple[int, str] | None:
        if wire.has_two_hosts(scope):
            return 400, "a request has one Host header"
        host = wire.header(scope, b"host")
        if why := self._guard.refusal(host, None):
            return 421, why
        if why := self._guard.refusal(host, wire.listed(scope, b"origin")):
            return 403, why
        return None


_ALIVE: Final = b'{"status":"alive"}'
_METRICS_ONLY: Final = b'{"error":"there is nothing here: this address has /metrics, /livez and /readyz"}'
_NOT_HERE: Final = msgspec.json.encode({"error": f"there is nothing here: {RIGHT_ADDRESSES}"})


def _handle_for_page(
    short_way: wire.ShortWay, scope: wire.Scope, body: bytes, bot: bytes | None, reply: wire.Reply,
    origin: bytes, delivery: Delivery | None,
) -> wire.HeadHandler | None:  # fmt: skip
    """Let the short way answer a page; the short way accepts only requests whose origin the guard accepts."""
    granted = cross_origin.grant(origin)

    def readable(reply: wire.Reply) -> wire.Reply:
        def reply_to_page(status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
            reply(status, body, [*extra, *granted])

        return reply_to_page

    handler = short_way.handle(scope, body, bot, readable(reply), delivery)
    if handler is None:
        return None

    def handle_known(
        body: bytes, reply: wire.Reply, named: bytes | None, delivery: Delivery | None = None
    ) -> bool:
        return handler(body, readable(reply), named, delivery)

    return handle_known


def _readable(send: wire.Send, origin: str) -> wire.Send:
    """Return a `send` whose answer the page of this origin may read."""
    granted = cross_origin.grant(origin.encode("latin-1"))

    async def send_to_page(message: wire.Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *granted]}
        await send(message)

    return send_to_page


async def _answer_preflight(scope: wire.Scope, send: wire.Send, origin: str) -> None:
    headers = cross_origin.preflight(origin.encode("latin-1"), scope["headers"])
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _fault_of_address(scope: wire.Scope) -> ProtocolError | None:
    """Return the answer to a message at an address that takes none; None if the pages answer the request."""
    path: str = scope["path"]
    if scope["method"] in {"GET", "HEAD"} or path.startswith(("/api/", "/static/")):
        return None
    if path == "/":
        wrong = f"this is the watch page, which takes GET only: {RIGHT_ADDRESSES}"
        return ProtocolError(INVALID_REQUEST, wrong, status=405, allow=b"GET, HEAD")
    return ProtocolError(INVALID_REQUEST, f"there is nothing here: {RIGHT_ADDRESSES}", status=404)


def build_app(
    host: BotHost,
    *,
    guard: HostGuard,
    admission: Admission,
    routes: Sequence[BaseRoute] = (),
    ready: Callable[[], bool] = lambda: True,
    short_way: bool = True,
    worker: Mapping[str, int] | None = None,
    resource: ProtectedResource | None = None,
    body_bytes_max: int = limits.body_bytes_max,
    has_pages: bool = True,
    metrics_path: str = "",
    tracer: Tracer | None = None,
) -> App:
    """Build the application around a host whose store is open.

    Args:
        host: Plays all calls. The application does not close it.
        guard: Checks the Host and Origin headers.
        admission: Identifies callers and decides about their calls.
        routes: Further pages (the watch page and its API); guarded like MCP, except `/metrics`.
        ready: `/readyz` answers 503 while it returns False (starting, draining).
        short_way: Answer calls without the protocol library where that is possible.
        worker: The number and the process id of this worker, for `/readyz`; None for a single process.
        resource: Has the metadata for clients that need a token of an identity provider; None without one.
        body_bytes_max: The length of the longest body of a message.
        has_pages: Serve health checks and pages at the address of MCP too, not only with `App.serve_admin`.
        metrics_path: A second path of `/metrics`.
        tracer: Begins and ends the traces of sampled calls; None for a server without traces.
    """
    registry = Registry(host, admission)
    tracing = None if tracer is None else CallTracing(tracer, TracedRegistry(registry, tracer))
    speaker = SdkSpeaker(registry, body_bytes_max)
    endpoint = McpEndpoint(
        speaker, guard, admission, registry.metrics,
        rejections=registry.rejections, body_bytes_max=body_bytes_max, tracing=tracing,
    )  # fmt: skip
    if short_way:
        endpoint.short_way = ToolCalls(registry, endpoint.demand, tracing)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with speaker.running():
            yield

    pages = Starlette(routes=list(routes), lifespan=lifespan)
    return App(
        endpoint, pages, guard, ready, host.is_store_up, registry.rejections, worker, resource,
        has_pages=has_pages, metrics_path=metrics_path,
    )  # fmt: skip
