"""Parses hosts and origins as they stand in HTTP headers and in the settings."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

_LABELS: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*").fullmatch
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY_CHARS_MAX: Final = 300
"""A host name has at most 253 characters."""


class Authority(NamedTuple):
    """A host in lower case (an IPv6 address in brackets and in its shortest form) and its port, if given."""

    host: str
    port: int | None


class Origin(NamedTuple):
    """An origin; the port is never absent, but may be the default port of the scheme."""

    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin | None:
    """Parse an origin as browsers write it: a scheme, a host and an optional port; None if it is none.

    Source: RFC 6454, section 6.2.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    authority = parse_authority(rest)
    if not separator or scheme not in DEFAULT_PORTS or authority is None or rest.endswith(":"):
        return None
    port = DEFAULT_PORTS[scheme] if authority.port is None else authority.port
    return Origin(scheme, authority.host, port)


def parse_authority(text: str) -> Authority | None:
    """Parse a host with an optional port; None for any other text, such as one with user information.

    The final dot of a fully qualified name and the colon of an empty port have no meaning and are left out.

    Source: RFC 3986, section 3.2; RFC 9110, section 7.2.
    """
    if len(text) > _AUTHORITY_CHARS_MAX or not text.isascii():
        return None
    if text.startswith("["):
        inner, closed, rest = text[1:].partition("]")
        host = _ipv6(inner) if closed else ""
    else:
        name, colon, port = text.partition(":")
        rest = colon + port
        host = name.lower().removesuffix(".")
        if not _LABELS(host):
            return None
    if not host or (rest and not rest.startswith(":")):
        return None
    digits = rest[1:]
    if not digits:
        return Authority(host, None)
    if not digits.isdigit() or len(digits) > 5 or int(digits) > 65_535:
        return None
    return Authority(host, int(digits))


def _ipv6(text: str) -> str:
    """Return an IPv6 address in brackets, or an empty text if `text` is no address or has a zone."""
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return ""
    return "" if address.scope_id else f"[{address.compressed}]"
