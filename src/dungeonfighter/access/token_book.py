"""All access tokens in memory, so that a call is judged without a question to the store.

`refresh` asks the store every `REFRESH_SECONDS` for what changed, so a token that was revoked anywhere is
refused here within 5 s. A token that is unknown here may be a new one: `search` asks the store for it at
once, but not more often than every `SEARCH_SECONDS`, however many unknown tokens are sent. While the store
does not answer, the last known tokens stay valid for `STALE_SECONDS_MAX`; after that nobody is let in.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from dungeonfighter.access import tokens
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import AccessUnknown, StoreError, Unauthenticated
from dungeonfighter.hosting.ports import AccessToken, Clock

REFRESH_SECONDS: Final = 2.0
STALE_SECONDS_MAX: Final = 60.0
SEARCH_SECONDS: Final = 1.0
SEARCHERS_MAX: Final = 64
"""Callers with unknown tokens that wait for an answer of the store; further ones are refused at once."""
_UNKNOWN_MAX: Final = 1024
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
        self._unknown: dict[bytes, None] = {}
        """Digests and names that the store did not know; a token is printed after the store knows it."""
        self._asking = asyncio.Lock()
        self._searchers = 0
        self._search_from = -math.inf
        self._asked = self._answered = 0
        """The numbers of the last question, and of the last one that was answered."""
        self._version = 0
        self._valid_until = -math.inf

    def __len__(self) -> int:
        return len(self._live)

    async def refresh(self) -> None:
        """Learn what changed in the store; a store that does not answer is logged and tried later."""
        async with self._asking:  # an answer that comes late must not bring back a revoked token
            await self._ask()

    async def search(self, secret: bytes) -> None:
        """Ask the store for a token that is unknown here, unless it did not know the token before.

        Callers at the same time share one question, which begins within `SEARCH_SECONDS`. While
        `SEARCHERS_MAX` of them wait, further ones do not.
        """
        await self._search(tokens.digest_of(secret), self._live)

    async def search_named(self, name: bytes) -> None:
        """Ask the store for the token with this public name, as `search` does."""
        await self._search(name, self._digests)

    async def _search(self, key: bytes, known: Mapping[bytes, object]) -> None:
        if key in known or key in self._unknown or self._searchers >= SEARCHERS_MAX:
            return
        asked_before = self._asked
        self._searchers += 1
        try:
            async with self._asking:
                if key not in known and self._asked == asked_before:
                    await self._clock.sleep(max(0.0, self._search_from - self._clock.now()))
                    self._search_from = self._clock.now() + SEARCH_SECONDS
                    await self._ask()
        finally:
            self._searchers -= 1
        if key not in known and self._answered > asked_before:
            if len(self._unknown) >= _UNKNOWN_MAX:
                del self._unknown[next(iter(self._unknown))]
            self._unknown[key] = None

    async def _ask(self) -> None:
        self._asked += 1
        question, asked_at = self._asked, self._clock.now()
        try:
            changed = await self._source.tokens_after(self._version)
        except StoreError as error:
            logger.warning("access tokens cannot be refreshed: %s", error)
            return
        for token in changed:
            self._learn(token)
        if changed:
            self.on_change()
        self._answered = question
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
