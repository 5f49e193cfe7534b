"""Compares the settings with the metadata that an identity provider publishes, once at start.

Clients refuse a provider whose metadata name another issuer, even if only a slash at the end differs, and do
not begin a log-in without PKCE. Nobody would see the reason at the server, so the log gets it.

Source: RFC 8414, sections 3 and 3.3.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from dungeonfighter.access.signing_keys import ProviderUnavailable

_NAMES: Final = ("oauth-authorization-server", "openid-configuration")

logger = logging.getLogger(__name__)


class _Metadata(Struct):
    issuer: str
    code_challenge_methods_supported: list[str] = []


_decode: Final = msgspec.json.Decoder(_Metadata).decode


def metadata_addresses(issuer: str) -> list[str]:
    """Return the addresses at which clients look for the metadata of an issuer, in their order."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    found = [urlunsplit(parts._replace(path=f"/.well-known/{name}{path}")) for name in _NAMES]
    below = urlunsplit(parts._replace(path=f"{path}/.well-known/{_NAMES[1]}"))
    return list(dict.fromkeys([*found, below]))


async def check_provider(issuer: str, read: Callable[[str], Awaitable[bytes]]) -> None:
    """Log in which way the metadata of the issuer would keep clients from logging in.

    Args:
        issuer: The provider, as the settings name it.
        read: Returns the document at an address; raises `ProviderUnavailable`.
    """
    for address in metadata_addresses(issuer):
        try:
            metadata = _decode(await read(address))
        except (ProviderUnavailable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if metadata.issuer != issuer:
            logger.warning(
                "clients will not log in: JWT_ISSUER is %r, but %s names the issuer %.200r",
                issuer, address, metadata.issuer,
            )  # fmt: skip
        elif "S256" not in metadata.code_challenge_methods_supported:
            logger.warning("clients will not log in: %s does not list the PKCE method S256", address)
        return
    logger.warning(
        "clients may not find the log-in: there are no metadata at %s", metadata_addresses(issuer)[0]
    )
