"""The clients at the other ends of the connections: their addresses, and how many connections each may have.

Connections of a trusted proxy are those of its clients. With the PROXY protocol each one belongs to one
client, and is counted from its preamble on. With `X-Forwarded-For` a proxy sends the requests of all its
clients over any of its connections, so the requests under way are counted instead: over HTTP/1.1 a client has
at most one on each of its own connections. A proxy itself is never limited.

A server without such settings uses none of this code.

Source: docs/security.md, "Addresses"; docs/decisions/030-addresses-and-secrets.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final

from msgspec import Struct
from uvicorn.protocols.utils import get_remote_addr

from dungeonfighter import limits
from dungeonfighter.access.client_addresses import TrustedProxies, limit_group
from dungeonfighter.mcp.wire import HeadHandler
from dungeonfighter.networks import Network
from dungeonfighter.serving import error_responses
from dungeonfighter.serving.connection import BoundedProtocol
from dungeonfighter.serving.draining import Draining
from dungeonfighter.serving.preamble import Malformed, read_preamble

logger = logging.getLogger(__name__)


class ClientRules(Struct, frozen=True):
    """The settings about clients.

    Attributes:
        proxies: The networks of the proxies that are believed.
        speak_proxy_protocol: They name their clients by the PROXY protocol instead of `X-Forwarded-For`.
        connections_max: The limit for each address; 0 sets none.
    """

    proxies: tuple[Network, ...] = ()
    speak_proxy_protocol: bool = False
    connections_max: int = 0


OPEN: Final = ClientRules()


class AddressLimit:
    """Counts the connections of each address.

    Args:
        connections_max: The limit for each address.
    """

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, group: str) -> bool:
        """Count a connection; False if the address has as many as it may, and then count none."""
        count = self._counts.get(group, 0)
        if count >= self._connections_max:
            return False
        self._counts[group] = count + 1
        return True

    def leave(self, group: str) -> None:
        """Count a connection no more."""
        count = self._counts[group] - 1
        if count:
            self._counts[group] = count
        else:
            del self._counts[group]


class CountedProtocol(BoundedProtocol):
    """A connection that is counted under its client's address while it is open."""

    __slots__ = ("_group",)
    limit: ClassVar[AddressLimit]
    trusted: ClassVar[TrustedProxies]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._group: str | None = None
        """The address under which this connection, or its request under way, is counted now."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        client = self.client or get_remote_addr(self.transport)
        if client is not None and not self.trusted.has_text(client[0]):
            self._enter(limit_group(client[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._leave()

    def count_excess(self) -> None:
        """Count a connection or a request beyond the limit."""

    def _enter(self, group: str) -> bool:
        if self.limit.enter(group):
            self._group = group
            return True
        self.count_excess()
        self._cancel_deadline()
        if self._is_answered():
            self.transport.write(error_responses.TOO_MANY_OF_ADDRESS)
        self.transport.close()
        return False

    def _leave(self) -> None:
        group, self._group = self._group, None
        if group is not None:
            self.limit.leave(group)


class ForwardedProtocol(CountedProtocol):
    """A connection that is counted, or whose requests are counted if it is one of a trusted proxy."""

    __slots__ = ("_head_group", "_is_of_proxy", "_request_group")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._head_group = self._request_group = ""
        super().connection_made(transport)
        client = get_remote_addr(self.transport)
        self._is_of_proxy = client is not None and self.trusted.has_text(client[0])

    def on_headers_complete(self) -> None:
        """Count the request, unless the proxy itself sent it; refuse it beyond the limit."""
        if self._is_of_proxy and self._group is None and not self.parser.should_upgrade():
            client = self._client()
            address = "" if client is None else client[0]
            self._request_group = "" if self.trusted.has_text(address) else limit_group(address)
            if self._request_group and not self._enter(self._request_group):
                raise ValueError("too many requests of an address")  # stops the parser
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        if self._is_of_proxy:
            self._leave()
        super().on_response_complete()

    def _remember_head(self, body: bytes, handler: HeadHandler) -> None:
        before = self._known_head
        super()._remember_head(body, handler)
        if self._known_head is not before:
            self._head_group = self._request_group

    def _handle_known_head(self, data: bytes) -> bool:
        """Count the request under the address that its known head names."""
        group = self._head_group
        if not self._is_of_proxy or not group:
            return super()._handle_known_head(data)
        if not self._enter(group):
            return True
        if super()._handle_known_head(data):
            return True
        self._leave()
        return False


class PreambleProtocol(asyncio.Protocol):
    """The beginning of a connection where trusted proxies speak the PROXY protocol.

    A trusted proxy must send a preamble, and everybody else must not: an optional one could be forged. After
    it the connection gets its own protocol, so that the requests cost no more than without.
    """

    trusted: ClassVar[TrustedProxies]
    make_http: ClassVar[Callable[..., BoundedProtocol]]

    def __init__(self, **parts: Any) -> None:
        self._parts = parts
        self._connections: set[Any] = parts["server_state"].connections
        self._transport: asyncio.Transport
        self._data = b""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # that of uvloop is no subclass
        client = get_remote_addr(self._transport)
        if client is None or not self.trusted.has_text(client[0]):
            self._go_on(client, b"")
            return
        self._connections.add(self)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(limits.head_seconds_max, self._transport.close)

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            found = read_preamble(self._data)
        except Malformed as error:
            logger.warning("a connection of a trusted proxy was refused: %s", error)
            self.count_malformed()
            self._transport.write(error_responses.NO_PREAMBLE)
            self._transport.close()
            return
        if found is not None:
            self._end()
            self._go_on(found.client or get_remote_addr(self._transport), self._data[found.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def count_malformed(self) -> None:
        """Count a connection without a valid preamble."""

    def shutdown(self) -> None:
        """Close the connection: the server stops."""
        self._transport.close()

    def close_if_idle(self, now: float) -> None:
        """Do nothing: the deadline closes the connection."""

    def _end(self) -> None:
        self._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def _go_on(self, client: tuple[str, int] | None, rest: bytes) -> None:
        protocol = type(self).make_http(**self._parts)
        protocol.client = client
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if rest and not self._transport.is_closing():
            protocol.data_received(rest)


def protocol_of(
    draining: Draining | None, connections_max: int, rules: ClientRules = OPEN
) -> type[asyncio.Protocol]:
    """Make the protocol class of the connections of one server.

    Args:
        draining: The short way of the server; it counts refused connections, too. None without either.
        connections_max: The server refuses further connections, idle ones included.
        rules: The addresses of clients, and their limit.
    """
    proxies = TrustedProxies(rules.proxies)
    by_header = proxies if rules.proxies and not rules.speak_proxy_protocol else None
    base: type[BoundedProtocol] = BoundedProtocol
    if rules.connections_max:
        base = CountedProtocol if by_header is None else ForwardedProtocol

    reject = _no_op if draining is None else draining.reject

    class Bounded(base):  # type: ignore[valid-type, misc]  # one of three
        short_way = draining

        def count_malformed(self) -> None:
            reject("malformed")

        def count_excess(self) -> None:
            reject("too_many_connections")

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections_max and not self.transport.is_closing():
                self.count_excess()
                self.transport.write(error_responses.FULL)
                self.transport.close()

    Bounded.proxies = by_header
    if rules.connections_max:
        Bounded.limit = AddressLimit(rules.connections_max)
        Bounded.trusted = proxies
    if not rules.proxies or not rules.speak_proxy_protocol:
        return Bounded

    class Beginning(PreambleProtocol):
        trusted = proxies
        make_http = Bounded

        def count_malformed(self) -> None:
            reject("malformed")

    return Beginning


def _no_op(reason: str) -> None:
    pass
