"""uvicorn's HTTP protocol with two bounds that it lacks: how long a head may be, and how late a request.

uvicorn keeps every header it is sent until the head ends, and waits for that end as long as the connection
lives. Here a head beyond `limits.head_bytes_max` is answered 431, and a connection whose request (head or
body) is not complete within `limits.head_seconds_max` is closed; one that is idle after an answer is a matter
of uvicorn's keep-alive. What is counted are the bytes since the last byte of a body, so trailers and chunk
extensions are bounded too. A request that comes in one piece on a kept connection costs no timer.

Source: RFC 6585, section 5.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from dungeonfighter import limits

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


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._incomplete = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
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
        super().on_headers_complete()

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

    def _is_awaiting(self) -> bool:
        """Whether the client owes us something: the rest of a request, or (after empty lines) one at all."""
        return self._incomplete or (self._is_answered() and self.timeout_keep_alive_task is None)

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
