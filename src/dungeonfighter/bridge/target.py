"""The address that a bridge calls."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from dungeonfighter.limits import bot_id_rule, is_bot_id

_BOTS: Final = "/bots/"


class Target(Struct, frozen=True):
    """A server, and the bot of the bridge.

    Attributes:
        url: The address of every POST.
        bot: The bot of the path; empty on `/mcp`, where each call may name one.
        turns_required: The address demands numbers from the client itself, so the bridge adds none.
    """

    url: str
    bot: str = ""
    turns_required: bool = False

    @property
    def origin(self) -> str:
        """The server without path and query, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """The server runs on this machine, so no proxy leads to it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def read_target(url: str, bot: str | None) -> Target:
    """Return the address for a URL and the value of `--bot`.

    The URL is that of the server (`https://example.org`), of its MCP address (`.../mcp`) or of one bot
    (`.../bots/ada/mcp`), and may have a query such as `?toolset=core`.

    Raises:
        ValueError: The URL cannot work; the message says why.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    _check(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https address")
    if "@" in parts.netloc:
        raise ValueError(
            "an address holds no user and password: the token comes from a file or the environment"
        )
    _ = parts.port  # raises ValueError if it is no port
    path = parts.path.rstrip("/").removesuffix("/mcp")
    before, found, own_bot = path.rpartition(_BOTS)
    if found and "/" not in own_bot:
        if not is_bot_id(own_bot):
            raise ValueError(f"{own_bot[:40]!r} in the path is not a bot id: an id has {bot_id_rule}")
        if bot is not None and bot != own_bot:
            raise ValueError(
                f"the address belongs to the bot {own_bot}, and --bot names {bot}: leave one out"
            )
        path, bot = before, own_bot
    place = f"{path}{_BOTS}{bot}/mcp" if bot else f"{path}/mcp"
    query = f"?{parts.query}" if parts.query else ""
    is_required = parse_qs(parts.query).get("turns", [""])[0] == "required"
    return Target(f"{parts.scheme}://{parts.netloc}{place}{query}", bot or "", is_required)


def _check(url: str) -> None:
    """Refuse what would end or split a request line."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(f"{url[:80]!r} has characters that no address has; write them as %xx")
