"""The one admission: every entry point of the server calls `admit` before it reads or changes a game.

The entry points are the short way and the SDK way over HTTP, stdio, each step of `step_many`,
`resources/read`, `prompts/get`, and every path under `/api/`. An entry point identifies its caller once for
each request or remembered head (stdio: once for the process), and calls `admit` for every call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final, Protocol

from dungeonfighter.access.principals import EVERY_BOT, LOCAL, UNLIMITED, Principal, Scope
from dungeonfighter.access.rates import Rates
from dungeonfighter.access.token_book import TokenBook
from dungeonfighter.access.tokens import TOKEN_CHARS_MAX
from dungeonfighter.errors import NotAllowed, Unauthenticated

_JUDGED_SECONDS: Final = 1.0


class Admission(Protocol):
    """Decides about callers and about each of their calls."""

    async def prepare(self, authorization: bytes | None) -> None:
        """Learn what `identify` needs for these credentials and can only wait for; never raises.

        An entry point that can wait calls this first. One that cannot wait leaves a caller that `identify`
        refuses to one that can.
        """

    def identify(self, authorization: bytes | None) -> Principal:
        """Return the principal of a caller.

        Args:
            authorization: The value of the `Authorization` header, several joined by a comma; None if there
                is none, as on stdio.

        Raises:
            Unauthenticated: There are no credentials, or none that are valid now.
            AccessUnknown: The server cannot tell now.
        """

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        """Return if the call may happen now; charge its turns to the principal.

        A principal that was identified earlier may be refused later: callers may keep a principal, but must
        ask for every call.

        Args:
            principal: From `identify`.
            scope: The kind of the call: reading or playing.
            bot: The bot's id; None where the call is about no bot, or shows only bots that the principal
                covers.
            turns: The cost of the call; 0 for a call that plays no turn, which counts as one call.

        Raises:
            NotAllowed: The principal may not do this.
            Unauthenticated, AccessUnknown: As `identify`.
            RateLimited: The bot, the token or the fleet has used up its calls; nothing was charged.
        """


class BoundedAdmission:
    """Enforces the scopes, the bot pattern and the rates of each principal.

    Every caller is the same principal, whatever it sends: there are no credentials.

    Args:
        rates: The limits on calls a second.
        bot_prefix: The beginning of the ids of all bots of this server; "" for none.
        caller: The principal of every caller.
    """

    def __init__(self, rates: Rates, bot_prefix: str = "", caller: Principal = LOCAL) -> None:
        self._rates = rates
        self._bot_prefix = bot_prefix
        self._has_rates = rates.are_on
        self._caller = caller

    async def prepare(self, authorization: bytes | None) -> None:
        """See `Admission`."""

    def identify(self, authorization: bytes | None) -> Principal:
        """See `Admission`."""
        del authorization
        return self._caller

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        """See `Admission`."""
        if scope not in principal.scopes:
            raise NotAllowed(f"the caller lacks the scope {scope}")
        is_bounded = principal.bots != EVERY_BOT or self._bot_prefix
        if is_bounded and bot is not None and not self._covers(principal, bot):
            raise self._beyond(principal, bot)
        if self._has_rates or principal.limits is not UNLIMITED:
            cost = turns or (scope != "fleet")
            if cost:  # a call of `step_many` costs no more than its steps, each of which is charged by itself
                self._rates.charge(principal, bot, cost)

    def _covers(self, principal: Principal, bot: str) -> bool:
        return principal.covers(bot) and bot.startswith(self._bot_prefix)

    def _beyond(self, principal: Principal, bot: str) -> NotAllowed:
        """Return the refusal for a bot that is not covered; it does not depend on whether the bot exists."""
        if not bot.startswith(self._bot_prefix):
            allowed = f"the bots of this server are {self._bot_prefix}* (BOT_ID_PREFIX)"
        else:
            allowed = f"this token may act for {principal.bots}"
        if bot == principal.own_bot:
            what = f"the caller may not act for the bot {bot}, which plays where a call names none"
            return NotAllowed(f"{what}; name a bot with botId: {allowed}")
        return NotAllowed(f"the caller may not act for the bot {bot}: {allowed}")


class JudgedAdmission(BoundedAdmission):
    """Lets in callers with credentials that may end.

    It keeps the time until which a verdict holds beside the limits of the principal, for `_JUDGED_SECONDS` at
    most. Whoever learns that credentials changed calls `_forget_verdicts`.

    Args:
        rates, bot_prefix: As for `BoundedAdmission`.
    """

    def __init__(self, rates: Rates, bot_prefix: str = "") -> None:
        super().__init__(rates, bot_prefix)
        self._now = rates.now
        self._accounts = rates.accounts
        self._charge = rates.charge_account

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        """See `Admission`."""
        account = self._accounts.get(id(principal))
        if account is None:
            account = self._rates.open_account(principal)
        now = self._now()
        if now > account.judged_until:
            account.judged_until = min(self._judge(principal), now + _JUDGED_SECONDS)
        if scope not in principal.scopes:
            raise self._lacks(principal, scope)
        if (account.is_bounded or self._bot_prefix) and bot is not None and not self._covers(principal, bot):
            raise self._beyond(principal, bot)
        if account.is_limited:
            cost = turns or (scope != "fleet")
            if cost:
                self._charge(account, bot, cost, now)

    def _judge(self, principal: Principal) -> float:
        """Return the time, of the clock of the rates, at which the credentials of a principal may end.

        Raises:
            Unauthenticated, AccessUnknown: As `identify`.
        """
        raise NotImplementedError

    def _lacks(self, principal: Principal, scope: Scope) -> NotAllowed:
        """Return the refusal of a principal without a scope."""
        del principal
        return NotAllowed(f"the access token lacks the scope {scope}: ask the operator for one that has it")

    def _forget_verdicts(self) -> None:
        self._accounts.clear()


class TokenAdmission(JudgedAdmission):
    """Lets in callers with an access token.

    Args:
        rates, bot_prefix: As for `BoundedAdmission`.
        book: Knows the tokens; the admission takes its `on_change`.
    """

    def __init__(self, rates: Rates, book: TokenBook, bot_prefix: str = "") -> None:
        super().__init__(rates, bot_prefix)
        self.book = book
        book.on_change = self._forget_verdicts

    async def prepare(self, authorization: bytes | None) -> None:
        """See `Admission`; look for a new token in the store."""
        with contextlib.suppress(Unauthenticated):
            await self.book.search(_secret_in(authorization))

    def identify(self, authorization: bytes | None) -> Principal:
        """See `Admission`; the header is `Authorization: Bearer TOKEN`."""
        return self.book.find(_secret_in(authorization))

    def _judge(self, principal: Principal) -> float:
        return self.book.check(principal)


def _secret_in(authorization: bytes | None) -> bytes:
    """Return the token in the value of an `Authorization` header.

    Raises:
        Unauthenticated: There is none.
    """
    if authorization is None:
        raise Unauthenticated("send the header `Authorization: Bearer TOKEN` with an access token")
    scheme, _, secret = authorization.strip().partition(b" ")
    secret = secret.strip()
    if scheme.lower() != b"bearer" or not 0 < len(secret) <= TOKEN_CHARS_MAX:
        raise Unauthenticated("the header must be `Authorization: Bearer TOKEN`")
    return secret


def joined(values: Iterable[bytes]) -> bytes | None:
    """Return the values of the `Authorization` headers of one request as `Admission.identify` takes them.

    Source: RFC 9110, section 5.3.
    """
    found = list(values)
    return b", ".join(found) if found else None
