"""Checks the `Host` and `Origin` headers: the guard against web pages that call a local server.

A page on the web can make a browser send requests to 127.0.0.1, and by DNS rebinding even under a name of the
page's own domain. So a request must name one of our hosts, and if the browser names the page that sent the
request, that page must be ours too. Programs send no `Origin`.

Source: MCP 2025-11-25 and 2026-07-28, "Streamable HTTP", security warning.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

from dungeonfighter.settings import Settings, is_loopback

_LABELS: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*").fullmatch
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY_CHARS_MAX: Final = 300
"""A host name has at most 253 characters."""


class _Authority(NamedTuple):
    """A host in lower case (an IPv6 address in brackets and in its shortest form) and its port, if given."""

    host: str
    port: int | None


class _Origin(NamedTuple):
    """An origin; the port is never absent, but may be the default port of the scheme."""

    scheme: str
    host: str
    port: int


class HostGuard:
    """Checks the two headers; the guard is immutable and cheap, and all guarded paths share one."""

    def __init__(self, settings: Settings) -> None:
        public = [settings.public_url] if settings.public_url else []
        names = [*settings.allowed_hosts, *(origin.partition("://")[2] for origin in public)]
        self._names = frozenset(_authority(name) for name in names) - {None}
        self._origins = frozenset(_origin(text) for text in (*settings.allowed_origins, *public)) - {None}

    def refusal(self, host: str | None, origin: str | None) -> str:
        """Return the reason to refuse a request, or an empty text if the server may answer it.

        Args:
            host: The `Host` header, None if the request has none (HTTP/1.0).
            origin: The `Origin` header, None if the request has none.
        """
        named = None if host is None else _authority(host)
        if named is None or not self._is_ours(named):
            return "this server is not known under that Host; see ALLOWED_HOSTS"
        if origin is not None and not self._may_ask(origin, named):
            return "pages of that Origin may not ask; see ALLOWED_ORIGINS"
        return ""

    def _is_ours(self, named: _Authority) -> bool:
        return is_loopback(named.host) or named in self._names or _Authority(named.host, None) in self._names

    def _may_ask(self, text: str, named: _Authority) -> bool:
        origin = _origin(text)
        if origin is None:
            return False
        port = _DEFAULT_PORTS[origin.scheme] if named.port is None else named.port
        return (
            origin in self._origins
            or (origin.host, origin.port) == (named.host, port)
            or is_loopback(origin.host)
        )


def _origin(text: str) -> _Origin | None:
    """Parse an origin as browsers write it: a scheme, a host and an optional port; None if it is none.

    Source: RFC 6454, section 6.2.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    authority = _authority(rest)
    if not separator or scheme not in _DEFAULT_PORTS or authority is None or rest.endswith(":"):
        return None
    port = _DEFAULT_PORTS[scheme] if authority.port is None else authority.port
    return _Origin(scheme, authority.host, port)


def _authority(text: str) -> _Authority | None:
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
        return _Authority(host, None)
    if not digits.isdigit() or len(digits) > 5 or int(digits) > 65_535:
        return None
    return _Authority(host, int(digits))


def _ipv6(text: str) -> str:
    """Return an IPv6 address in brackets, or an empty text if `text` is no address or has a zone."""
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return ""
    return "" if address.scope_id else f"[{address.compressed}]"
