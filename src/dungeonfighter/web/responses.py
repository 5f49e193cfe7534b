"""Whole answers of the watch page, over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from dungeonfighter.errors import (
    BadInput,
    DungeonFighterError,
    NotAllowed,
    Overloaded,
    RateLimited,
    ScopeMissing,
    StoreError,
    Unauthenticated,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

NO_STORE: Final = (b"cache-control", b"no-store")
_STORE_RETRY_SECONDS: Final = 3
_SAFETY: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


async def send_json(send: Send, value: object, *headers: Header) -> None:
    """Answer 200 with a value, or with JSON text that was made before (`msgspec.Raw`)."""
    await send_whole(send, 200, msgspec.json.encode(value), b"application/json", NO_STORE, *headers)


async def send_error(send: Send, error: DungeonFighterError) -> None:
    """Answer with an error of the game and its status."""
    status = _status(error)
    headers: list[Header] = []
    if isinstance(error, Unauthenticated | ScopeMissing):
        headers.append((b"www-authenticate", error.challenge.encode("ascii")))
    if status in {429, 503}:
        seconds = error.retry_after_seconds if isinstance(error, Overloaded) else _STORE_RETRY_SECONDS
        headers.append((b"retry-after", b"%d" % seconds))
    await send_fault(send, status, error.code, str(error), *headers)


async def send_fault(send: Send, status: int, code: str, message: str, *headers: Header) -> None:
    """Answer with this status, code and message."""
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    await send_whole(send, status, body, b"application/json", NO_STORE, *headers)


async def send_whole(send: Send, status: int, body: bytes, kind: bytes, *headers: Header) -> None:
    """Answer with a whole body; a 304 has none."""
    length = ((b"content-length", b"%d" % len(body)),) if status != 304 else ()
    await send_head(send, status, kind, *headers, *length)
    await send({"type": "http.response.body", "body": body})


async def send_head(send: Send, status: int, kind: bytes, *headers: Header) -> None:
    """Begin an answer."""
    all_headers = [(b"content-type", kind), *headers, *_SAFETY]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})


def _status(error: DungeonFighterError) -> int:
    if isinstance(error, BadInput):
        return 404 if error.code == "unknown_bot" else 400
    if isinstance(error, Unauthenticated):
        return 401
    if isinstance(error, NotAllowed):
        return 403
    if isinstance(error, RateLimited):
        return 429
    return 503 if isinstance(error, Overloaded | StoreError) else 500
