"""HTTP for bridges: one POST, one whole answer, over few connections that many bridges may share.

A connection serves the next request only within `IDLE_SECONDS` after its last one. Balancers, firewalls and
address translators forget idle connections after a longer time, and often tell nobody. A connection that the
other side has closed is noticed before it is used. This module repeats nothing; each missing answer has a
cause, and the caller decides.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import httpx2
from msgspec import Struct

from dungeonfighter.bridge.target import Target

CONNECTIONS_MAX: Final = 8
IDLE_SECONDS: Final = 4.0
_SECONDS_LEAST: Final = 5.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_UNACKNOWLEDGED_MS: Final = 5_000
"""After so long without an acknowledgement from the other machine a connection is broken (Linux)."""


class Unsent(Exception):
    """No request was sent.

    Attributes:
        is_final: Another attempt would fail, too.
    """

    def __init__(self, detail: str, *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.is_final = is_final


class Unanswered(Exception):
    """The request was sent, at least in part, and no whole answer came."""


class Reply(Struct, frozen=True):
    """A whole HTTP answer; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Link:
    """The connections to one server; the owner closes the link.

    Args:
        target: The server; bridges of one link may call different addresses of it.
        ca_file: The certificates that the server's one must come from; by default those of the system.
        connections_max: The most requests at the same time.
        idle_seconds: A connection without a request for so long is closed.

    Raises:
        ValueError: The file or a proxy of the environment cannot be used.
    """

    def __init__(
        self, target: Target, ca_file: str | None = None, connections_max: int = CONNECTIONS_MAX,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:  # fmt: skip
        proxies = {} if target.is_loopback else urllib.request.getproxies()
        context = _tls_context(ca_file) if target.is_tls or proxies else None
        self._make = partial(
            _client, context, connections_max=connections_max, idle_seconds=idle_seconds,
            uses_proxies=bool(proxies),
        )  # fmt: skip
        try:
            self._kept, self._fresh = self._make(connections_max), self._make(0)
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            raise ValueError(f"a proxy of the environment cannot be used: {error}") from None
        self._connections_max = connections_max
        self._idle_seconds = idle_seconds
        self._slots = asyncio.Semaphore(connections_max)
        self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(self._kept.aclose(), self._fresh.aclose(), *self._closing)

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, until: float, *,
        fresh: bool = False,
    ) -> Reply:  # fmt: skip
        """Send one POST and return its whole answer.

        Args:
            url, headers, body: The request.
            seconds: The longest time from the beginning of the request until the end of its answer.
            until: The end of the caller's patience, in the time of the event loop; the request begins before
                it, and then has five seconds if it needs them.
            fresh: Take a new connection.

        Raises:
            Unsent: Nothing was sent.
            Unanswered: The effect of the request is unknown.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                await self._slots.acquire()
        except TimeoutError:
            raise Unsent("other requests use all connections") from None
        if self._timer is not None:
            self._timer.cancel()
        self._under_way += 1
        try:
            rest = min(seconds, max(_SECONDS_LEAST, until - loop.time()))
            return await self._exchange(self._fresh if fresh else self._kept, url, headers, body, rest)
        finally:
            self._slots.release()
            self._under_way -= 1
            if not self._under_way:
                self._timer = loop.call_later(self._idle_seconds, self._drop_idle)

    async def _exchange(
        self, client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Reply:
        sent = _Sent()
        request = client.build_request(
            "POST", url, headers=dict(headers), content=body, extensions={"trace": sent.note}
        )
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(client, request)
        except TimeoutError:
            raise _missing(sent, f"no answer in {seconds:.0f} s") from None
        except httpx2.HTTPError as error:
            if (fault := _tls_fault(error)) is not None and not sent.has_begun:
                raise Unsent(fault, is_final=True) from None
            raise _missing(sent, _words(error)) from None

    def _drop_idle(self) -> None:
        """Close the idle connections: the pool itself would do so only with the next request."""
        idle, self._kept = self._kept, self._make(self._connections_max)
        task = asyncio.get_running_loop().create_task(idle.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Sent:
    """Learns from the trace of a request if it has begun to leave this process."""

    def __init__(self) -> None:
        self.has_begun = False

    async def note(self, event: str, details: Mapping[str, Any]) -> None:
        """See the extension `trace` of httpx2; a proxy gets a CONNECT first, which has no effect."""
        if event == "http11.send_request_headers.started" and details["request"].method == b"POST":
            self.has_begun = True


async def _exchange(client: httpx2.AsyncClient, request: httpx2.Request) -> Reply:
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise httpx2.DecodingError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
    finally:
        await response.aclose()
    return Reply(response.status_code, dict(response.headers), bytes(body))


def _missing(sent: _Sent, detail: str) -> Unsent | Unanswered:
    return Unanswered(detail) if sent.has_begun else Unsent(detail)


def _client(
    context: ssl.SSLContext | None, kept_max: int, *, connections_max: int, idle_seconds: float,
    uses_proxies: bool,
) -> httpx2.AsyncClient:  # fmt: skip
    limits = httpx2.Limits(
        max_connections=connections_max, max_keepalive_connections=kept_max, keepalive_expiry=idle_seconds
    )
    verify: ssl.SSLContext | bool = False if context is None else context  # no TLS: nothing to load
    if uses_proxies:
        return httpx2.AsyncClient(verify=verify, limits=limits, timeout=None)
    transport = httpx2.AsyncHTTPTransport(
        verify=verify, limits=limits, trust_env=False, socket_options=_socket_options()
    )
    return httpx2.AsyncClient(transport=transport, timeout=None, trust_env=False)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS))
    return options


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"--ca-file: {ca_file} holds no certificates: {error}") from None


def _tls_fault(error: BaseException) -> str | None:
    """Return the fault of a certificate or of the TLS handshake.

    None if TLS is not the cause, or if the other side only went away during the handshake.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and not isinstance(
            cause, ssl.SSLEOFError | ssl.SSLZeroReturnError
        ):
            return f"TLS failed: {cause.reason or cause}"
        cause = cause.__cause__ or cause.__context__
    return None


def _words(error: httpx2.HTTPError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return f"its name is not known ({cause.strerror})"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        else:
            cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
