"""The server as a protected resource of OAuth: its metadata, and the challenges that lead a client to them.

There is one resource for all addresses, `PUBLIC_URL` with the path `/mcp`. All URLs here come from the
settings only: a header of a request could name a server of somebody else.

Source: RFC 9728; RFC 6750, section 3; MCP 2026-07-28, "Authorization".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.access.principals import SCOPES, Scope

WELL_KNOWN: Final = "/.well-known/"
_METADATA: Final = f"{WELL_KNOWN}oauth-protected-resource"
_MCP: Final = "/mcp"
METADATA_PATHS: Final = frozenset({_METADATA, f"{_METADATA}{_MCP}", f"{_METADATA}{_MCP}/"})
"""Clients look at the root, or below it at the path of their address, with or without its last slash."""
LOGIN_PATHS: Final = frozenset({"/authorize", "/token", "/register"})
"""Clients try these where they find no metadata."""
FIRST_SCOPES: Final[tuple[Scope, ...]] = ("play",)
"""The scopes that a client without a token should ask for; a refused call names those it needs besides."""
_LISTED_SCOPES: Final[tuple[Scope, ...]] = ("play", "fleet")
"""Some clients ask for every scope that is listed, so these are the ones that play."""


class ProtectedResource(Struct, frozen=True):
    """The resource of one server.

    Attributes:
        origin: The origin that clients use to reach the server, without a slash at the end.
        issuer: The identity provider, exactly as it names itself in its own metadata.
    """

    origin: str
    issuer: str

    @property
    def url(self) -> str:
        """The identifier of the resource."""
        return self.origin + _MCP

    def metadata(self) -> bytes:
        """Return the metadata as JSON."""
        return msgspec.json.encode({
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "scopes_supported": _LISTED_SCOPES,
            "bearer_methods_supported": ["header"],
            "resource_name": "DungeonFighter",
        })  # fmt: skip

    def challenge(self, error: str = "", scopes: Collection[Scope] = FIRST_SCOPES) -> str:
        """Return the value of `WWW-Authenticate` for a refused call.

        Clients find its parts by searching for `error=` and `scope=`, so these occur once.

        Args:
            error: A code of RFC 6750; empty if the caller sent no credentials.
            scopes: All scopes that the call needs.
        """
        parts = [f'error="{error}"'] if error else []
        named = " ".join(scope for scope in SCOPES if scope in scopes)
        parts += [f'scope="{named}"', f'resource_metadata="{self.origin}{_METADATA}{_MCP}"']
        return f"Bearer {', '.join(parts)}"
