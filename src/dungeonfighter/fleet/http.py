"""A small keep-alive HTTP/1.1 client for one purpose: many bots, one POST at a time each, little CPU.

A `Connection` carries one exchange at a time and calls an `AnswerHandler` back: a call needs no task, no
future and no timer. A real parser reads each answer, with one exception: an answer that comes in one piece
and whose head, up to the length, equals that of an answer parsed before byte for byte needs no parser. All
connections of a load share an `Endpoint`: the address, the bound on connects under way, the known heads, and
one watch that breaks connections whose answer is overdue. This module retries nothing; each cause of a
missing answer has a kind, and the caller decides about a retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import httptools

from dungeonfighter.fleet.socket_pool import AVAILABLE, Address, SocketPool, address_of, begin_connect
from dungeonfighter.serving.background import begin

CONNECTS_MAX: Final = 64
RESPONSE_BYTES_MAX: Final = 4 * 1024 * 1024
_HEADS_MAX: Final = 2
"""The number of known heads. A head contains the time in seconds, and not all processes of a server reach
the next second at once, so two heads are in use."""
_HEAD_BYTES_MAX: Final = 1024
_PLAIN: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "
_END: Final = b"\r\n\r\n"
_RESTS_MAX: Final = 2048


def _lengths() -> tuple[bytes, ...]:
    """Return the only possible length and end of a head, by the number of bytes after `content-length: `.

    These bytes are the digits of the length, the end of the head, and a body of that length. If no length
    fits the number, the entry is longer than any compared answer, and so equals none.
    """
    by_rest = [bytes(_RESTS_MAX)] * _RESTS_MAX
    for length in range(_RESTS_MAX):
        end = b"%d\r\n\r\n" % length
        if length + len(end) < _RESTS_MAX:
            by_rest[length + len(end)] = end
    return tuple(by_rest)


_LENGTHS: Final = _lengths()


class Unanswered(Exception):
    """No usable answer came; the request may or may not have had its effect.

    Attributes:
        kind: refused | unreachable | closed | timeout | bad_http; the error table counts these.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class Response(NamedTuple):
    status: int
    body: bytes


class AnswerHandler(Protocol):
    """Receives the outcome of a request: exactly one call for each, unless the connection is abandoned."""

    def answered(self, status: int, body: bytes) -> None: ...

    def unanswered(self, kind: str, detail: str) -> None:
        """Record that no usable answer came; the kinds are those of `Unanswered`."""


class Connection(asyncio.Protocol):
    """One TCP connection; at most one exchange at a time."""

    __slots__ = ("_endpoint", "_handler", "_reading", "_transport", "usable")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._handler: AnswerHandler | None = None
        self._reading: _Reading | None = None
        self.usable = False

    @property
    def awaits_answer(self) -> bool:
        return self._handler is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # that of uvloop is no subclass
        self._endpoint.connected += 1
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.connected -= 1
        self.fail("closed", str(exc) if exc else "before the answer was complete")

    def exchange(self, handler: AnswerHandler, request: bytes) -> None:
        """Send one request; the handler is called back later, never before this returns."""
        assert self._transport is not None
        self._handler = handler
        self._endpoint.pending[self] = self._endpoint.checked_at
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        handler = self._handler
        if handler is not None and self._reading is None:
            size = len(data)
            endpoint = self._endpoint
            for head in endpoint.heads:
                rest = size - len(head)
                if rest < _RESTS_MAX and (body := data.removeprefix(head + _LENGTHS[rest])) != data:
                    self._handler = None
                    del endpoint.pending[self]
                    handler.answered(200, body)
                    return
        self._read(data)

    def _read(self, data: bytes) -> None:
        """Give any piece of any answer to the parser."""
        handler = self._handler
        if handler is None:
            self.close()  # an answer without a request: this connection cannot be trusted
            return
        reading = self._reading
        if reading is None:
            reading = self._reading = _Reading()
        try:
            reading.feed(data)
        except httptools.HttpParserError as error:
            self.fail("bad_http", str(error))
            return
        if reading.size > RESPONSE_BYTES_MAX:
            self.fail("bad_http", "answer too large")
            return
        if reading.status:
            self._handler = self._reading = None
            self._endpoint.pending.pop(self, None)
            body = b"".join(reading.body)
            if reading.may_stay:
                self._endpoint.remember(data, body)
            else:
                self.close()
            handler.answered(reading.status, body)

    def fail(self, kind: str, detail: str) -> None:
        self.close()
        self._endpoint.pending.pop(self, None)
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.unanswered(kind, f"{kind}: {detail}" if detail else kind)

    def abandon(self) -> None:
        """Close the connection without a call to the handler."""
        self._handler = None
        self._endpoint.pending.pop(self, None)
        self.close()

    def close(self) -> None:
        self.usable = False
        self._reading = None
        if self._transport is not None:
            self._transport.abort()


