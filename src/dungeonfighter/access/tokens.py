"""Access tokens: 256 random bits as a text, of which only a BLAKE2b digest is stored.

A digest without a salt suffices, because nobody can guess 256 random bits.

Source: docs/security.md, "Tokens".
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection
from typing import Final

import msgspec

from dungeonfighter.access.principals import DEFAULT_BOT, SCOPES, UNLIMITED, Limits, Principal, Scope
from dungeonfighter.errors import BadArgument
from dungeonfighter.hosting.ports import AccessToken

TOKEN_SCOPES: Final[tuple[Scope, ...]] = SCOPES[1:]
"""The scopes that a token can have; every token may read the games of its bots."""
PREFIX_CHARS: Final = 12
"""The first characters of a token, which name it in lists; 54 of its bits."""
_MARK: Final = "df_"
"""Begins every token, so that people and scanners for leaked secrets recognise one."""
_SECRET_BYTES: Final = 32
TOKEN_CHARS_MAX: Final = 128
_decode_limits: Final = msgspec.json.Decoder(Limits).decode
NAME_BYTES: Final = 16


def new_secret() -> str:
    """Draw a token."""
    return _MARK + urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()


def digest_of(secret: bytes) -> bytes:
    """Return the digest under which a token is stored."""
    return hashlib.blake2b(secret, digest_size=32).digest()


def name_of(digest: bytes) -> bytes:
    """Return the public name of a token: `NAME_BYTES` bytes that reveal neither the token nor its digest."""
    return hashlib.blake2b(digest, digest_size=NAME_BYTES, person=b"df token name").digest()


def describe(
    secret: str, *, fleet: str, bots: str, scopes: Collection[str], created_at: float, expires_at: float,
    turns_required: bool, limits: Limits = UNLIMITED,
) -> AccessToken:  # fmt: skip
    """Return the stored form of a new token.

    Raises:
        BadArgument: Fleet, pattern, scopes or limits are malformed.
    """
    unknown = [scope for scope in scopes if scope not in TOKEN_SCOPES]
    if unknown or not scopes:
        known = ", ".join(TOKEN_SCOPES)
        raise BadArgument(f"scopes are one or more of {known}; got {', '.join(unknown) or 'none'}")
    token = AccessToken(
        digest=digest_of(secret.encode()), prefix=secret[:PREFIX_CHARS], fleet=fleet, bots=bots,
        scopes=",".join(scope for scope in TOKEN_SCOPES if scope in scopes), turns_required=turns_required,
        created_at=created_at, expires_at=expires_at,
        limits="" if limits == UNLIMITED else msgspec.json.encode(limits).decode(),
    )  # fmt: skip
    try:
        principal_of(token)
    except ValueError as error:
        raise BadArgument(str(error)) from None
    return token


def principal_of(token: AccessToken, bot_prefix: str = "") -> Principal:
    """Return the principal of a token, whose calls without a bot are about `hero` behind the prefix.

    Raises:
        ValueError: The stored fleet, pattern or limits are malformed.
    """
    scopes = [scope for scope in TOKEN_SCOPES if scope in token.scopes.split(",")]
    try:
        limits = _decode_limits(token.limits) if token.limits else UNLIMITED
    except msgspec.MsgspecError:
        raise ValueError(f"its limits {token.limits[:40]!r} are malformed") from None
    return Principal(
        token.fleet, token.bots, frozenset({"read", *scopes}), turns_required=token.turns_required,
        token=token.digest, expires_at=token.expires_at, default_bot=bot_prefix + DEFAULT_BOT, limits=limits,
    )  # fmt: skip
