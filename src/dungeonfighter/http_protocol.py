"""uvicorn's HTTP protocol with two bounds that it lacks, and two short cuts.

The bounds: how long a head may be, and how late a request.

uvicorn keeps every header it is sent until the head ends, and waits for that end as long as the connection
lives. Here a head beyond `limits.head_bytes_max` is answered 431, and a connection whose request (head or
body) is not complete within `limits.head_seconds_max` is closed; one that is idle after an answer is a matter
of uvicorn's keep-alive. What is counted are the bytes since the last byte of a body, so trailers and chunk
extensions are bounded too. A request that comes in one piece on a kept connection costs no timer.

The short cuts: an answer that is whole goes out in one piece (the ASGI extension `wire.WHOLE`), and the timer
of an idle connection is not set anew for each request: it looks how long the connection has been idle when it
ends.

Source: RFC 6585, section 5.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from dungeonfighter import limits
from dungeonfighter.mcp.wire import WHOLE

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

_WHOLE_HEAD: Final = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: "


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._incomplete = True
        self._late: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, at once no more than a head may still have."""
        begin = 0
        while begin < len(data) and not self.transport.is_closing():
            room = limits.head_bytes_max - self._head_bytes
            if room <= 0:
                self._refuse()
                return
            piece = data[begin : begin + room]
            begin += room
            self._head_bytes += len(piece)  # until a callback says that the head is complete
            super().data_received(piece)
        if self._late is None and self._is_awaiting() and not self.transport.is_closing():
            self._expect_soon()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incomplete = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self._head_bytes = 0
        scope = self.scope
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.scope is scope:
            scope["extensions"] = {WHOLE: partial(self._answer_whole, cycle)}

    def on_body(self, body: bytes) -> None:
        """Some of its body came; how much there may be is the application's to say."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is complete."""
        self._head_bytes = 0
        self._incomplete = False
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out: begin the next one, or be idle."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_at_idle_after(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for so long."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # at work; the timer is set again after the answer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_at_idle_after(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_at_idle_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _answer_whole(self, cycle: RequestResponseCycle, body: bytes) -> bool:
        """See `wire.WHOLE`; what needs more than one write, or another head, is left to uvicorn."""
        if cycle.response_started or cycle.disconnected or not cycle.keep_alive or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        head = _whole_head(self.server_state.default_headers)
        self.transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        cycle.message_event.set()
        cycle.on_response()
        return True

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


_head_made: tuple[list[tuple[bytes, bytes]], bytes] = [], b""
"""The headers that uvicorn sends with every answer (made anew each second), and the head with them."""


def _whole_head(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _head_made  # noqa: PLW0603 (one line for all connections, made once a second)
    if _head_made[0] is not headers:
        _head_made = headers, _WHOLE_HEAD % b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return _head_made[1]
