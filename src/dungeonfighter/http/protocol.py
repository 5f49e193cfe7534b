"""uvicorn's HTTP protocol with two bounds that it lacks, and a short way past ASGI.

The bounds: how long a head may be, and how late a request. uvicorn keeps every header it is sent until the
head ends, and waits for that end as long as the connection lives. Here a head beyond `limits.head_bytes_max`
is answered 431, and a connection whose request (head or body) is not complete within
`limits.head_seconds_max` is closed; one that is idle after an answer is a matter of uvicorn's keep-alive.
What is counted are the bytes since the last byte of a body, so trailers and chunk extensions are bounded too.
A request that comes in one piece on a kept connection costs no timer, and one timer looks after all idle
connections (`slim`).

The short way: a small POST to an MCP address is first offered, whole, to `short_way`. If that takes it, there
is no task, no ASGI message and one write for it; if not, uvicorn gets the same request.

A client sends the same head with every request, but for the length of the body and the name of the bot. Once
the parser has read a head and the short way has taken what came with it, further requests of the connection
that come whole under the same bytes are not parsed again. Anything else, a byte more or less included, is the
parser's.

Source: RFC 6585, section 5; docs/decisions/009-past-asgi.md.
"""

from __future__ import annotations

import asyncio
import http
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from dungeonfighter import limits
from dungeonfighter.http import heads
from dungeonfighter.http.slim import Flow, IdleWatch, Pipeline
from dungeonfighter.mcp.wire import Again, Reply, Scope

_WHY: Final = b"the request line and headers are too long"
_TOO_LONG: Final = b"\r\n".join(
    [
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(_WHY),
        b"connection: close",
        b"",
        _WHY,
    ]
)

_HEAD: Final = b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
_CLOSE: Final = b"connection: close\r\n"


class ShortWay(Protocol):
    """Whoever is offered small requests first (`supervisor.Draining`)."""

    @property
    def is_ready(self) -> bool:
        """Whether connections may be kept."""

    def offer(self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply) -> Again | None:
        """See `mcp.wire.Offer`."""


