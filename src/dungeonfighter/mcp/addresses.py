"""MCP addresses: `/mcp`, where a call names its bot, and `/bots/{botId}/mcp`, which serves one bot.

Two functions recognise them: `bot_segment` accepts every spelling; `plain_bot_segment` accepts only the
common ones and costs half a microsecond, for requests that are handled past ASGI. Where both accept, they
agree (tests/unit/mcp/test_addresses.py).
"""

from __future__ import annotations

import enum
import re
from collections.abc import MutableMapping
from typing import Any, Final


class Elsewhere(enum.Enum):
    """The type of `ELSEWHERE`."""

    ELSEWHERE = enum.auto()


ELSEWHERE: Final = Elsewhere.ELSEWHERE
"""Replaces the bot segment where the address is not an MCP address."""

_match: Final = re.compile(rb"(?:/mcp|/bots/([^/?#%]*)/mcp)(?:\?[a-z=&]*)?").fullmatch


def plain_bot_segment(target: bytes) -> bytes | Elsewhere | None:
    """Return the bot segment of a request target; None on `/mcp`.

    A target with a percent escape, a slash at the end or an unusual query counts as `ELSEWHERE`.
    """
    if target == b"/mcp":
        return None
    found = _match(target)
    return ELSEWHERE if found is None else found[1]


def bot_segment(scope: MutableMapping[str, Any]) -> bytes | Elsewhere | None:
    """Return the bot segment of a request's path as the client sent it; None on `/mcp`.

    The segment is not decoded, because an escaped slash (`%2F`) does not separate segments.

    Args:
        scope: The ASGI scope of an HTTP request.
    """
    path: str = scope["path"]
    if path in {"/mcp", "/mcp/"}:
        return None
    if not path.startswith("/bots/"):
        return ELSEWHERE
    raw: bytes = scope.get("raw_path") or path.encode()
    parts = raw.partition(b"?")[0].split(b"/")
    if parts[3:] in ([b"mcp"], [b"mcp", b""]):
        return parts[2]
    return ELSEWHERE
