"""All access tokens in memory, so that a call is judged without a question to the store.

`refresh` asks the store every `REFRESH_SECONDS` for what changed, so a token that was made or revoked
anywhere is known here within 5 s. While the store does not answer, the last known tokens stay valid for
`STALE_SECONDS_MAX`; after that nobody is let in.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final, Protocol

from dungeonfighter.access import tokens
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import AccessUnknown, StoreError, Unauthenticated
from dungeonfighter.hosting.ports import AccessToken, Clock

REFRESH_SECONDS: Final = 2.0
STALE_SECONDS_MAX: Final = 60.0
SKEW_SECONDS: Final = 30.0
"""The difference of clocks up to which a token still counts as valid."""
_RETRY_SECONDS: Final = 3

logger = logging.getLogger(__name__)


class TokenSource(Protocol):
    """The part of a host that a `TokenBook` needs."""

    async def tokens_after(self, version: int) -> list[AccessToken]:
        """See `hosting.ports.Store`."""


class TokenBook:
    """The tokens of one store.

    Args:
        source: Reads the tokens.
        clock: Time.
        bot_prefix: As for `tokens.principal_of`.

    Attributes:
        on_change: Called after tokens were made, changed or revoked.
    """

    def __init__(self, source: TokenSource, clock: Clock, bot_prefix: str = "") -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._bot_prefix = bot_prefix
        self._source = source
        self._clock = clock
        self._live: dict[bytes, Principal] = {}
        self._digests: dict[bytes, bytes] = {}
        """The digests of the live tokens by their public names."""
        self._version = 0
        self._valid_until = -math.inf

    def __len__(self) -> int:
        return len(self._live)

    async def refresh(self) -> None:
        """Learn what changed in the store; a store that does not answer is logged and tried later."""
        asked_at = self._clock.now()
        try:
            changed = await self._source.tokens_after(self._version)
        except StoreError as error:
            logger.warning("access tokens cannot be refreshed: %s", error)
            return
        for token in changed:
            self._learn(token)
        if changed:
            self.on_change()
        self._valid_until = asked_at + REFRESH_SECONDS + STALE_SECONDS_MAX

    async def keep_fresh(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self._clock.sleep(REFRESH_SECONDS)
            await self.refresh()

    def find(self, secret: bytes) -> Principal:
        """Return the principal of a token.

        Raises:
            Unauthenticated: There is no such token, or it is not valid now.
            AccessUnknown: The store has not answered for too long.
        """
        return self._checked(tokens.digest_of(secret), "this access token is unknown or was revoked")

    def find_named(self, name: bytes) -> Principal:
        """Return the principal of the token with this public name (`tokens.name_of`).

        Raises:
            Unauthenticated, AccessUnknown: As `find`.
        """
        return self._checked(self._digests.get(name, b""), "this access token was revoked")

    def check(self, principal: Principal) -> float:
        """Return the time, of the clock's `now`, until which the token of a principal is valid for sure.

        Raises:
            Unauthenticated, AccessUnknown: As `find`.
        """
        self._demand_knowledge()
        if self._live.get(principal.token) is not principal:
            raise Unauthenticated("this access token was revoked")
        if not principal.expires_at:
            return self._valid_until
        left = principal.expires_at + SKEW_SECONDS - self._clock.wall()
        if left < 0:
            raise Unauthenticated("this access token has expired")
        return min(self._valid_until, self._clock.now() + left)

    def _checked(self, digest: bytes, absent: str) -> Principal:
        principal = self._live.get(digest)
        if principal is None:
            self._demand_knowledge()
            raise Unauthenticated(absent)
        self.check(principal)
        return principal

    def _demand_knowledge(self) -> None:
        if self._clock.now() > self._valid_until:
            what = f"the store that knows the access tokens does not answer; try again in {_RETRY_SECONDS} s"
            raise AccessUnknown(what, retry_after_seconds=_RETRY_SECONDS)

    def _learn(self, token: AccessToken) -> None:
        self._version = max(self._version, token.version)
        self._live.pop(token.digest, None)
        name = tokens.name_of(token.digest)
        self._digests.pop(name, None)
        if token.revoked_at:
            return
        try:
            self._live[token.digest] = tokens.principal_of(token, self._bot_prefix)
            self._digests[name] = token.digest
        except ValueError as error:
            logger.warning("the access token %s... is damaged and lets nobody in: %s", token.prefix, error)
