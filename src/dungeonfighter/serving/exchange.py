"""One request of a connection and the way of its answer, as far as the server can observe it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from dungeonfighter.hosting.lost_answers import Claim, Delivery
from dungeonfighter.serving.acknowledged import OUT_OF_REACH, is_acknowledged, position_after_writes


class Connection(Protocol):
    """The connection that an `Exchange` answers on."""

    def reply(
        self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        """Write a whole answer."""


class Exchange(Delivery):
    """Takes the place of uvicorn's cycle while the short way answers; a connection has one and reuses it."""

    __slots__ = ("_connection", "disconnected", "keep_alive", "response_complete")
    message_event = asyncio.Event()
    """uvicorn sets it when the connection is lost; no task waits for it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True

    def reply(self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """See `mcp.wire.Reply`."""
        self.response_complete = True
        if not self.disconnected:
            self._connection.reply(status, body, extra, keep_alive=self.keep_alive)


_RESET_SECONDS_MAX: Final = 1.0
"""A client resets a connection that it closes with unread bytes. A later reset says nothing of the kind: some
systems reset the connections of every program that ends."""
_OF_PROXIES: Final = frozenset({b"x-forwarded-for", b"forwarded", b"via"})


def is_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return True if a proxy sent the request with these headers, names in lower case."""
    return any(name in _OF_PROXIES for name, _ in headers)


class Unacknowledged:
    """Unnumbered calls whose answer was written, until the client is known to have it."""

    __slots__ = ("_claims", "_position", "_written_at")

    def __init__(self, claims: list[Claim], position: int | None, written_at: float) -> None:
        self._claims = claims
        self._position = position
        self._written_at = written_at

    @classmethod
    def after_writes(
        cls, transport: asyncio.Transport, delivery: Delivery, *, keeps_alive: bool
    ) -> Unacknowledged | None:
        """Take the claims of an answer right after its last write.

        Args:
            transport: The connection.
            delivery: The way of the answer.
            keeps_alive: False if this side closes the connection after the answer.

        Returns:
            The calls to observe. None if their loss is noted already, or if nobody will tell: this side
            closes the connection before the client can acknowledge, or the client is a proxy. HAProxy resets
            a connection that it needs no more within microseconds after it has read an answer.
        """
        if keeps_alive and transport.is_closing():
            delivery.lose()
            return None
        position = position_after_writes(transport)
        claims = delivery.take_claims()
        if delivery.is_forwarded or (not keeps_alive and position != OUT_OF_REACH):
            return None
        return cls(claims, position, time.monotonic())

    def end(self, transport: asyncio.Transport, reason: Exception | None) -> None:
        """Note the calls as lost if the connection ended before the client had their answer.

        Args:
            transport: The connection.
            reason: The error that ended it; None if either side closed it in order.
        """
        is_reset = isinstance(reason, ConnectionError)
        is_early = time.monotonic() - self._written_at < _RESET_SECONDS_MAX
        is_acked = self._position is None or is_acknowledged(transport, self._position)
        if not is_acked or (is_reset and is_early):
            for claim in self._claims:
                claim.note_loss()
