"""The health checks and the metrics of an ingress process, at an address of its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dungeonfighter.hosting.instruments import Snapshot
from dungeonfighter.mcp import wire
from dungeonfighter.telemetry.exposition import CONTENT_TYPE, OPENMETRICS_TYPE, render, wants_openmetrics


class IngressHealth:
    """Answers `/livez`, `/readyz` and `/metrics`.

    Args:
        collect: Reads all metrics.
        queue_up, store_up: Return whether the queue and the store answer.
        is_stopping: Returns True after the order to stop.
    """

    def __init__(
        self, collect: Callable[[], Snapshot], *, queue_up: Callable[[], bool], store_up: Callable[[], bool],
        is_stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._collect = collect
        self._queue_up = queue_up
        self._store_up = store_up
        self._is_stopping = is_stopping

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Serve one request over ASGI."""
        del receive
        path = scope["path"]
        if path == "/livez":
            await wire.send_json(send, 200, b'{"status":"alive"}')
        elif path == "/readyz":
            await self._answer_ready(send)
        elif path == "/metrics":
            await self._answer_metrics(scope, send)
        else:
            await wire.send_json(send, 404, b'{"error":"here are /livez, /readyz and /metrics only"}')

    async def _answer_ready(self, send: wire.Send) -> None:
        is_ready = self._queue_up() and not self._is_stopping()
        answer = {
            "status": "ready" if is_ready else "not ready",
            "queue": "up" if self._queue_up() else "unreachable",
            "store": "up" if self._store_up() else "unreachable",
        }
        await wire.send_json(send, 200 if is_ready else 503, msgspec.json.encode(answer))

    async def _answer_metrics(self, scope: wire.Scope, send: wire.Send) -> None:
        is_open = wants_openmetrics(wire.header(scope, b"accept") or "")
        body = render(self._collect(), openmetrics=is_open)
        kind = OPENMETRICS_TYPE if is_open else CONTENT_TYPE
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
