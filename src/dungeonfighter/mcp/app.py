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

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.addresses import ELSEWHERE, bot_segment
from dungeonfighter.mcp.endpoint import McpEndpoint
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.sdk import SdkSpeaker
from dungeonfighter.mcp.short_way import ToolCalls

UNGUARDED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes and scrapers use the address of the machine, under any Host."""


class App:
    """Routes each request to its part of the server."""

    def __init__(
        self,
        endpoint: McpEndpoint,
        pages: Starlette,
        guard: HostGuard,
        ready: Callable[[], bool],
        store_up: Callable[[], bool],
        worker: Mapping[str, int] | None = None,
    ) -> None:
        self._worker = worker or {}
        self._store_up = store_up
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
        return None if short_way is None else short_way.handle(scope, body, bot, reply, delivery)

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        bot = bot_segment(scope)
        if bot is not ELSEWHERE:
            await self._endpoint(scope, receive, send, bot)
            return
        path: str = scope["path"]
        if path == "/livez":
            await wire.send_json(send, 200, _ALIVE)
        elif path == "/readyz":
            await self._answer_ready(send)
        elif path not in UNGUARDED and (refused := self._refused(scope)):
            status, why = refused
            await wire.send_json(send, status, msgspec.json.encode({"error": why}))
        else:
            await self._pages(scope, receive, send)

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
        if why := self._guard.refusal(host, wire.header(scope, b"origin")):
            return 403, why
        return None


_ALIVE: Final = b'{"status":"alive"}'


def build_app(
    host: BotHost,
    *,
    guard: HostGuard,
    admission: Admission,
    routes: Sequence[BaseRoute] = (),
    ready: Callable[[], bool] = lambda: True,
    short_way: bool = True,
    worker: Mapping[str, int] | None = None,
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
    """
    registry = Registry(host, admission)
    speaker = SdkSpeaker(registry)
    response_seconds = host.meter.histogram(
        "mcp_response_time_seconds",
        "Time from a whole POST to an MCP address until its answer is handed over.",
    )
    endpoint = McpEndpoint(speaker, guard, admission, response_seconds)
    if short_way:
        endpoint.short_way = ToolCalls(registry, endpoint.demand, response_seconds)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with speaker.running():
            yield

    pages = Starlette(routes=list(routes), lifespan=lifespan)
    return App(endpoint, pages, guard, ready, host.is_store_up, worker)
