"""A small keep-alive HTTP/1.1 client for one purpose: many bots, one POST at a time each, little CPU.

One `Client` is one bot's way to the server: it holds at most one connection, opens it when needed and
forgets it when it breaks. An `Endpoint` is what all clients of a load share: the address, the bound on
connects under way, and the one watch that breaks connections whose answer is overdue. Whether a broken
request is sent again is the caller's decision; here every way of getting no answer is one exception with a
kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

CONNECTS_MAX: Final = 64
RESPONSE_BYTES_MAX: Final = 4 * 1024 * 1024


class Unanswered(Exception):
    """No usable answer came; whether the request had its effect is not known.

    Attributes:
        kind: refused | unreachable | closed | timeout | bad_http; what the error table counts.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class Response(NamedTuple):
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One TCP connection; at most one exchange at a time."""

    __slots__ = ("_body", "_endpoint", "_parser", "_size", "_transport", "_waiter", "usable")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._size = 0
        self.usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one only in behaviour
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail("closed", str(exc) if exc else "before the answer was complete")

    def exchange(self, request: bytes) -> asyncio.Future[Response]:
        """Send one request; the future fails with `Unanswered`."""
        waiter = self._endpoint.loop.create_future()
        assert self._transport is not None
        self._waiter = waiter
        self._endpoint.pending[self] = time.perf_counter()
        self._transport.write(request)
        return waiter

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail("bad_http", str(error))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > RESPONSE_BYTES_MAX:
            self.fail("bad_http", "answer too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        response = Response(status, self._body[0] if len(self._body) == 1 else b"".join(self._body))
        self._body = []
        self._size = 0
        waiter, self._waiter = self._waiter, None
        self._endpoint.pending.pop(self, None)
        if waiter is None:
            self.close()  # an answer nobody asked for: this connection cannot be trusted
            return
        if not self._parser.should_keep_alive():
            self.close()
        if not waiter.done():
            waiter.set_result(response)

    def fail(self, kind: str, detail: str) -> None:
        """Break the connection and tell the one who waits."""
        self.close()
        self._endpoint.pending.pop(self, None)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Unanswered(kind, detail))

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()


class Endpoint:
    """The server all bots of a load talk to."""

    def __init__(self, url: str, *, timeout_seconds: float = 15.0) -> None:
        """Take `http(s)://host[:port][/prefix]`; the MCP path is `<prefix>/mcp` unless the URL ends with it.

        Raises:
            ValueError: The URL is not one.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http or https address: {url}")
        self.host = parts.hostname
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        prefix = parts.path.rstrip("/")
        self.path = prefix if prefix.endswith("/mcp") else f"{prefix}/mcp"
        self.timeout_seconds = timeout_seconds
        self.pending: dict[Connection, float] = {}
        self.loop: asyncio.AbstractEventLoop
        self._connects: asyncio.Semaphore

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Endpoint]:
        """Bind to the running loop and break overdue connections until the block is left."""
        self.loop = asyncio.get_running_loop()
        self._connects = asyncio.Semaphore(CONNECTS_MAX)
        watch = asyncio.create_task(self._break_overdue())
        try:
            yield self
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            for connection in list(self.pending):
                connection.fail("closed", "the load ended")

    async def connect(self) -> Connection:
        """Open one connection.

        Raises:
            Unanswered: refused or unreachable; certainly nothing was sent.
        """
        async with self._connects:
            try:
                async with asyncio.timeout(self.timeout_seconds):
                    _, connection = await self.loop.create_connection(
                        lambda: Connection(self), self.host, self.port, ssl=self.tls
                    )
            except ConnectionRefusedError as error:
                raise Unanswered("refused", str(error)) from None
            except (OSError, TimeoutError) as error:
                raise Unanswered("unreachable", str(error)) from None
        return connection

    async def _break_overdue(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.timeout_seconds / 4))
            oldest_allowed = time.perf_counter() - self.timeout_seconds
            for connection, since in list(self.pending.items()):  # in the order of sending
                if since > oldest_allowed:
                    break
                connection.fail("timeout", f"no answer in {self.timeout_seconds:g} s")


class Client:
    """One bot's way to the server: one connection at most, opened when it is needed."""

    __slots__ = ("_connection", "_endpoint")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection: Connection | None = None

    async def post(self, head: bytes, body: bytes) -> Response:
        """Send one POST and wait for its answer.

        Args:
            head: Request line and headers up to and with `Content-Length: `, without its value.
            body: The body.

        Raises:
            Unanswered: The effect of the request is unknown (kinds refused, unreachable: certainly none).
        """
        connection = self._connection
        if connection is None or not connection.usable:
            connection = self._connection = await self._endpoint.connect()
        return await connection.exchange(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
