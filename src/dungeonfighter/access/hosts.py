"""Checks the `Host` and `Origin` headers: the guard against web pages that call a local server.

A page on the web can make a browser send requests to 127.0.0.1, and by DNS rebinding even under a name of the
page's own domain. So a request must name one of our hosts, and if the browser names the page that sent the
request, that page must be ours too. Programs send no `Origin`.

Source: MCP 2025-11-25 and 2026-07-28, "Streamable HTTP", security warning.
"""

from __future__ import annotations

from dungeonfighter.origins import DEFAULT_PORTS, Authority, parse_authority, parse_origin
from dungeonfighter.setting_values import is_loopback
from dungeonfighter.settings import Settings


class HostGuard:
    """Checks the two headers; the guard is immutable and cheap, and all guarded paths share one."""

    def __init__(self, settings: Settings) -> None:
        public = [settings.public_url] if settings.public_url else []
        names = [*settings.allowed_hosts, *(origin.partition("://")[2] for origin in public)]
        self._names = frozenset(parse_authority(name) for name in names) - {None}
        self._origins = frozenset(parse_origin(text) for text in (*settings.allowed_origins, *public)) - {
            None
        }

    def refusal(self, host: str | None, origin: str | None) -> str:
        """Return the reason to refuse a request, or an empty text if the server may answer it.

        Args:
            host: The `Host` header, None if the request has none (HTTP/1.0).
            origin: The `Origin` header, None if the request has none.
        """
        named = None if host is None else parse_authority(host)
        if named is None or not self._is_ours(named):
            return "this server is not known under that Host; see ALLOWED_HOSTS"
        if origin is not None and not self._may_ask(origin, named):
            return "pages of that Origin may not ask; see ALLOWED_ORIGINS"
        return ""

    def is_own_page(self, host: str | None, origin: str | None) -> bool:
        """Return True if the origin is that of this server, as the client addresses it.

        Pages of other origins may play, but they may not use the sessions of the watch page.
        """
        named = None if host is None else parse_authority(host)
        page = None if origin is None else parse_origin(origin)
        if named is None or page is None:
            return False
        port = DEFAULT_PORTS[page.scheme] if named.port is None else named.port
        return (page.host, page.port) == (named.host, port)

    def _is_ours(self, named: Authority) -> bool:
        return is_loopback(named.host) or named in self._names or Authority(named.host, None) in self._names

    def _may_ask(self, text: str, named: Authority) -> bool:
        origin = parse_origin(text)
        if origin is None:
            return False
        port = DEFAULT_PORTS[origin.scheme] if named.port is None else named.port
        return (
            origin in self._origins
            or (origin.host, origin.port) == (named.host, port)
            or is_loopback(origin.host)
        )
