"""uvicorn's HTTP protocol with the bounds that it lacks, and a short way past ASGI.

The bounds: how long a head may be, how late a request, how much may wait, and how long an answer may stay
unread. uvicorn keeps every header it is sent until the head ends, and waits for that end as long as the
connection lives. Here a head beyond `limits.head_bytes_max` or `limits.head_fields_max` is answered 431, and
a connection whose request (head or body) is not complete within `limits.head_seconds_max` is closed; one that
is idle after an answer is a matter of uvicorn's keep-alive. What is counted are the bytes since the last byte
of a body, so trailers and chunk extensions are bounded too. A request that comes in one piece on a kept
connection costs no timer, and one timer looks after all idle connections (`slim`).

Requests of a connection are parsed one at a time. What comes behind a request waits as bytes until that one
is answered, and while something waits the connection is not read: a pipeline costs one read
(`limits.waiting_bytes_max`), not an object for every request in it. Between two requests of pipelines all
other connections have their turn (`slim.Turns`). A client that does not read its answers gets no further
ones, and is cut off after `limits.unread_seconds_max`.

An offer of another protocol is ignored (`upgrades`): `_decline` is the one place where a head with an offer
meets the server, and where an endpoint that takes one has to be asked.

The short way: a small POST to an MCP address is first offered, whole, to `short_way`. If that takes it, there
is no task, no ASGI message and one write for it; if not, uvicorn gets the same request.

A client sends the same head with every request, but for the length of the body and the name of the bot. Once
the parser has read a head and the short way has taken what came with it, further requests of the connection
that come whole under the same bytes are not parsed again. Anything else, a byte more or less included, is the
parser's.

Source: RFC 6585, section 5; docs/decisions/009-past-asgi.md, 019-one-request-at-a-time.md.
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
from dungeonfighter.mcp.addresses import ELSEWHERE, plain_bot_segment
from dungeonfighter.mcp.wire import HeadHandler, Scope, ShortWay
from dungeonfighter.serving import known_heads, refusals, upgrades
from dungeonfighter.serving.slim import Flow, IdleWatch, Turns

_HEAD: Final = b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
_CLOSE: Final = b"connection: close\r\n"
_BLANK: Final = b"\r\n\r\n"
_PIECES_AT_ONCE: Final = 64
"""Of a body with empty lines in it; then the other connections have their turn."""


class ReadyShortWay(ShortWay, Protocol):
    """The short way of a server that may be draining (`draining.Draining`)."""

    @property
    def is_ready(self) -> bool:
        """Whether connections may be kept."""


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
        "_again", "_body_left", "_exchange", "_has_begun", "_head_bytes", "_held", "_idle_since",
        "_incomplete", "_known", "_late", "_lessons", "_offered", "_unread_since", "_whole",
    )  # fmt: skip
    short_way: ClassVar[ReadyShortWay | None] = None
    flow: Flow  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = ()  # type: ignore[assignment]  # no request is parsed behind another one
        self._head_bytes = 0
        self._body_left = 0
        """Of a body whose length is known."""
        self._incomplete = True
        self._late: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._offered: bytearray | None = None
        """The body so far of a request that will be offered to the short way."""
        self._exchange: _Exchange | None = None
        self._known: known_heads.Head | None = None
        self._again: HeadHandler | None = None
        self._lessons = known_heads.LESSONS_MAX
        self._has_begun = False
        self._whole = b""
        """What came in one piece between two requests: perhaps a whole one."""
        self._held = b""
        """What waits, unparsed, behind the request that is being answered."""
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; who the client is is looked up for those that go the long way."""
        self.transport = transport  # type: ignore[assignment]
        self.flow = Flow(self.transport)
        self.scheme = "https" if is_ssl(self.transport) else "http"
        self.connections.add(self)
        self._idle_watch.run(self.loop)
        self._expect_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)
        self._held = self._whole = b""
        self._again = self._exchange = None  # they and the cycle know this connection: no circle is left
        self.cycle = self.scope = self.headers = self._offered = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer what comes under a known head; else feed the parser, with one request at a time."""
        is_between = self._idle_since is not None and not self._incomplete
        if is_between and self._again is not None and self._is_taken_again(data):
            return
        if self._held or not self._may_parse():
            self._hold(data)
            return
        if is_between or not self._has_begun:
            self._whole = data
        self._has_begun = True
        begin = self._parse(data)
        self._whole = b""
        if self.transport.is_closing():
            return
        if begin < len(data):
            self._hold(data[begin:])
        elif self._late is None and self._is_awaiting():
            self._expect_soon()

    def _parse(self, data: bytes) -> int:
        """Feed the parser up to the end of a request, at once what a head may have left.

        A head and a chunked body end in an empty line, another body where its length says: what is fed ends
        with the first of them, so there is never more than one request in it.

        Returns:
            How much was fed; less than all where a request ended, or the other connections have their turn.
        """
        begin, size = 0, len(data)
        end = size - len(data.lstrip(b"\r\n"))  # of an empty line that began in an earlier piece
        for _ in range(_PIECES_AT_ONCE):
            room = limits.head_bytes_max - self._head_bytes
            if room <= 0:
                self._refuse(refusals.TOO_LONG)
                break
            if self._body_left > 0:
                end = min(size, begin + self._body_left)
            elif not end:
                found = data.find(_BLANK, begin, begin + room)
                end = size if found < 0 else found + len(_BLANK)
            end = min(end, begin + room)
            piece = data[begin:end]
            begin, end = end, 0
            self._head_bytes += len(piece)  # until a callback says that the head is complete
            self._feed(piece)
            is_ended = not self._incomplete and not self._head_bytes
            if begin == size or is_ended or self.transport.is_closing():
                break
        return begin

    def _feed(self, piece: bytes) -> None:
        """Parse a piece; what is malformed is answered 400."""
        self._idle_since = None
        self._ensure_parser()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as handle:
            self._decline(piece[handle.args[0] :])
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")

    def _decline(self, rest: bytes) -> None:
        """Serve a request that offers another protocol as if it did not; CONNECT cannot be."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(refusals.NO_TUNNEL)
            return
        head = upgrades.without_upgrade(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = None  # type: ignore[assignment]
        self._feed(head)
        if rest and not self.transport.is_closing():
            self._feed(rest)

    def send_400_response(self, msg: str) -> None:
        """Answer 400 and close; only close where an answer has begun, for it would be taken for a part."""
        if not self._is_answered() and self.cycle.response_started:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _may_parse(self) -> bool:
        """Whether what comes next belongs to a request that has begun, or is one that nothing is before."""
        return self._incomplete or self._is_answered()

    def _hold(self, data: bytes) -> None:
        """Keep what waits, and read no more until it has gone on."""
        self._held += data
        if len(self._held) > limits.waiting_bytes_max:  # the transport goes on although it was asked not to
            self.transport.abort()
            return
        self.flow.hold()
        if self._may_parse():
            Turns.over(self.server_state, self.loop).ask(self._go_on)

    def _go_on(self) -> None:
        """Take up what was held: the other connections had their turn, or the answer before it is out."""
        if not self._held or self.transport.is_closing() or not self._may_parse():
            return
        held, self._held = self._held, b""
        if not self._incomplete:
            self._idle_since = self.loop.time()  # as if it had just come
        self.data_received(held)
        if not self._held and not self.transport.is_closing():
            self.flow.release()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incomplete = True
        self._body_left = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more field: beyond the bound the parser stops, for thousands take it milliseconds."""
        if len(self.headers) >= limits.head_fields_max:
            self._refuse(refusals.TOO_MANY)
            raise ValueError("too many header fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is complete: uvicorn begins with it now, unless it may go the short way."""
        if self.parser.should_upgrade():
            return  # `_decline` comes next
        self._head_bytes = 0
        for name, value in self.headers:
            if name == b"content-length":  # the parser has seen that it is one
                self._body_left = int(value.strip().lstrip(b"0") or b"0")
        if self._may_be_short():
            self._offered = bytearray()
        else:
            self._begin_long()

    def on_body(self, body: bytes) -> None:
        """Some of its body came; how much there may be is the application's to say."""
        self._head_bytes = 0
        self._body_left -= len(body)
        offered = self._offered
        if offered is None:
            super().on_body(body)
            return
        offered += body
        if len(offered) > known_heads.BODY_BYTES_MAX:
            self._hand_over(offered)

    def on_message_complete(self) -> None:
        """It is complete."""
        if self.parser.should_upgrade():
            return  # only its head is
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
            and plain_bot_segment(self.url) is not ELSEWHERE
            and self._is_answered()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
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
        bot = plain_bot_segment(self.url)
        short_way = self.short_way
        assert short_way is not None
        assert bot is not ELSEWHERE
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["query_string"] = b""
        before = self.cycle
        exchange = self._begin_exchange()
        again = short_way.handle(scope, body, bot, exchange.reply)
        if again is None:
            exchange.response_complete = True
            self.cycle = before
            return False
        self._offered = None
        self._learn(body, again)
        self.scope = self.headers = None  # type: ignore[assignment]  # made anew for each; 3 KB a connection
        return True

    def _learn(self, body: bytes, again: HeadHandler) -> None:
        """Remember the head of what was just taken, unless the last ones that were remembered were no use."""
        if self._whole and self._lessons:
            self._lessons -= 1
            self._known = known_heads.learned(self._whole, body)
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
            self._lessons = known_heads.LESSONS_MAX
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
        """An answer is out: go on with what waits, or be idle."""
        if self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if self._held:
            Turns.over(self.server_state, self.loop).ask(self._go_on)
        else:
            self._idle_since = self.loop.time()

    def pause_writing(self) -> None:
        """The client does not read: begin to count for how long."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._unread_since = None
        super().resume_writing()

    def close_if_idle(self, now: float) -> None:
        """Close the connection if it has been idle, or its client has not read, for too long; see
        `slim.Idler`.
        """
        unread = self._unread_since
        if unread is not None:
            if now - unread >= limits.unread_seconds_max:
                self.transport.abort()  # closing would wait for what is unread
        elif self.transport.is_closing():
            self._unread_since = now
        elif self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
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
        if self.flow.read_paused or self.flow.is_held:  # it is us who do not read
            self._expect_soon()
        else:
            self._late = None
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        """Answer what is not read any further; only close if an answer is being made."""
        self._stop_timer()
        if self._is_answered():
            self.transport.write(answer)
        self.transport.close()


_PHRASES: Final = {status.value: status.phrase.encode() for status in http.HTTPStatus}


_lines_made: tuple[list[tuple[bytes, bytes]], bytes] = [], b""
"""The headers that uvicorn sends with every answer (made anew each second), as lines."""


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _lines_made  # noqa: PLW0603 (one for all connections, made once a second)
    if _lines_made[0] is not headers:
        _lines_made = headers, b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return _lines_made[1]
