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


class _Meter:
    """The limit of one fleet or token in this process.

    Attributes:
        name: Its name between processes.
        who: Its name for people.
        rate: The calls a second of all processes together.
        seconds: The time that a call costs here.
        paid_until: The time until which the calls are paid for.
        asked: The calls asked for since the demand was last taken, refused ones included.
    """

    __slots__ = ("asked", "name", "paid_until", "rate", "seconds", "who")

    def __init__(self, name: str, who: str, rate: float, share: float) -> None:
        self.name = name
        self.who = who
        self.rate = rate
        self.seconds = 1.0 / (rate * share)
        self.paid_until = 0.0
        self.asked = 0.0

    def stretch(self, share: float, now: float) -> None:
        """Take another share of the rate; the calls that were saved up or overdrawn stay the same."""
        seconds = 1.0 / (self.rate * share)
        saved = min(now - self.paid_until, BURST_SECONDS) * seconds / self.seconds
        self.seconds, self.paid_until = seconds, now - min(saved, BURST_SECONDS)

    def is_idle(self, now: float) -> bool:
        return self.paid_until < now - _GENERATION_SECONDS

    def refusal(self, now: float) -> RateLimited:
        """Return the refusal of a call; the share of a caller who waits grows, if nobody else needs it."""
        share = 1.0 / (self.rate * self.seconds)
        return _limited(self.who, self.rate, (self.paid_until - now) * share)


class _Fleet:
    """The limits of one fleet, and the times until which the calls of its bots are paid for.

    The times of bots that were used in the last generation are in `recent`, others in `older`.
    """

    __slots__ = ("meter", "older", "recent")

    def __init__(self, meter: _Meter | None) -> None:
        self.meter = meter
        self.recent: dict[str, float] = {}
        self.older: dict[str, float] = {}

    def turn(self, now: float) -> bool:
        """Begin a new generation; return True if the fleet was idle for long."""
        self.older = {bot: until for bot, until in self.older.items() if until > now} | self.recent
        self.recent = {}
        return not self.older and (self.meter is None or self.meter.is_idle(now))


class Rates:
    """The limits of one process.

    Args:
        settings: The rates.
        now: The time in seconds, which never goes back.
    """

    def __init__(self, settings: RateSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._bot_seconds = 1.0 / settings.per_bot if settings.per_bot else 0.0
        self._fleets: dict[str, _Fleet] = {}
        self._tokens: dict[bytes, _Meter] = {}
        self._shared: dict[str, _Meter] = {}
        self._equal_share = 1.0 / settings.parts
        self._shares: dict[str, float] = {}
        self._turns_at = now() + _GENERATION_SECONDS

    def __len__(self) -> int:
        """Return the number of bots, tokens and fleets that take memory."""
        return len(self._shared) + sum(len(one.recent) + len(one.older) for one in self._fleets.values())

    @property
    def are_on(self) -> bool:
        """True if any limit of the settings is on; tokens may have limits of their own."""
        return self._settings.are_on

    @property
    def are_leased(self) -> bool:
        """True if somebody takes the demand and divides the rates."""
        return self._settings.are_leased

    def charge(self, principal: Principal, bot: str | None, calls: float) -> None:
        """Charge a call to its bot, its token and its fleet; this is part of every turn.

        Args:
            principal: The caller.
            bot: The bot that the call is about; None for no bot.
            calls: The cost of the call.

        Raises:
            RateLimited: One of them has used up its calls; nothing was charged.
        """
        now = self._now()
        if now > self._turns_at:
            self._turn(now)
        fleet = self._fleets.get(principal.fleet)
        if fleet is None:
            fleet = self._add_fleet(principal.fleet)
        token = None
        if principal.token or principal.limits is not UNLIMITED:
            token = self._token_of(principal)
            if token is not None:
                token.asked += calls
        shared = fleet.meter
        if shared is not None:
            shared.asked += calls
        bot_seconds = self._bot_seconds
        paid_until = 0.0
        if bot_seconds and bot is not None:
            paid_until = fleet.recent.get(bot) or fleet.older.get(bot, 0.0)
            if paid_until > now:
                raise _limited(f"the bot {bot}", self._settings.per_bot, paid_until - now)
        if token is not None and token.paid_until > now:
            raise token.refusal(now)
        if shared is not None and shared.paid_until > now:
            raise shared.refusal(now)

        earliest = now - BURST_SECONDS
        if bot_seconds and bot is not None:
            fleet.recent[bot] = (max(earliest, paid_until)) + bot_seconds * calls
        if token is not None:
            paid_until = token.paid_until
            token.paid_until = (max(earliest, paid_until)) + token.seconds * calls
        if shared is not None:
            paid_until = shared.paid_until
            shared.paid_until = (max(earliest, paid_until)) + shared.seconds * calls

    def take_demand(self) -> dict[str, float]:
        """Return the calls asked for since the last call of this method by name, refused ones included."""
        now = self._now()
        demand = {}
        for name, meter in self._shared.items():
            if meter.asked or meter.paid_until > now:
                demand[name] = meter.asked or _OWED_CALLS
                meter.asked = 0.0
        return demand

    def learn(self, shares: Mapping[str, float]) -> None:
        """Learn the shares of this process in the rates of some names, from 0 to 1; 0 is an equal part."""
        now = self._now()
        for name, share in shares.items():
            if share:
                self._shares[name] = share
            else:
                self._shares.pop(name, None)
            meter = self._shared.get(name)
            if meter is not None:
                meter.stretch(share or self._equal_share, now)

    def _add_fleet(self, name: str) -> _Fleet:
        rate = self._settings.per_fleet
        meter = self._meter(f"fleet {name}", f"the fleet {name}", rate) if rate else None
        fleet = self._fleets[name] = _Fleet(meter)
        return fleet

    def _token_of(self, principal: Principal) -> _Meter | None:
        rate = principal.limits.calls_per_second or self._settings.per_token
        if not rate:
            return None
        key = principal.token or f"{principal.fleet}/{principal.bots}".encode()
        token = self._tokens.get(key)
        if token is None or token.rate != rate:
            token = self._tokens[key] = self._meter(f"token {key.hex()}", "this caller", rate)
        return token

    def _meter(self, name: str, who: str, rate: float) -> _Meter:
        share = self._shares.get(name, self._equal_share)
        meter = self._shared[name] = _Meter(name, who, rate, share)
        if name in self._shares:  # whoever comes to a process that has a share for it gets no new burst
            meter.paid_until = self._now() - BURST_SECONDS * min(1.0, self._equal_share / share)
        return meter

    def _turn(self, now: float) -> None:
        """Begin a new generation, and forget whatever was idle for long."""
        self._turns_at = now + _GENERATION_SECONDS
        for name in [name for name, fleet in self._fleets.items() if fleet.turn(now)]:
            del self._fleets[name]
            self._shared.pop(f"fleet {name}", None)
        for key in [key for key, meter in self._tokens.items() if meter.is_idle(now)]:
            self._shared.pop(self._tokens.pop(key).name, None)


def _limited(who: str, rate: float, wait_seconds: float) -> RateLimited:
    wait = max(1, math.ceil(wait_seconds))
    what = f"{who} has used up its {rate:g} calls a second; try again in {wait} s"
    return RateLimited(what, retry_after_seconds=wait)
