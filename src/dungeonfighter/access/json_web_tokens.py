"""JSON Web Tokens: read before they are trusted, verified, and turned into a principal.

`read` decodes a token strictly and with bounds: anybody can send one. `verify` trusts the key that it is
given and no other: keys and addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) have no effect.

Source: RFC 7519; RFC 8725; docs/operations.md, "Access with an identity provider".
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from binascii import Error as BinasciiError
from collections.abc import Collection
from typing import Final

import jwt
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from dungeonfighter.access.principals import DEFAULT_BOT, EVERY_BOT, SCOPES, Principal, Scope
from dungeonfighter.access.signing_keys import SigningKey

TOKEN_BYTES_MAX: Final = 8192
LEEWAY_SECONDS: Final = 30.0
"""The difference of clocks that is forgiven."""
LIFETIME_SECONDS_MAX: Final = 366 * 86_400.0
"""A token that is valid for longer than a year is taken for a mistake of its issuer."""
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_GRANTED: Final[tuple[Scope, ...]] = SCOPES[1:]
"""The scopes that a token can grant; every token may read the games of its bots."""


class BadToken(Exception):
    """A token is malformed, or not one that this server accepts; the message contains no part of it."""


class Header(Struct, frozen=True):
    """The members of a token's header that count."""

    alg: str
    kid: str | None = None
    crit: Raw | UnsetType = UNSET
    b64: Raw | UnsetType = UNSET


class Claims(Struct, frozen=True, kw_only=True):
    """The claims that count; those of the game are `fleet`, `bots`, `turns_required` and the scopes."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float | None = None
    iat: float | None = None
    scope: str | list[str] = ""
    scp: str | list[str] = ""
    """The name that some providers use for `scope`."""
    fleet: str | None = None
    bots: str = EVERY_BOT
    turns_required: bool = False


class Unverified(Struct, frozen=True):
    """A token that is well-formed; only its key can tell whether it is genuine."""

    token: bytes
    header: Header
    claims: Claims


class JwtPrincipal(Principal, frozen=True, kw_only=True):
    """The principal of a JSON Web Token; `token` is the digest of issuer and subject.

    So a caller that renews its token keeps its rate and its quota.
    """

    key: SigningKey


_decode_header: Final = msgspec.json.Decoder(Header).decode
_decode_claims: Final = msgspec.json.Decoder(Claims).decode


def read(token: bytes) -> Unverified:
    """Return the header and the claims of a token.

    Raises:
        BadToken: It is malformed, or a claim is missing or has the wrong type.
    """
    parts = token.split(b".")
    if len(token) > TOKEN_BYTES_MAX:
        raise BadToken(f"the access token is longer than {TOKEN_BYTES_MAX} bytes")
    if len(parts) != 3 or not all(parts) or token.translate(None, _ALPHABET) != b"..":
        raise BadToken("the access token is no signed JSON Web Token")
    try:
        header = _decode_header(_decoded(parts[0]))
        claims = _decode_claims(_decoded(parts[1]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BinasciiError) as error:
        raise BadToken(f"the access token cannot be read: {error}") from None
    if header.crit is not UNSET or header.b64 is not UNSET:
        raise BadToken("the access token demands an extension that is unknown here")
    return Unverified(token, header, claims)


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def verify(token: Unverified, key: SigningKey, issuer: str, audiences: Collection[str]) -> None:
    """Return if the token was signed with the key, by the issuer, for one of the audiences.

    Raises:
        BadToken: It was not.
    """
    try:
        jwt.decode(
            token.token, key.public, algorithms=[token.header.alg], issuer=issuer, audience=audiences,
            options={
                "require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True,
                "verify_exp": False, "verify_nbf": False, "verify_iat": False,  # see `check_times`
            },
        )  # fmt: skip
    except jwt.InvalidAudienceError:
        raise BadToken("the access token is for another audience") from None
    except jwt.InvalidIssuerError:
        raise BadToken("the access token is of another issuer") from None
    except jwt.InvalidSignatureError:
        raise BadToken("the signature of the access token is wrong") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise BadToken("the access token is malformed") from None


def check_times(claims: Claims, now: float) -> None:
    """Return if a token is valid at this time, in seconds since 1970.

    The server's clock may be wrong, so `iat` refuses no token.

    Raises:
        BadToken: It has expired, or is not valid yet, or is valid for too long.
    """
    if now >= claims.exp + LEEWAY_SECONDS:
        raise BadToken("the access token has expired")
    if claims.nbf is not None and now < claims.nbf - LEEWAY_SECONDS:
        raise BadToken("the access token is not valid yet (claim `nbf`)")
    if claims.exp > now + LIFETIME_SECONDS_MAX:
        raise BadToken("the access token is valid for more than a year (claim `exp`)")


def principal_of(claims: Claims, key: SigningKey, bot_prefix: str = "") -> JwtPrincipal:
    """Return the principal of verified claims, whose calls without a bot are about `hero` behind the prefix.

    Raises:
        BadToken: The claims name no fleet, or a malformed fleet or bot pattern.
    """
    if claims.fleet is None:
        raise BadToken("the access token names no fleet (claim `fleet`)")
    if not claims.sub:
        raise BadToken("the access token names no subject (claim `sub`)")
    words = {*_words(claims.scope), *_words(claims.scp)}
    scopes = [scope for scope in _GRANTED if scope in words]
    digest = hashlib.blake2b(msgspec.json.encode([claims.iss, claims.sub]), digest_size=32).digest()
    try:
        return JwtPrincipal(
            claims.fleet, claims.bots, frozenset({"read", *scopes}), turns_required=claims.turns_required,
            token=digest, expires_at=claims.exp, key=key,
            default_bot=bot_prefix + DEFAULT_BOT,
        )  # fmt: skip
    except ValueError as error:
        raise BadToken(f"the claims of the access token are malformed: {error}") from None


def _words(scope: str | list[str]) -> list[str]:
    return scope.split(" ") if isinstance(scope, str) else scope
