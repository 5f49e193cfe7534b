"""The one admission: every door of the server passes `Admission.admit` before a game is looked at or changed.

The doors are the short way and the SDK way over HTTP, stdio, each step of `step_many`, `resources/read`,
`prompts/get`, and every path under `/api/`. A door identifies its caller once for each connection or head,
and asks for admission with every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from dungeonfighter.access.principals import EVERY_BOT, LOCAL, UNLIMITED, Principal, Scope
from dungeonfighter.errors import NotAllowed, RateLimited

BURST_SECONDS: Final = 1.0
"""An idle principal may save this much of its rate."""


class Admission(Protocol):
    """Decides about callers and about each of their calls."""

    def identify(self, authorization: bytes | None) -> Principal:
        """Return the principal of a caller.

        Args:
            authorization: The value of the `Authorization` header, several joined by a comma; None if there
                is none, as on stdio.

        Raises:
            NotAllowed: These credentials are not accepted.
        """

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        """Return if the call may happen now; charge its turns to the principal.

        A principal that was identified earlier may be refused later: the callers keep principals, not
        verdicts.

        Args:
            principal: From `identify`.
            scope: What the call does.
            bot: The bot's id; None where the call is about no bot, or shows only bots that the principal
                covers.
            turns: What the call costs.

        Raises:
            NotAllowed: The principal may not do this.
            RateLimited: The principal has used up its turns; nothing was charged.
        """


class BoundedAdmission:
    """Holds each principal to its scopes, its bots and its rate.

    Every caller is the same principal, whatever it sends: there are no credentials yet.

    Args:
        now: The time in seconds, which never goes back.
        caller: The principal of every caller.
    """

    def __init__(self, now: Callable[[], float], caller: Principal = LOCAL) -> None:
        self._now = now
        self._caller = caller
        self._paid_until: dict[Principal, float] = {}
        """By principal with a rate: the time at which its turns are paid off."""

    def identify(self, authorization: bytes | None) -> Principal:
        """See `Admission`."""
        del authorization
        return self._caller

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        """See `Admission`."""
        if scope not in principal.scopes:
            raise NotAllowed(f"the caller may not {scope}")
        if bot is not None and principal.bots != EVERY_BOT and not principal.covers(bot):
            raise NotAllowed(f"the caller may not act for the bot {bot}")
        limits = principal.limits
        if limits is not UNLIMITED and turns and limits.turns_per_second is not None:
            self._charge(principal, turns / limits.turns_per_second)

    def _charge(self, principal: Principal, seconds: float) -> None:
        """Let one call overdraw the account, and refuse the next ones until it is paid off."""
        now = self._now()
        paid_until = max(self._paid_until.get(principal, 0.0), now - BURST_SECONDS)
        if paid_until > now:
            wait = max(1, math.ceil(paid_until - now))
            raise RateLimited("too many turns", retry_after_seconds=wait)
        self._paid_until[principal] = paid_until + seconds


def joined(values: Iterable[bytes]) -> bytes | None:
    """Return the values of the `Authorization` headers of one request as `Admission.identify` takes them.

    Source: RFC 9110, section 5.3.
    """
    found = list(values)
    return b", ".join(found) if found else None
