"""The address of a client: that of its connection, or the one that a trusted proxy names.

A proxy appends the address of its own client to `X-Forwarded-For`, so only the end of the list is reliable.
The list is read from right to left: while the next hop is a trusted proxy, the hop before it is believed.
Everything further left was written by the client, and says nothing.

Source: docs/security.md, "Addresses"; RFC 9110, section 5.6.1 (empty list members).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dungeonfighter.networks import Address, Network, group_of, parse_address, parse_endpoint

_HEADER: Final = b"x-forwarded-for"
_HOPS_MAX: Final = 32


def client_address(scope: Mapping[str, Any]) -> str:
    """Return the address of the client of an ASGI request in its one form; an empty text if it is unknown.

    Use `limit_group` of it to count or limit clients.
    """
    client = scope.get("client")
    address = parse_address(client[0]) if client else None
    return "" if address is None else str(address)


def limit_group(address: str) -> str:
    """Return the text under which limits count an address; all addresses of an IPv6 /64 share one."""
    found = parse_address(address)
    return address if found is None else group_of(found)


class TrustedProxies:
    """The networks of the proxies that are believed.

    Args:
        networks: From the settings.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)

    def has(self, address: Address | None) -> bool:
        """Return True if the address is one of a trusted proxy."""
        return address is not None and any(address in network for network in self._networks)

    def has_text(self, address: str) -> bool:
        """Return True if the text is the address of a trusted proxy."""
        return self.has(parse_address(address))

    def client_of(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the address of the client of a request.

        Args:
            peer: The address at the other end of the connection.
            headers: The headers of the request, names in lower case. They matter only if the peer is trusted.
        """
        client = parse_address(peer)
        if not self.has(client):
            return peer if client is None else str(client)
        lines = [value for name, value in headers if name == _HEADER]
        hops = [item.strip(b" \t") for item in b",".join(lines).split(b",")]
        for item in [hop for hop in reversed(hops) if hop][:_HOPS_MAX]:
            hop = parse_endpoint(item.decode("latin-1"))
            if hop is None:  # for example `unknown`: the proxy before it is the last one that is known
                break
            client = hop
            if not self.has(client):
                break
        return str(client)
