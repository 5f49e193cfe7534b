"""The drain: a server still answers, but asks its clients to leave and reports that it is not ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp.wire import HeadHandler, Reply, ShortWay

_HANDLER_IS_CLOSED: Final = "the handler is closed"
"""uvloop's error when a client has hung up and the protocol has not noticed yet: uvloop sends no bytes."""
_HANG_UP_SECONDS_MAX: Final = 1.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Draining:
    """Wraps an application; from the drain on each answer asks its client to close the connection.

    Args:
        app: Answers all requests over ASGI.
        short_way: Answers small requests past ASGI, until the drain begins.
        reject: Counts what is refused before there is a request, by reason.
    """

    def __init__(
        self, app: App, short_way: ShortWay | None = None, reject: Callable[[str], None] = lambda _: None
    ) -> None:
        self._app = app
        self.reject = reject
        self._short_way = short_way
        self.admin: App | None = None
        """The application of the second address (`ADMIN_LISTEN`), if there is one."""
        self.count_connections: Callable[[], int] = int
        """Returns the number of open connections; the server sets it."""
        self.connections_max = 0
        """The server refuses further connections; 0 before it serves."""
        self.begun = asyncio.Event()
        """Set to begin the drain."""
        self.hurried = asyncio.Event()
        """Set to end the drain before `drain_seconds` are over, when the parent process is gone."""

    @property
    def is_ready(self) -> bool:
        """True until the drain begins; `/readyz` reports it."""
        return not self.begun.is_set()

    def handle(
        self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply, delivery: Delivery | None = None
    ) -> HeadHandler | None:
        """Pass a request to the short way, unless the drain has begun; see `mcp.wire.ShortWay`."""
        if self._short_way is None or not self.is_ready:
            return None
        return self._short_way.handle(scope, body, bot, reply, delivery)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request over ASGI."""
        await self.serve(self._app, scope, receive, send)

    async def serve(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of a further application, which drains together with this one."""
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_close(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and self.begun.is_set():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            try:
                await send(message)
            except RuntimeError as error:
                if _HANDLER_IS_CLOSED not in str(error):
                    raise
                await _wait_for_disconnect(receive)

        await app(scope, receive, send_with_close)


async def _wait_for_disconnect(receive: Receive) -> None:
    """Wait until the protocol has noticed that its client hung up, usually a moment later.

    The wait is bounded: a request with others behind it on its connection never receives `http.disconnect`.
    """
    with contextlib.suppress(RuntimeError, TimeoutError):
        async with asyncio.timeout(_HANG_UP_SECONDS_MAX):
            while (await receive())["type"] != "http.disconnect":
                pass
