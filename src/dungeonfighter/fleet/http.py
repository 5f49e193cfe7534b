"""A small keep-alive HTTP/1.1 client for one purpose: many bots, one POST at a time each, little CPU.

A `Connection` carries one exchange at a time for an `Asker`, whom it calls back: no task, no future, no timer
for a call. Answers go to a real parser, which lives no longer than that answer, with one exception: if one
comes whole, and its head is up to the length byte for byte that of an answer parsed before, what the parser
said of that one is true of this one too. An `Endpoint` is what all connections of a load share: the address,
the bound on connects under way, the heads, and the one watch that breaks connections whose answer is overdue.
Whether a broken request is sent again is the caller's decision; here every way of getting no answer has a
kind.
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

from dungeonfighter.background import begin
from dungeonfighter.fleet.lines import AVAILABLE, Address, Lines, address_of, connecting

CONNECTS_MAX: Final = 64
RESPONSE_BYTES_MAX: Final = 4 * 1024 * 1024
_HEADS_MAX: Final = 2
"""Heads that are remembered: they tell the time in seconds, and a server's processes change it one by one."""
_HEAD_BYTES_MAX: Final = 1024
_PLAIN: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "
_END: Final = b"\r\n\r\n"
_RESTS_MAX: Final = 2048


def _lengths() -> tuple[bytes, ...]:
    """By how many bytes come after `content-length: `: the length and the end of the head among them."""
    by_rest = [bytes(_RESTS_MAX)] * _RESTS_MAX  # where no length fits: longer than what comes, never found
    for length in range(_RESTS_MAX):
        end = b"%d\r\n\r\n" % length
        if length + len(end) < _RESTS_MAX:
            by_rest[length + len(end)] = end
    return tuple(by_rest)


_LENGTHS: Final = _lengths()


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


class Asker(Protocol):
    """One who sends a request; exactly one of these is called for it, unless the connection is given up."""

    def answered(self, status: int, body: bytes) -> None:
        """The answer is complete."""

    def unanswered(self, kind: str, told: str) -> None:
        """No usable answer came; see `Unanswered`."""


class Connection(asyncio.Protocol):
    """One TCP connection; at most one exchange at a time."""

    __slots__ = ("_asker", "_endpoint", "_reading", "_transport", "usable")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._asker: Asker | None = None
        self._reading: _Reading | None = None
        self.usable = False

    @property
    def is_asked(self) -> bool:
        """Whether an answer is awaited."""
        return self._asker is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one only in behaviour
        self._endpoint.connected += 1
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.connected -= 1
        self.fail("closed", str(exc) if exc else "before the answer was complete")

    def exchange(self, asker: Asker, request: bytes) -> None:
        """Send one request; the asker is called back, never before this returns."""
        assert self._transport is not None
        self._asker = asker
        self._endpoint.pending[self] = self._endpoint.looked_at
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        asker = self._asker
        if asker is not None and self._reading is None:
            size = len(data)
            endpoint = self._endpoint
            for head in endpoint.heads:
                rest = size - len(head)
                if rest < _RESTS_MAX and (body := data.removeprefix(head + _LENGTHS[rest])) != data:
                    self._asker = None
                    del endpoint.pending[self]
                    asker.answered(200, body)
                    return
        self._read(data)

    def _read(self, data: bytes) -> None:
        """The careful way: any piece of any answer."""
        asker = self._asker
        if asker is None:
            self.close()  # an answer nobody asked for: this connection cannot be trusted
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
            self._asker = self._reading = None
            self._endpoint.pending.pop(self, None)
            body = b"".join(reading.body)
            if reading.may_stay:
                self._endpoint.remember(data, body)
            else:
                self.close()
            asker.answered(reading.status, body)

    def fail(self, kind: str, detail: str) -> None:
        """Break the connection and tell the one who waits."""
        self.close()
        self._endpoint.pending.pop(self, None)
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.unanswered(kind, f"{kind}: {detail}" if detail else kind)

    def abandon(self) -> None:
        """Close it; nobody is told anything any more."""
        self._asker = None
        self._endpoint.pending.pop(self, None)
        self.close()

    def close(self) -> None:
        self.usable = False
        self._reading = None
        if self._transport is not None:
            self._transport.abort()