class _Exchange:
    """Stands where uvicorn has its cycle, while a request is answered the short way: one for a connection."""

    __slots__ = ("_connection", "disconnected", "keep_alive", "response_complete")
    message_event = asyncio.Event()
    """Set when the connection is lost; nobody waits for it here."""

    def __init__(self, connection: BoundedProtocol) -> None:
        self._connection = connection
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True

    def reply(self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """See `mcp.wire.Reply`."""
        self.response_complete = True
        if not self.disconnected:
            self._connection.reply(status, body, extra, is_kept=self.keep_alive)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    # uvicorn's attributes alone fit into a dictionary that shares its keys: 1.2 KB less for each connection.
    __slots__ = (
        "_again", "_exchange", "_has_begun", "_head_bytes", "_idle_since", "_incomplete", "_known", "_late",
        "_lessons", "_offered", "_whole",
    )  # fmt: skip
    short_way: ClassVar[ShortWay | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = Pipeline()  # type: ignore[assignment]
        self._head_bytes = 0
        self._incomplete = True
        self._late: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._offered: bytearray | None = None
        """The body so far of a request that will be offered to the short way."""
        self._exchange: _Exchange | None = None
        self._known: heads.Head | None = None
        self._again: Again | None = None
        self._lessons = heads.LESSONS_MAX
        self._has_begun = False
        self._whole = b""
        """What came in one piece between two requests: perhaps a whole one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; who the client is is looked up for those that go the long way."""
        self.transport = transport  # type: ignore[assignment]
        self.flow = Flow(self.transport)  # type: ignore[assignment]
        self.scheme = "https" if is_ssl(self.transport) else "http"
        self.connections.add(self)
        self._idle_watch.run(self.loop)
        self._expect_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)
        self._again = self._exchange = None  # they know this connection: no circle is left

    def data_received(self, data: bytes) -> None:
        """Answer what comes under a known head; else feed the parser, at once what a head may have left."""
        is_between = self._idle_since is not None and not self._incomplete
        if is_between and self._again is not None and self._is_taken_again(data):
            return
        if is_between or not self._has_begun:
            self._whole = data
        self._has_begun = True
        begin = 0
        while begin < len(data) and not self.transport.is_closing():
            room = limits.head_bytes_max - self._head_bytes
            if room <= 0:
                self._refuse()
                return
            piece = data[begin : begin + room]
            begin += room
            self._head_bytes += len(piece)  # until a callback says that the head is complete
            self._ensure_parser()
            super().data_received(piece)
        self._whole = b""
        if self._late is None and self._is_awaiting() and not self.transport.is_closing():
            self._expect_soon()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incomplete = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is complete: uvicorn begins with it now, unless it may go the short way."""
        self._head_bytes = 0
        if self._may_be_short():
            self._offered = bytearray()
        else:
            self._begin_long()

    def on_body(self, body: bytes) -> None:
        """Some of its body came; how much there may be is the application's to say."""
        self._head_bytes = 0
        offered = self._offered
        if offered is None:
            super().on_body(body)
            return
        offered += body
        if len(offered) > heads.BODY_BYTES_MAX:
            self._hand_over(offered)

    def on_message_complete(self) -> None:
        """It is complete."""
        self._head_bytes = 0
        self._incomplete = False
        self._stop_timer()
        offered = self._offered
        if offered is not None:
            if self._go_short(bytes(offered)):
                return
            self._hand_over(offered)
        super().on_message_complete()

    def _may_be_short(self) -> bool:
        """Whether uvicorn would do nothing with this request but pass it on, and nothing is before it."""
        parser = self.parser
        return (
            self.short_way is not None
            and _bot_of(self.url) is not _ELSEWHERE
            and self._is_answered()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
        )

    def _hand_over(self, offered: bytearray) -> None:
        """Let uvicorn have the request as it is so far."""
        self._offered = None
        self._begin_long()
        if offered:
            super().on_body(bytes(offered))

    def _begin_long(self) -> None:
        self.scope["server"] = get_local_addr(self.transport)
        self.scope["client"] = get_remote_addr(self.transport)
        super().on_headers_complete()

    def _go_short(self, body: bytes) -> bool:
        bot = _bot_of(self.url)
        short_way = self.short_way
        assert short_way is not None
        assert not isinstance(bot, str)
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["query_string"] = b""
        before = self.cycle
        exchange = self._begin_exchange()
        again = short_way.offer(scope, body, bot, exchange.reply)
        if again is None:
            exchange.response_complete = True
            self.cycle = before
            return False
        self._offered = None
        self._learn(body, again)
        self.scope = self.headers = None  # type: ignore[assignment]  # made anew for each; 3 KB a connection
        return True

    def _learn(self, body: bytes, again: Again) -> None:
        """Remember the head of what was just taken, unless the last ones that were remembered were no use."""
        if self._whole and self._lessons:
            self._lessons -= 1
            self._known = heads.learned(self._whole, body)
            self._again = again if self._known is not None else None

    def _is_taken_again(self, data: bytes) -> bool:
        """Whether this is one whole request under the known head, and the short way has taken it."""
        known, again, short_way = self._known, self._again, self.short_way
        assert known is not None
        assert again is not None
        assert short_way is not None
        found = known.read(data)
        if found is None or not short_way.is_ready or self.flow.write_paused or self.transport.is_closing():
            return False
        body, bot = found
        since, self._idle_since = self._idle_since, None
        before = self.cycle
        exchange = self._begin_exchange()
        if again(body, exchange.reply, bot):
            self._lessons = heads.LESSONS_MAX
            self.parser = None  # type: ignore[assignment]  # 1.3 KB a connection that seldom needs it again
            return True
        exchange.response_complete = True
        self.cycle = before
        self._idle_since = since
        return False

    def _begin_exchange(self) -> _Exchange:
        exchange = self._exchange
        if exchange is None:
            exchange = self._exchange = _Exchange(self)
        exchange.response_complete = False
        self.cycle = exchange  # type: ignore[assignment]
        return exchange

    def reply(self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]], *, is_kept: bool) -> None:
        """Send the answer to a request that went the short way, in one write."""
        short_way = self.short_way
        is_kept = is_kept and short_way is not None and short_way.is_ready
        lines = _lines(self.server_state.default_headers)
        if extra:
            lines += b"".join(b"%b: %b\r\n" % pair for pair in extra)
        head = _HEAD % (status, _PHRASES[status], lines, len(body), b"" if is_kept else _CLOSE)
        self.transport.write(head + body)
        if not is_kept:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """An answer is out: begin the next one, or be idle."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()

    def close_if_idle(self, now: float) -> None:
        """Close the connection if it has been idle for too long; see `slim.Idler`."""
        if self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
            self.transport.close()

    @property
    def _idle_watch(self) -> IdleWatch:
        return IdleWatch.over(self.server_state, self.connections, self.timeout_keep_alive)  # type: ignore[arg-type]

    def _ensure_parser(self) -> None:
        """Make one again, if it was let go between two requests."""
        standing: httptools.HttpRequestParser | None = self.parser
        if standing is not None:
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _is_awaiting(self) -> bool:
        """Whether the client owes us something: the rest of a request, or (after empty lines) one at all."""
        return self._incomplete or (self._is_answered() and self._idle_since is None)

    def _is_answered(self) -> bool:
        """Whether no answer is being made."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _expect_soon(self) -> None:
        self._late = self.loop.call_later(limits.head_seconds_max, self._give_up)

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # it is us who do not read
            self._expect_soon()
        else:
            self._late = None
            self.transport.close()

    def _refuse(self) -> None:
        """Answer 431; only close if an answer to an earlier request is still being written."""
        self._stop_timer()
        if self._is_answered():
            self.transport.write(_TOO_LONG)
        self.transport.close()


_ELSEWHERE: Final = ""
_PHRASES: Final = {status.value: status.phrase.encode() for status in http.HTTPStatus}


def _bot_of(url: bytes) -> bytes | str | None:
    """The bot's segment of a plain MCP address, None on `/mcp`; `_ELSEWHERE` for every other address."""
    if url == b"/mcp":
        return None
    parts = url.split(b"/")
    if len(parts) == 4 and parts[1] == b"bots" and parts[3] == b"mcp" and b"%" not in url and b"?" not in url:
        return parts[2]
    return _ELSEWHERE


_lines_made: tuple[list[tuple[bytes, bytes]], bytes] = [], b""
"""The headers that uvicorn sends with every answer (made anew each second), as lines."""


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _lines_made  # noqa: PLW0603 (one for all connections, made once a second)
    if _lines_made[0] is not headers:
        _lines_made = headers, b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return _lines_made[1]
