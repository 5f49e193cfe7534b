"""The headers that let pages of other origins play (CORS): exactly those that `hosts.HostGuard` accepts.

The server names the one origin that asked, never `*`, and allows no cookies: it has none. Pages without an
origin of their own (`Origin: null`: files, sandboxed frames) are refused, because every page can become one.

Source: WHATWG, Fetch, "CORS protocol"; W3C, Private Network Access, "CORS preflight".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

Headers = list[tuple[bytes, bytes]]

_EXPOSED: Final = b"Mcp-Session-Id, MCP-Protocol-Version, Retry-After, WWW-Authenticate"
"""The headers of an answer that a script may read, besides those of every answer."""
_METHODS: Final = b"GET, HEAD, POST, DELETE"
"""Clients also try GET and DELETE on an MCP address, and learn from the 405 that they are not served."""
_KEPT_SECONDS: Final = b"7200"
"""The longest time that Chromium keeps the answer to a preflight."""
_NAMES_MAX: Final = 64
_is_name: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch
_is_of_proxies: Final = re.compile(
    rb"forwarded|x-forwarded-.*|x-real-ip|via", re.IGNORECASE | re.DOTALL
).fullmatch
"""Headers that a proxy writes about its client; a page has no say in them."""


def grant(origin: bytes) -> Headers:
    """Return the headers that let a page read an answer; the guard has accepted its origin."""
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]


def preflight(origin: bytes, asked: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of the answer to a preflight request; the guard has accepted its origin.

    A page may send every header but those of proxies: telemetry libraries add headers of their own, and the
    server ignores what it does not know. A star would not cover `Authorization`, so the names are repeated.

    Args:
        origin: The value of `Origin`.
        asked: All headers of the request, names in lower case.
    """
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-max-age", _KEPT_SECONDS),
        (b"vary", b"Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
    ]
    names: list[bytes] = []
    for header, value in asked:
        if header == b"access-control-request-headers":
            names += [name.strip(b" \t") for name in value.split(b",")]
        elif header == b"access-control-request-private-network" and value == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
    allowed = [name for name in names[:_NAMES_MAX] if _is_name(name) and not _is_of_proxies(name)]
    if allowed:
        headers.append((b"access-control-allow-headers", b", ".join(allowed)))
    return headers
