"""The answers of a server that waits for its store: it is alive, it is not ready, try again.

Without these answers a probe of the process would fail, and an orchestrator would restart a server that only
waits. A start that does not wait answers nothing: the system refuses connections until the server can serve.

Source: docs/decisions/031-start-and-stop.md.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from dungeonfighter.mcp import wire
from dungeonfighter.mcp.answers import Refusal
from dungeonfighter.serving.server import begin_serving

_RETRY_SECONDS: Final = 3
_STARTING: Final = Refusal(
    "store_unavailable", "the server is starting: it waits for its store", _RETRY_SECONDS
)
_BODY_BYTES_MAX: Final = 65_536
"""The error has the id of the request only if the body is no longer than this."""


class Starting:
    """Answers for one server from `begin` to `end`; both may be called at any time, once each.

    Args:
        open_listeners: Returns listening sockets; they are closed at the end.
    """

    def __init__(self, open_listeners: Callable[[], Sequence[socket.socket]]) -> None:
        self._open_listeners = open_listeners
        self._ends: list[Callable[[], Awaitable[None]]] = []
        self._has_ended = False

    def begin(self) -> None:
        if not self._ends and not self._has_ended:
            self._ends = [
                begin_serving(answer, listener, finish_seconds_max=1) for listener in self._open_listeners()
            ]

    async def end(self) -> None:
        self._has_ended = True
        ends, self._ends = self._ends, []
        await asyncio.gather(*(end() for end in ends))


async def answer(scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
    """Answer one request over ASGI, and close its connection."""
    closing = [(b"connection", b"close")]
    if scope["path"] == "/livez":
        await wire.send_json(send, 200, b'{"status":"alive"}', closing)
    elif scope["path"] == "/readyz":
        retry = (b"retry-after", str(_RETRY_SECONDS).encode())
        await wire.send_json(send, 503, b'{"status":"starting"}', [*closing, retry])
    else:
        try:
            body = await wire.read_body(scope, receive, _BODY_BYTES_MAX)
        except wire.Disconnected:
            return
        except wire.TooLarge:
            body = b""
        request_id = wire.open_envelope(body).id if body else None
        status, text, headers = wire.whole_fault(_STARTING, request_id)
        await wire.send_json(send, status, text, [*headers, *closing])