class _Reading:
    """An answer that is put together from pieces; `status` is 0 until it is complete."""

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
            self.may_stay = False  # more than was asked for

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
    """The server all bots of a load talk to.

    Attributes:
        connected: Open connections.
        pending: Connections that wait for an answer and the `looked_at` of when it was asked for, in the
            order of sending.
        looked_at: When overdue ones were looked for last; asking the clock for each request costs more.
        heads: Heads of plain answers up to the length, those seen last first.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 15.0, sources: Sequence[str] = ()) -> None:
        """Take `http(s)://host[:port][/prefix]`; the MCP path is `<prefix>/mcp` unless the URL ends with it.

        Args:
            url: The server.
            timeout_seconds: How long an answer or a connect may take.
            sources: Loopback addresses that connections are made from, for a server on loopback.

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
        self.sources = tuple(sources)
        self.connected = 0
        self.pending: dict[Connection, float] = {}
        self.looked_at = 0.0
        self.heads: tuple[bytes, ...] = ()
        self.loop: asyncio.AbstractEventLoop
        self._connects: asyncio.Semaphore
        self._address = address_of(self.host, self.port)
        self._lines: Lines | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on an IPv4 address of this machine that others can stand beside."""
        return self.host == "localhost" or self.host.startswith("127.")

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Endpoint]:
        """Bind to the running loop and break overdue connections until the block is left."""
        self.loop = asyncio.get_running_loop()
        self._connects = asyncio.Semaphore(CONNECTS_MAX)
        self._lines = Lines() if AVAILABLE and self.tls is None else None
        self.looked_at = time.perf_counter()
        watch = begin(self._break_overdue(), "watch over late answers")
        try:
            yield self
        finally:
            watch.cancel()
            await asyncio.wait([watch])
            for connection in list(self.pending):
                connection.fail("closed", "the load ended")
            if self._lines is not None:
                self._lines.close()
                self._lines = None

    def remember(self, answer: bytes, body: bytes) -> None:
        """Keep the head of an answer that the parser understood, if it came in one piece and its last header
        is the length; the connection stayed open after it.
        """
        head = answer[: answer.rfind(_LENGTH, 0, -len(_END + body)) + len(_LENGTH)]
        if (
            answer == head + b"%d" % len(body) + _END + body
            and head.startswith(_PLAIN)
            and len(head) <= _HEAD_BYTES_MAX
        ):
            self.heads = (head, *self.heads)[:_HEADS_MAX]

    def connect_at_once(self, number: int) -> Connection | None:
        """`connect` without waiting, which is enough on loopback; None: it is to be awaited."""
        if self._lines is None or self._address is None or not self.is_loopback:
            return None
        try:
            begun, error = connecting(self._address, self._source(number))
        except OSError:
            return None
        if error:
            begun.close()
            return None
        return self._over_line(self._lines, begun)

    async def connect(self, number: int = 0) -> Connection:
        """Open one connection, from the source address that bot `number` has.

        Raises:
            Unanswered: refused or unreachable; certainly nothing was sent.
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
        if self._lines is None:
            return await self._open_transport(number)
        failure = OSError(f"{self.host} has no address")
        for address in await self._addresses():
            try:
                connected = await self._connected(address, number)
            except OSError as error:
                failure = error
            else:
                return self._over_line(self._lines, connected)
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
        begun, error = connecting(address, self._source(number))
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

    def _over_line(self, lines: Lines, connected: socket.socket) -> Connection:
        connection = Connection(self)
        connection.connection_made(cast("asyncio.Transport", lines.open(connected, connection)))
        return connection

    async def _break_overdue(self) -> None:
        """A request is overdue when the first look after it was longer ago than it may take."""
        overdue = 0.0
        looks = deque([self.looked_at])
        while True:
            await asyncio.sleep(min(1.0, self.timeout_seconds / 4))
            self.looked_at = time.perf_counter()
            looks.append(self.looked_at)
            while looks[1] <= self.looked_at - self.timeout_seconds:
                overdue = looks.popleft()
            for connection, since in list(self.pending.items()):
                if since > overdue:
                    break
                connection.fail("timeout", f"no answer in {self.timeout_seconds:g} s")


class Client:
    """One connection at most, opened when it is needed, for callers that await their answers."""

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
            Unanswered: The effect of the request is unknown (kinds refused, unreachable: certainly none).
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

    def unanswered(self, kind: str, told: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Unanswered(kind, told.removeprefix(f"{kind}: ")))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
