"""Addresses of clients and networks of proxies, as they stand in settings, in headers and at a socket.

One address has one form: an IPv4 address that is mapped into IPv6 (`::ffff:10.0.0.1`) counts as the IPv4
address, and the zone of a link-local address is left out.

Source: RFC 4291, section 2.5.5.2.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_ADDRESS_CHARS_MAX: Final = 64
_PORT_DIGITS_MAX: Final = 5
_SITE_BITS: Final = 64
"""A client with IPv6 usually has a whole network of this size."""


def parse_address(text: str) -> Address | None:
    """Parse an IP address without a port; None for any other text."""
    if len(text) > _ADDRESS_CHARS_MAX or not text.isascii():
        return None
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


def parse_endpoint(text: str) -> Address | None:
    """Parse an address with an optional port, as proxies write it; None for any other text.

    The forms are `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
    """
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or ":" not in host or not (rest == "" or _is_port(rest)):
            return None
        return parse_address(host)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return parse_address(host) if _is_port(f":{port}") else None
    return parse_address(text)


def parse_network(text: str) -> Network:
    """Parse a network like `10.0.0.0/8`, or one address.

    Raises:
        ValueError: The text is no network, or one that no operator can mean; the message says what to write.
    """
    shown = repr(text[:60])
    address_text, slash, bits_text = text.partition("/")
    address = parse_address(address_text)
    if address is None or "%" in text:
        raise ValueError(f"{shown} must be a network by its numbers, like 10.0.0.0/8 or fd00::/8")
    if slash and not (bits_text.isascii() and bits_text.isdigit() and len(bits_text) <= len("128")):
        raise ValueError(f"{shown} must end with the length of the network, like 10.0.0.0/8")
    if address.version == 4 and ":" in address_text:
        raise ValueError(f"{shown} is an IPv4 network inside IPv6: write it as IPv4, like {address}")
    bits = int(bits_text) if slash else address.max_prefixlen
    if bits > address.max_prefixlen:
        raise ValueError(f"{shown} must have a length of at most {address.max_prefixlen}")
    if not bits:
        raise ValueError(f"{shown} is every address, so every client could forge its own: name your proxies")
    network = ip_network(f"{address}/{bits}", strict=False)
    if network.network_address != address:
        raise ValueError(f"{shown} is no network: write {network}, or {address} for the one address")
    return network


def group_of(address: Address) -> str:
    """Return the text under which limits count an address: itself, or the /64 network of an IPv6 address."""
    if address.version == 4:
        return str(address)
    return str(ip_network(f"{address}/{_SITE_BITS}", strict=False))


def _is_port(text: str) -> bool:
    """Return True for a colon and a port number."""
    digits = text[1:]
    return text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= _PORT_DIGITS_MAX
