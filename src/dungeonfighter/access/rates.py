"""Limits on calls a second: of each bot, each access token and each fleet.

A limit is a mean rate with a burst: whoever was idle may spend the calls of `BURST_SECONDS` at once. A limit
is one number for each bot, token or fleet, the time until which its calls are paid for. A call is refused
while that time lies in the future, and otherwise moves it on by its cost; the cost of one call may overdraw
once, because a call of a thousand turns could otherwise never begin.

The limits of a fleet or token hold for the whole server, or for all replicas together: each process gets a
share of the rate by its part of the demand (`leases`). Until a process knows better, its share is its equal
part. When a share changes, the calls that were saved up or overdrawn stay the same, so that no burst is made
by moving from process to process. A bot has no shares: its limit holds in each process that it uses.

Source: docs/operations.md, "Limits".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from dungeonfighter.access.principals import UNLIMITED, Principal
from dungeonfighter.errors import RateLimited

BURST_SECONDS: Final = 2.0
_GENERATION_SECONDS: Final = 2 * BURST_SECONDS
_OFF: Final = 0.0
_OWED_CALLS: Final = 0.1
"""The demand of a name that owes calls and asks for none; with it the name keeps its share meanwhile."""


class RateSettings(Struct, frozen=True):
    """Calls a second; 0 means no limit.

    `parts` is the number of processes that share the rates of fleets and tokens; `are_leased` is True if
    somebody takes the demand and divides them.
    """

    per_bot: float = _OFF
    per_token: float = _OFF
    per_fleet: float = _OFF
    parts: int = 1
    are_leased: bool = False

    @property
    def are_on(self) -> bool:
        return max(self.per_bot, self.per_token, self.per_fleet) > _OFF


class Rates:
    """The limits of one process.

    Args:
        settings: The rates.
        now: The time in seconds, which never goes back.
    """

    def __init__(self, settings: RateSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._bots = _Meters(now())
        self._shared = _Meters(now())
        self._equal_share = 1.0 / settings.parts
        self._shares: dict[str, float] = {}
        self._demand: dict[str, float] = {}
        self._owing: set[str] = set()

    @property
    def are_on(self) -> bool:
        """True if any limit of the settings is on; tokens may have limits of their own."""
        return self._settings.are_on

    @property
    def are_leased(self) -> bool:
        """True if the demand must be taken; it grows otherwise."""
        return self._settings.are_leased

    def charge(self, principal: Principal, bot: str | None, calls: float) -> None:
        """Charge a call to its bot, its token and its fleet.

        Args:
            principal: The caller.
            bot: The bot that the call is about; None for no bot.
            calls: The cost of the call.

        Raises:
            RateLimited: One of them has used up its calls; nothing was charged.
        """
        now = self._now()
        charges = self._charges(principal, bot, calls)
        for meters, name, seconds, who, rate in charges:
            wait = meters.wait_seconds(name, now)
            if wait > 0:  # the share of a caller who waits grows, if nobody else needs the calls
                raise _limited(who, rate, wait * calls / (seconds * rate))
        for meters, name, seconds, _, _ in charges:
            paid_until = meters.add(name, seconds, now)
            if paid_until > now and meters is self._shared and self._settings.are_leased:
                self._owing.add(name)

    def _charges(self, principal: Principal, bot: str | None, calls: float) -> list[_Charge]:
        given, fleet = self._settings, principal.fleet
        charges: list[_Charge] = []
        if given.per_bot and bot is not None:
            charges.append(
                (self._bots, f"{fleet}/{bot}", calls / given.per_bot, f"the bot {bot}", given.per_bot)
            )
        rate = principal.limits.calls_per_second or given.per_token
        if rate and (principal.token or principal.limits is not UNLIMITED):
            name = f"token {principal.token.hex() or principal.bots}"
            seconds = calls / (rate * self._share(name, calls))
            charges.append((self._shared, name, seconds, "this caller", rate))
        if given.per_fleet:
            name = f"fleet {fleet}"
            seconds = calls / (given.per_fleet * self._share(name, calls))
            charges.append((self._shared, name, seconds, f"the fleet {fleet}", given.per_fleet))
        return charges

    def take_demand(self) -> dict[str, float]:
        """Return the calls asked for since the last call of this method by name, refused ones included."""
        demand, self._demand = self._demand, {}
        now = self._now()
        self._owing = {name for name in self._owing if self._shared.wait_seconds(name, now) > 0}
        for name in self._owing:
            demand.setdefault(name, _OWED_CALLS)
        return demand

    def learn(self, shares: Mapping[str, float]) -> None:
        """Learn the shares of this process in the rates of some names, from 0 to 1; 0 is an equal part."""
        now = self._now()
        for name, given in shares.items():
            former, share = self._shares.pop(name, self._equal_share), given or self._equal_share
            if given:
                self._shares[name] = share
            self._shared.stretch(name, former / share, now)

    def _share(self, name: str, calls: float) -> float:
        if self._settings.are_leased:
            self._demand[name] = self._demand.get(name, 0.0) + calls
        return self._shares.get(name) or self._equal_share


class _Meters:
    """Times until which calls are paid for; names that were idle for long cost no memory."""

    def __init__(self, now: float) -> None:
        self._recent: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self._turned_at = now

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def wait_seconds(self, name: str, now: float) -> float:
        paid_until = self._recent.get(name)
        if paid_until is None:
            paid_until = self._older.get(name, 0.0)
        return paid_until - now

    def add(self, name: str, seconds: float, now: float) -> float:
        """Charge a name; return the time until which its calls are paid for."""
        if now - self._turned_at > _GENERATION_SECONDS:
            self._turned_at = now
            self._older = {each: until for each, until in self._older.items() if until > now} | self._recent
            self._recent = {}
        paid_until = self._recent.get(name)
        if paid_until is None:
            paid_until = self._older.pop(name, 0.0)
        paid_until = max(paid_until, now - BURST_SECONDS) + seconds
        self._recent[name] = paid_until
        return paid_until

    def stretch(self, name: str, factor: float, now: float) -> None:
        """Multiply the time that a name has saved up or owes: from now on a call costs so many times more."""
        former = self._older.pop(name, 0.0)
        saved = min(now - self._recent.pop(name, former), BURST_SECONDS) * factor
        if saved < BURST_SECONDS:
            self._recent[name] = now - saved


_Charge = tuple[_Meters, str, float, str, float]
"""The meters, the name in them, the seconds to pay, the one who pays in words, and its rate."""


def _limited(who: str, rate: float, wait_seconds: float) -> RateLimited:
    wait = max(1, math.ceil(wait_seconds))
    what = f"{who} has used up its {rate:g} calls a second; try again in {wait} s"
    return RateLimited(what, retry_after_seconds=wait)