class _Reading:
    """An answer that comes in pieces; `status` is 0 until the answer is complete."""

    __slots__ = ("_parser", "body", "may_stay", "size", "status")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.size = 0
        self.status = 0
        self.may_stay = True

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        if self.status:
            self.may_stay = False  # the server sent a second answer to one request

    def on_body(self, body: bytes) -> None:
        if not self.status:
            self.size += len(body)
            self.body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self.status:
            self.status = status
            self.may_stay = self._parser.should_keep_alive()


class Endpoint:
    """The server that all bots of a load call.

    Attributes:
        connected: The number of open connections.
        pending: The connections that wait for an answer, in the order of sending, each with the `checked_at`
            of the moment its request was sent.
        checked_at: The moment of the last check for overdue answers; reading the clock for each request
            would cost more.
        heads: Heads of plain answers up to the length, the last seen first.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 15.0, sources: Sequence[str] = (), token: str = ""
    ) -> None:
        """Parse `http(s)://host[:port][/prefix]`; the MCP path is `<prefix>/mcp` unless the URL ends with it.

        Args:
            url: The server.
            timeout_seconds: The longest time that an answer or a connect may take.
            sources: Loopback addresses to connect from, for a server on loopback.
            token: The access token of the requests; empty without one.

        Raises:
            ValueError: The URL is malformed.
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
        self.token = token
        self.timeout_seconds = timeout_seconds
        self.sources = tuple(sources)
        self.connected = 0
        self.pending: dict[Connection, float] = {}
        self.checked_at = 0.0
        self.heads: tuple[bytes, ...] = ()
        self.loop: asyncio.AbstractEventLoop
        self._connects: asyncio.Semaphore
        self._address = address_of(self.host, self.port)
        self._pool: SocketPool | None = None

    @property
    def is_loopback(self) -> bool:
        """The server is on an IPv4 loopback address, so other addresses of 127/8 reach it."""
        return self.host == "localhost" or self.host.startswith("127.")

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Endpoint]:
        """Bind to the running loop, and break overdue connections until the block ends."""
        self.loop = asyncio.get_running_loop()
        self._connects = asyncio.Semaphore(CONNECTS_MAX)
        self._pool = SocketPool() if AVAILABLE and self.tls is None else None
        self.checked_at = time.perf_counter()
        watch = begin(self._break_overdue(), "watch over late answers")
        try:
            yield self
        finally:
            watch.cancel()
            await asyncio.wait([watch])
            for connection in list(self.pending):
                connection.fail("closed", "the load ended")
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def remember(self, answer: bytes, body: bytes) -> None:
        """Keep the head of a parsed answer that came in one piece and whose last header is the length.

        The connection must have stayed open after the answer.
        """
        head = answer[: answer.rfind(_LENGTH, 0, -len(_END + body)) + len(_LENGTH)]
        if (
            answer == head + b"%d" % len(body) + _END + body
            and head.startswith(_PLAIN)
            and len(head) <= _HEAD_BYTES_MAX
        ):
            self.heads = (head, *self.heads)[:_HEADS_MAX]

    def connect_at_once(self, number: int) -> Connection | None:
        """Connect without waiting, as a server on loopback allows; None means that `connect` must be used."""
        if self._pool is None or self._address is None or not self.is_loopback:
            return None
        try:
            begun, error = begin_connect(self._address, self._source(number))
        except OSError:
            return None
        if error:
            begun.close()
            return None
        return self._in_pool(self._pool, begun)

    async def connect(self, number: int = 0) -> Connection:
        """Open one connection from the source address of bot `number`.

        Raises:
            Unanswered: Refused or unreachable; no request was sent.
        """
        async with self._connects:
            try:
                async with asyncio.timeout(self.timeout_seconds):
                    return await self._open(number)
            except ConnectionRefusedError as error:
                raise Unanswered("refused", str(error)) from None
            except (OSError, TimeoutError) as error:
                raise Unanswered("unreachable", str(error)) from None

    async def _open(self, number: int) -> Connection:
        if self._pool is None:
            return await self._open_transport(number)
        failure = OSError(f"{self.host} has no address")
        for address in await self._addresses():
            try:
                connected = await self._connected(address, number)
            except OSError as error:
                failure = error
            else:
                return self._in_pool(self._pool, connected)
        raise failure

    async def _open_transport(self, number: int) -> Connection:
        if not self.sources:
            _, connection = await self.loop.create_connection(
                lambda: Connection(self), self.host, self.port, ssl=self.tls
            )
            return connection
        connected = await self._connected((socket.AF_INET, (self.host, self.port)), number)
        try:
            name = self.host if self.tls else None
            _, connection = await self.loop.create_connection(
                lambda: Connection(self), sock=connected, ssl=self.tls, server_hostname=name
            )
        except BaseException:
            connected.close()
            raise
        return connection

    async def _addresses(self) -> list[Address]:
        if self._address is not None:
            return [self._address]
        found = await self.loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    async def _connected(self, address: Address, number: int) -> socket.socket:
        begun, error = begin_connect(address, self._source(number))
        try:
            if error == errno.EALREADY:
                await self.loop.sock_connect(begun, address[1])
            elif error:
                raise OSError(error, os.strerror(error))
        except BaseException:
            begun.close()
            raise
        return begun

    def _source(self, number: int) -> str | None:
        return self.sources[number % len(self.sources)] if self.sources else None

    def _in_pool(self, pool: SocketPool, connected: socket.socket) -> Connection:
        connection = Connection(self)
        connection.connection_made(cast("asyncio.Transport", pool.open(connected, connection)))
        return connection

    async def _break_overdue(self) -> None:
        """Fail each request whose first check after its sending is more than the timeout ago."""
        overdue = 0.0
        checks = deque([self.checked_at])
        while True:
            await asyncio.sleep(min(1.0, self.timeout_seconds / 4))
            self.checked_at = time.perf_counter()
            checks.append(self.checked_at)
            while checks[1] <= self.checked_at - self.timeout_seconds:
                overdue = checks.popleft()
            for connection, since in list(self.pending.items()):
                if since > overdue:
                    break
                connection.fail("timeout", f"no answer in {self.timeout_seconds:g} s")


class Client:
    """A client for callers that await their answers: one connection at most, opened when needed."""

    __slots__ = ("_connection", "_endpoint", "_waiter")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection: Connection | None = None
        self._waiter: asyncio.Future[Response] | None = None

    async def post(self, head: bytes, body: bytes) -> Response:
        """Send one POST and wait for its answer.

        Args:
            head: Request line and headers up to and with `Content-Length: `, without its value.
            body: The body.

        Raises:
            Unanswered: The effect of the request is unknown; refused and unreachable mean that it had none.
        """
        connection = self._connection
        if connection is None or not connection.usable:
            connection = self._connection = await self._endpoint.connect()
        waiter: asyncio.Future[Response] = self._endpoint.loop.create_future()
        self._waiter = waiter
        connection.exchange(self, b"%b%d\r\n\r\n%b" % (head, len(body), body))
        return await waiter

    def answered(self, status: int, body: bytes) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Response(status, body))

    def unanswered(self, kind: str, detail: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Unanswered(kind, detail.removeprefix(f"{kind}: ")))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
