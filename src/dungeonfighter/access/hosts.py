"""Which `Host` and `Origin` headers are served: the guard against web pages that reach for a local server.

A page somewhere on the web can make a browser send requests to 127.0.0.1, and with DNS rebinding even under
a name of its own. So a request must name a host that is ours; and if a browser says which page sent it, that
page must be ours too. Requests without an `Origin` come from programs, not pages.

Source: MCP 2025-11-25 and 2026-07-28, "Streamable HTTP", security warning.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from dungeonfighter.settings import Settings, is_loopback


class HostGuard:
    """Judges the two headers; immutable, cheap, and shared by every path that is guarded."""

    def __init__(self, settings: Settings) -> None:
        public = [settings.public_url] if settings.public_url else []
        self._names = frozenset([*settings.allowed_hosts, *(urlsplit(origin).netloc for origin in public)])
        self._origins = frozenset([*settings.allowed_origins, *public])

    def refusal(self, host: str | None, origin: str | None) -> str:
        """Why a request is refused; empty if it may be served.

        Args:
            host: The `Host` header, None if there was none (HTTP/1.0).
            origin: The `Origin` header, None if there was none.
        """
        if host is None or not self._is_ours(host):
            return "this server is not known under that Host; see ALLOWED_HOSTS"
        if origin is not None and not self._may_ask(origin, host):
            return "pages of that Origin may not ask; see ALLOWED_ORIGINS"
        return ""

    def _is_ours(self, host: str) -> bool:
        host = host.lower()
        name = _without_port(host)
        return is_loopback(name) or host in self._names or name in self._names

    def _may_ask(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        if origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:  # a bracket that is never closed
            return False
        if parts.scheme not in {"http", "https"} or parts.path or not parts.netloc:
            return False
        return parts.netloc == host.lower() or is_loopback(_without_port(parts.netloc))


def _without_port(netloc: str) -> str:
    """`name:80` is name, `[::1]:80` is [::1]."""
    if netloc.startswith("["):
        return netloc.partition("]")[0] + "]"
    return netloc.partition(":")[0]
