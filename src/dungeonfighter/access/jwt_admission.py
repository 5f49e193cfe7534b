"""The admission of callers with a JSON Web Token of an identity provider.

A token is verified once, and its principal is kept under the token's digest. With every call the admission
compares its expiry, and whether its key still counts. Keeping is only an optimization: all verdicts are
dropped when the keys change.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from typing import Final

from dungeonfighter.access import json_web_tokens
from dungeonfighter.access.admission import JudgedAdmission
from dungeonfighter.access.json_web_tokens import LEEWAY_SECONDS, BadToken, JwtPrincipal, Unverified
from dungeonfighter.access.principals import Principal, Scope
from dungeonfighter.access.protected_resource import ProtectedResource
from dungeonfighter.access.rates import Rates
from dungeonfighter.access.signing_keys import KeyCache, SigningKey
from dungeonfighter.errors import AccessUnknown, NotAllowed, ScopeMissing, Unauthenticated
from dungeonfighter.hosting.ports import Clock

_VERDICTS_MAX: Final = 65_536
_REFUSED_MAX: Final = 1024
_RETRY_SECONDS: Final = 5
_BAD: Final = "invalid_token"


class JwtAdmission(JudgedAdmission):
    """Lets in callers whose token was signed by one issuer for this server.

    Args:
        rates, bot_prefix: As for `BoundedAdmission`.
        clock: Time.
        keys: The keys of the issuer; the admission takes its `on_change`.
        resource: Names the issuer, and leads refused callers to it.
        audiences: The accepted audiences of tokens; the resource itself if there are none.
    """

    def __init__(
        self, rates: Rates, clock: Clock, keys: KeyCache, resource: ProtectedResource,
        audiences: Collection[str] = (), bot_prefix: str = "",
    ) -> None:  # fmt: skip
        super().__init__(rates, bot_prefix)
        self._wall = clock.wall
        self._keys = keys
        self._resource = resource
        self._audiences = tuple(audiences) or (resource.url, f"{resource.url}/")
        self._verdicts: dict[bytes, JwtPrincipal] = {}
        self._refused: dict[bytes, str] = {}
        """The reasons against tokens with a wrong signature: verifying them costs most."""
        keys.on_change = self._forget

    async def prepare(self, authorization: bytes | None) -> None:
        """See `Admission`; look for the key of a new token."""
        try:
            token = self._token_in(authorization)
            if _digest(token) in self._verdicts:
                return
            header = json_web_tokens.read(token).header
        except (Unauthenticated, BadToken):
            return
        if self._keys.find(header.kid, header.alg) is None:
            await self._keys.search()

    def identify(self, authorization: bytes | None) -> Principal:
        """See `Admission`; the header is `Authorization: Bearer TOKEN`."""
        token = self._token_in(authorization)
        digest = _digest(token)
        principal = self._verdicts.get(digest)
        if principal is None:
            principal = self._verdict(token, digest)
        self._judge(principal)
        return principal

    def _judge(self, principal: Principal) -> float:
        key: SigningKey = principal.key  # type: ignore[attr-defined]  # `identify` makes no others
        now, left = self._now(), principal.expires_at + LEEWAY_SECONDS - self._wall()
        if left <= 0 or now > key.valid_until:
            raise self._end_of(principal, key)
        return min(key.valid_until, math.nextafter(now + left, -math.inf))  # at the end itself it has ended

    def _lacks(self, principal: Principal, scope: Scope) -> NotAllowed:
        needed = {*principal.scopes, scope} - {"read"}
        return ScopeMissing(
            f"the access token lacks the scope {scope}",
            challenge=self._resource.challenge("insufficient_scope", needed),
        )

    def _token_in(self, authorization: bytes | None) -> bytes:
        scheme, _, token = (authorization or b"").strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            issuer = self._resource.issuer
            what = f"send the header `Authorization: Bearer TOKEN` with an access token of {issuer}"
            raise Unauthenticated(what, challenge=self._resource.challenge())
        return token

    def _verdict(self, token: bytes, digest: bytes) -> JwtPrincipal:
        """Verify a token and keep the verdict.

        Raises:
            Unauthenticated: It is not accepted.
            AccessUnknown: No keys are known.
        """
        try:
            found = json_web_tokens.read(token)
            if found.claims.iss != self._resource.issuer:
                raise BadToken("the access token is of another issuer")
            json_web_tokens.check_times(found.claims, self._wall())
            key = self._keys.find(found.header.kid, found.header.alg)
            if key is None:
                self._demand_keys()
                raise BadToken("the key or the algorithm of the access token is not one of the issuer")
            if (reason := self._refused.get(digest)) is not None:
                raise BadToken(reason)
            self._verify(found, key, digest)
            principal = json_web_tokens.principal_of(found.claims, key, self._bot_prefix)
        except BadToken as error:
            raise self._unauthenticated(str(error)) from None
        if len(self._verdicts) >= _VERDICTS_MAX:
            del self._verdicts[next(iter(self._verdicts))]
        self._verdicts[digest] = principal
        return principal

    def _verify(self, found: Unverified, key: SigningKey, digest: bytes) -> None:
        try:
            json_web_tokens.verify(found, key, self._resource.issuer, self._audiences)
        except BadToken as error:
            if len(self._refused) >= _REFUSED_MAX:
                self._refused.clear()
            self._refused[digest] = str(error)
            raise

    def _end_of(self, principal: Principal, key: SigningKey) -> Unauthenticated:
        """Return the reason why the token of a principal is valid no more.

        Raises:
            AccessUnknown: Nobody can tell.
        """
        if self._now() > key.valid_until and self._wall() < principal.expires_at + LEEWAY_SECONDS:
            self._demand_keys()
            return self._unauthenticated("the key of the access token was withdrawn")
        return self._unauthenticated("the access token has expired")

    def _demand_keys(self) -> None:
        if not self._keys.is_known:
            what = "the identity provider that knows the keys of access tokens does not answer; "
            raise AccessUnknown(f"{what}try again in {_RETRY_SECONDS} s", retry_after_seconds=_RETRY_SECONDS)

    def _unauthenticated(self, what: str) -> Unauthenticated:
        return Unauthenticated(what, challenge=self._resource.challenge(_BAD))

    def _forget(self) -> None:
        self._forget_verdicts()
        self._verdicts.clear()
        self._refused.clear()


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=32).digest()
