"""Sessions of the watch page: a browser shows its access token once, and gets a sealed value in its place.

The value is the public name of the token, the end of the session, some random bytes, and a seal over them.
The key of the seal is made of the stored digest of the token, so every server on the same store reads the
sessions of every other, without a table. `SIGNING_KEY` goes into it too, if it was given: then a copy of the
store does not suffice to make sessions. The value does not reveal the token, and is worth nothing once the
token is revoked or has expired.

Source: docs/decisions/028-page-sessions.md.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from dungeonfighter.access.principals import Principal
from dungeonfighter.access.token_book import TokenBook
from dungeonfighter.access.tokens import NAME_BYTES, name_of
from dungeonfighter.errors import Unauthenticated
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.signing_secrets import first_secret

SESSION_SECONDS: Final = 12 * 3600
"""The lifetime of a session; it ends earlier with its token."""
_NONCE_BYTES: Final = 8
_SEAL_BYTES: Final = 32
_END: Final = slice(NAME_BYTES, NAME_BYTES + 8)
_SEALED: Final = NAME_BYTES + 8 + _NONCE_BYTES
_VALUE_BYTES: Final = _SEALED + _SEAL_BYTES
VALUE_CHARS: Final = -(-_VALUE_BYTES * 4 // 3)
_PURPOSE: Final = b"df page session"


class Session(NamedTuple):
    """One session: its value, its caller, and its end in seconds since 1970."""

    value: str
    principal: Principal
    expires_at: int


class PageSessions:
    """Opens and reads the sessions of one store.

    Args:
        book: Knows the tokens.
        clock: Time.
        signing_key: Secrets of all servers of the store that are not in the store; the first one counts.
    """

    def __init__(self, book: TokenBook, clock: Clock, signing_key: str = "") -> None:
        self._book = book
        self._clock = clock
        self.use(signing_key)

    def use(self, signing_key: str) -> None:
        """Seal with another signing key from now on; if its first secret is another one, all sessions end."""
        secret = first_secret(signing_key).encode(errors="replace")
        self._key = hashlib.blake2b(secret, person=_PURPOSE).digest()

    async def open(self, secret: bytes) -> Session:
        """Begin a session with an access token, which may be one that was made just now.

        Raises:
            Unauthenticated: There is no such token, or it is not valid now.
            AccessUnknown: The server cannot tell now.
        """
        await self._book.search(secret)
        principal = self._book.find(secret)
        end = int(self._clock.wall()) + SESSION_SECONDS
        if principal.expires_at:
            end = min(end, int(principal.expires_at))
        sealed = name_of(principal.token) + end.to_bytes(8, "big") + secrets.token_bytes(_NONCE_BYTES)
        value = urlsafe_b64encode(sealed + self._seal(sealed, principal)).rstrip(b"=").decode()
        return Session(value, principal, end)

    async def prepare(self, value: str) -> None:
        """Learn what `find` needs for this value and can only wait for; never raises."""
        with contextlib.suppress(Unauthenticated):
            await self._book.search_named(_decoded(value)[:NAME_BYTES])

    def find(self, value: str) -> Session:
        """Return the session of a value, if it is valid now.

        Raises:
            Unauthenticated: The value is none of ours, or the session or its token has ended.
            AccessUnknown: As `open`.
        """
        content = _decoded(value)
        sealed, seal = content[:_SEALED], content[_SEALED:]
        principal = self._book.find_named(sealed[:NAME_BYTES])
        if not hmac.compare_digest(seal, self._seal(sealed, principal)):
            raise _ended()
        end = int.from_bytes(sealed[_END], "big")
        if self._clock.wall() >= end:
            raise _ended()
        return Session(value, principal, end)

    def _seal(self, sealed: bytes, principal: Principal) -> bytes:
        key = hashlib.blake2b(principal.token, key=self._key).digest()
        return hashlib.blake2b(sealed, key=key, digest_size=_SEAL_BYTES).digest()


def _decoded(value: str) -> bytes:
    if len(value) != VALUE_CHARS or not value.isascii():
        raise _ended()
    try:
        content = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except binascii.Error:
        raise _ended() from None
    if len(content) != _VALUE_BYTES:
        raise _ended()
    return content


def _ended() -> Unauthenticated:
    return Unauthenticated("this session has ended; log in")
