"""uvicorn's HTTP protocol with the bounds that it lacks, and a short way past ASGI.

The bounds: the size of a head, the time until a request is complete, the bytes that wait behind a request,
and the time that an answer may stay unread. uvicorn stores headers until the head ends, and waits for that
end as long as the connection lives. Here a head beyond `limits.head_bytes_max` or `limits.head_fields_max` is
answered 431, and a connection whose request (head or body) is not complete within `limits.head_seconds_max`
is closed; uvicorn's keep-alive time bounds how long a connection stays idle after an answer. The head limit
applies to all bytes since the last byte of a body, so it bounds trailers and chunk extensions too. A request
that arrives in one piece on a kept connection costs no timer, and one timer watches all idle connections
(`slim`).

The connection parses one request at a time. Bytes behind it wait unparsed until it is answered, and meanwhile
the connection does not read: a pipeline costs one read (`limits.waiting_bytes_max`) instead of an object for
each of its requests. Between two requests of a pipeline every other connection gets a turn
(`slim.RoundRobin`). A client that does not read its answers gets no further ones, and the server closes its
connection after `limits.unread_seconds_max`.

The connection ignores a request for another protocol (`upgrades`). `_ignore_upgrade` is the only place that
handles such a head; support for upgrades would have to begin there.

The short way: the connection passes a small POST to an MCP address to `short_way` first, with its whole body.
If the short way accepts the request, there is no task and no ASGI message, and one write for the answer. If
not, uvicorn gets the same request.

A client sends the same head with every request, except for the length of the body and the name of the bot.
Once the parser has read a head and the short way has accepted its request, the connection does not parse
further requests that arrive whole under the same bytes. Any other bytes go to the parser.

Source: RFC 6585, section 5; docs/decisions/009-past-asgi.md, 019-one-request-at-a-time.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from dungeonfighter import limits
from dungeonfighter.access.client_addresses import TrustedProxies
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp.addresses import ELSEWHERE, plain_bot_segment
from dungeonfighter.mcp.wire import DELIVERY, HeadHandler, Scope, ShortWay
from dungeonfighter.serving import error_responses, known_heads, upgrades
from dungeonfighter.serving.answer_bytes import answer_bytes
from dungeonfighter.serving.exchange import Exchange, Unacknowledged, is_forwarded
from dungeonfighter.serving.old_clients import EndedByClosing
from dungeonfighter.serving.slim import Flow, IdleWatch, RoundRobin

_HEAD_END: Final = b"\r\n\r\n"
_PIECES_MAX: Final = 64
"""The number of pieces of a body with empty lines after which the other connections get a turn."""


class ReadyShortWay(ShortWay, Protocol):
    """The short way of a server that may drain (`draining.Draining`)."""

    @property
    def is_ready(self) -> bool:
        """True while connections may be kept alive."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    # With slots for ours, uvicorn's attributes fit a key-sharing dictionary: 1.2 KB less for each connection.
    __slots__ = (
        "_body_left", "_deadline", "_exchange", "_first_piece", "_has_begun", "_head_bytes", "_head_handler",
        "_held", "_idle_since", "_incomplete", "_known_head", "_short_body", "_unacknowledged",
        "_unread_since", "_unused_heads_left",
    )  # fmt: skip
    short_way: ClassVar[ReadyShortWay | None] = None
    proxies: ClassVar[TrustedProxies | None] = None
    """The proxies whose `X-Forwarded-For` names the client of a request."""
    flow: Flow  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = ()  # type: ignore[assignment]  # this class never parses ahead
        self._head_bytes = 0
        self._body_left = 0
        """The number of missing bytes of a body with a known length."""
        self._incomplete = True
        self._deadline: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._short_body: bytearray | None = None
        """The received part of the body of a request that the short way may accept."""
        self._exchange: Exchange | None = None
        self._known_head: known_heads.Head | None = None
        self._head_handler: HeadHandler | None = None
        self._unused_heads_left = known_heads.UNUSED_HEADS_MAX
        self._has_begun = False
        self._first_piece = b""
        """The first piece after the last request: perhaps a whole request."""
        self._held = b""
        """Unparsed bytes after the request whose answer is pending."""
        self._unread_since: float | None = None
        self._unacknowledged: Unacknowledged | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for a request; the client's address is looked up later, and only for ASGI."""
        self.transport = transport  # type: ignore[assignment]
        self.flow = Flow(self.transport)
        self.scheme = "https" if is_ssl(self.transport) else "http"
        self.connections.add(self)
        self._idle_watch.run(self.loop)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop every reference to the connection, so that no cycle waits for the garbage collector."""
        self._cancel_deadline()
        if self._unacknowledged is not None:
            self._unacknowledged.end(self.transport, exc)
        if not self._is_answered():
            self._delivery.lose()
        super().connection_lost(exc)
        self._held = self._first_piece = b""
        self._head_handler = self._exchange = None
        self._unacknowledged = None
        self.cycle = self.scope = self.headers = self._short_body = None  # type: ignore[assignment]

    def count_malformed(self) -> None:
        """Count a request that was refused unread; a server overrides it."""

    def data_received(self, data: bytes) -> None:
        """Handle a request under the known head, or feed the parser with at most one request."""
        is_between_requests = self._idle_since is not None and not self._incomplete
        if is_between_requests and self._head_handler is not None and self._handle_known_head(data):
            return
        if self._held or not self._may_parse():
            self._hold(data)
            return
        if is_between_requests or not self._has_begun:
            self._first_piece = data
        self._has_begun = True
        begin = self._parse(data)
        self._first_piece = b""
        if self.transport.is_closing():
            return
        if begin < len(data):
            self._hold(data[begin:])
        elif self._deadline is None and self._awaits_client():
            self._start_deadline()

    def _parse(self, data: bytes) -> int:
        """Feed the parser up to the end of a request, never more than the head limit still allows.

        A head and a chunked body end with an empty line, any other body after its declared length. Each piece
        ends at the first of these, so it never contains parts of two requests.

        Returns:
            How many bytes the parser got; less than all if a request ended, if the other connections get a
            turn, or if the connection is closing.
        """
        begin, size = 0, len(data)
        end = size - len(data.lstrip(b"\r\n"))  # the rest of an empty line of the piece before
        for _ in range(_PIECES_MAX):
            room = limits.head_bytes_max - self._head_bytes
            if room <= 0:
                self._refuse(error_responses.TOO_LONG)
                break
            if self._body_left > 0:
                end = min(size, begin + self._body_left)
            elif not end:
                found = data.find(_HEAD_END, begin, begin + room)
                end = size if found < 0 else found + len(_HEAD_END)
            end = min(end, begin + room)
            piece = data[begin:end]
            begin, end = end, 0
            self._head_bytes += len(piece)  # a callback resets it when the head is complete
            self._feed(piece)
            is_ended = not self._incomplete and not self._head_bytes
            if begin == size or is_ended or self.transport.is_closing():
                break
        return begin

    def _feed(self, piece: bytes) -> None:
        """Parse a piece; answer 400 if it is malformed."""
        self._idle_since = None
        self._ensure_parser()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as handle:
            self._ignore_upgrade(piece[handle.args[0] :])
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self.logger.warning("Invalid HTTP request received.")
                self._refuse_malformed()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Serve a request for another protocol as if it did not ask for it; refuse CONNECT."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(error_responses.NO_TUNNEL)
            return
        head = upgrades.without_upgrade(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = None  # type: ignore[assignment]
        self._feed(head)
        if rest and not self.transport.is_closing():
            self._feed(rest)

    def _refuse_malformed(self) -> None:
        """Answer 400 and close; only close inside an answer, which would otherwise include the 400."""
        if self._is_answered() or not self.cycle.response_started:
            self.count_malformed()
            self.transport.write(error_responses.MALFORMED)
        self.transport.close()

    def _may_parse(self) -> bool:
        """True if the next bytes continue a request, or begin one and no answer is pending."""
        return self._incomplete or self._is_answered()

    def _hold(self, data: bytes) -> None:
        """Buffer bytes, and pause reading until they are parsed."""
        self._held += data
        if len(self._held) > limits.waiting_bytes_max:  # the transport reads on although it is paused
            self.transport.abort()
            return
        self.flow.hold()
        if self._may_parse():
            RoundRobin.of_server(self.server_state, self.loop).schedule(self._go_on)

    def _go_on(self) -> None:
        """Parse the held bytes: the other connections had their turn, or the pending answer was written."""
        if not self._held or self.transport.is_closing() or not self._may_parse():
            return
        held, self._held = self._held, b""
        if not self._incomplete:
            self._idle_since = self.loop.time()  # as if the bytes had just arrived
        self.data_received(held)
        if not self._held and not self.transport.is_closing():
            self.flow.release()

    def on_message_begin(self) -> None:
        self._incomplete = True
        self._body_left = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header field without the blanks behind its value, which are no part of it (RFC 9110, 5.5).

        Stop the parser beyond the limit, because thousands take milliseconds.
        """
        if len(self.headers) >= limits.head_fields_max:
            self._refuse(error_responses.TOO_MANY)
            raise ValueError("too many header fields")
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Start the application with the complete head, unless the short way may accept the request."""
        if self.parser.should_upgrade():
            return  # `_ignore_upgrade` comes next
        self._head_bytes = 0
        for name, value in self.headers:
            if name == b"content-length":  # the parser has validated the number
                self._body_left = int(value.strip().lstrip(b"0") or b"0")
        if self._may_go_short():
            self._short_body = bytearray()
        else:
            self._start_asgi()

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body for the short way, or pass it on; the application limits the size."""
        self._head_bytes = 0
        self._body_left -= len(body)
        short_body = self._short_body
        if short_body is None:
            super().on_body(body)
            return
        short_body += body
        if len(short_body) > known_heads.BODY_BYTES_MAX:
            self._leave_to_asgi(short_body)

    def on_message_complete(self) -> None:
        """Let the short way or uvicorn answer the complete request."""
        if self.parser.should_upgrade():
            return  # only the head is complete
        self._head_bytes = 0
        self._incomplete = False
        self._cancel_deadline()
        short_body = self._short_body
        if short_body is not None:
            if self._try_short_way(bytes(short_body)):
                return
            self._leave_to_asgi(short_body)
        super().on_message_complete()

    def _may_go_short(self) -> bool:
        """True if uvicorn would only pass this request on, and no answer is pending."""
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

    def _leave_to_asgi(self, short_body: bytearray) -> None:
        """Pass the received part of the request to uvicorn."""
        self._short_body = None
        self._start_asgi()
        if short_body:
            super().on_body(bytes(short_body))

    def _start_asgi(self) -> None:
        self.scope["server"] = get_local_addr(self.transport)
        self.scope["client"] = self._client()
        delivery = self.scope[DELIVERY] = Delivery()  # type: ignore[typeddict-unknown-key]
        delivery.is_forwarded = is_forwarded(self.headers)
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0":
            self.cycle.__class__ = EndedByClosing

    def _client(self) -> tuple[str, int] | None:
        """Return the address of the client; `client` is set if a proxy named it before the first request."""
        client = self.client or get_remote_addr(self.transport)
        if client is None or self.proxies is None:
            return client
        return self.proxies.client_of(client[0], self.headers), client[1]

    def _try_short_way(self, body: bytes) -> bool:
        bot = plain_bot_segment(self.url)
        short_way = self.short_way
        assert short_way is not None
        assert bot is not ELSEWHERE
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["query_string"] = self.url.partition(b"?")[2]
        before = self.cycle
        exchange = self._begin_exchange()
        exchange.is_forwarded = is_forwarded(self.headers)
        handler = short_way.handle(scope, body, bot, exchange.reply, exchange)
        if handler is None:
            exchange.response_complete = True
            self.cycle = before
            return False
        self._short_body = None
        self._remember_head(body, handler)
        # uvicorn makes new ones for each request it parses; between requests they cost 3 KB a connection.
        self.scope = self.headers = None  # type: ignore[assignment]
        return True

    def _remember_head(self, body: bytes, handler: HeadHandler) -> None:
        """Remember the head of an accepted request, unless the last few were never reused."""
        if self._first_piece and self._unused_heads_left:
            self._unused_heads_left -= 1
            self._known_head = known_heads.learn(self._first_piece, body)
            self._head_handler = handler if self._known_head is not None else None

    def _handle_known_head(self, data: bytes) -> bool:
        """Pass one whole request under the known head to the short way; return False if refused."""
        known, handler, short_way = self._known_head, self._head_handler, self.short_way
        assert known is not None
        assert handler is not None
        assert short_way is not None
        found = known.read(data)
        if found is None or not short_way.is_ready or self.flow.write_paused or self.transport.is_closing():
            return False
        body, bot = found
        since, self._idle_since = self._idle_since, None
        before = self.cycle
        exchange = self._begin_exchange()
        if handler(body, exchange.reply, bot, exchange):
            self._unused_heads_left = known_heads.UNUSED_HEADS_MAX
            self.parser = None  # type: ignore[assignment]  # 1.3 KB a connection, which rarely needs it now
            return True
        exchange.response_complete = True
        self.cycle = before
        self._idle_since = since
        return False

    def _begin_exchange(self) -> Exchange:
        exchange = self._exchange
        if exchange is None:
            exchange = self._exchange = Exchange(self)
        exchange.response_complete = False
        self.cycle = exchange  # type: ignore[assignment]
        return exchange

    def reply(
        self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        """Write the answer of the short way with a single call of the transport."""
        short_way = self.short_way
        keep_alive = keep_alive and short_way is not None and short_way.is_ready
        exchange = self._exchange
        if exchange is not None and exchange.claims:
            exchange.keep_alive = keep_alive
            if self.transport.is_closing():
                exchange.lose()
                return
        defaults = self.server_state.default_headers
        self.transport.write(answer_bytes(status, body, defaults, extra, keep_alive=keep_alive))
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Parse the held bytes after an answer, or become idle."""
        delivery = self._delivery
        if delivery.claims:
            keeps_alive: bool = self.cycle.keep_alive
            self._unacknowledged = Unacknowledged.after_writes(
                self.transport, delivery, keeps_alive=keeps_alive
            )
        if self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if self._held:
            RoundRobin.of_server(self.server_state, self.loop).schedule(self._go_on)
        else:
            self._idle_since = self.loop.time()

    @property
    def _delivery(self) -> Delivery:
        """The way of the present or the last answer."""
        cycle: Any = self.cycle
        return cycle if isinstance(cycle, Exchange) else cycle.scope[DELIVERY]

    def pause_writing(self) -> None:
        """Start measuring how long the client does not read."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def close_if_idle(self, now: float) -> None:
        """Close the connection if it is idle for too long, or if its client has not read for too long.

        Called by the `slim.IdleWatch` several times within the keep-alive time.
        """
        unread = self._unread_since
        if unread is not None:
            if now - unread >= limits.unread_seconds_max:
                self.transport.abort()  # close() would wait until the client has read all
        elif self.transport.is_closing():
            self._unread_since = now
        elif self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
            self.transport.close()

    @property
    def _idle_watch(self) -> IdleWatch:
        connections: Any = self.connections
        return IdleWatch.of_server(self.server_state, connections, self.timeout_keep_alive)

    def _ensure_parser(self) -> None:
        """Make a parser if the last one was dropped between two requests."""
        standing: httptools.HttpRequestParser | None = self.parser
        if standing is not None:
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _awaits_client(self) -> bool:
        """True if a request, or empty lines before one, has begun and the client must send the rest."""
        return self._incomplete or (self._is_answered() and self._idle_since is None)

    def _is_answered(self) -> bool:
        """True if no answer is pending."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(limits.head_seconds_max, self._on_deadline)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        if self.flow.read_paused or self.flow.is_held:  # this side does not read, so the client is not late
            self._start_deadline()
        else:
            self._deadline = None
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        """Write a refusal and close; only close if an answer is pending."""
        self._cancel_deadline()
        if self._is_answered():
            self.count_malformed()
            self.transport.write(answer)
        self.transport.close()
