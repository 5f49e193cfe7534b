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

from dungeonfighter.access.meters import BURST_SECONDS, GENERATION_SECONDS, Meter, limited
from dungeonfighter.access.principals import EVERY_BOT, UNLIMITED, Principal

_OFF: Final = 0.0


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


class _Fleet:
    """The limits of one fleet, and the times until which the calls of its bots are paid for.

    The times of bots that were used in the last generation are in `recent`, others in `older`.
    """

    __slots__ = ("meter", "older", "recent")

    def __init__(self, meter: Meter | None) -> None:
        self.meter = meter
        self.recent: dict[str, float] = {}
        self.older: dict[str, float] = {}

    def turn(self, now: float) -> bool:
        """Begin a new generation; return True if the fleet was idle for long."""
        self.older = {bot: until for bot, until in self.older.items() if until > now} | self.recent
        self.recent = {}
        return not self.older and (self.meter is None or self.meter.is_idle(now))


class Account:
    """The limits of one principal.

    Attributes:
        principal: The account keeps it alive, because its address is the account's key.
        is_bounded: It may not act for every bot.
        fleet, shared, token: The limits of its bots, its fleet and its token; None for no limit.
        recent: That of the fleet.
        bot_seconds: The time that a call costs its bot; None for no limit.
        is_limited: There is a limit at all.
        judged_until: The admission's; the time until which it lets the principal in.
    """

    __slots__ = (
        "bot_seconds", "fleet", "is_bounded", "is_limited", "judged_until", "principal", "recent", "shared",
        "token",
    )  # fmt: skip

    def __init__(
        self, principal: Principal, fleet: _Fleet, token: Meter | None, bot_seconds: float | None
    ) -> None:
        self.principal = principal
        self.is_bounded = principal.bots != EVERY_BOT
        self.fleet = fleet
        self.shared = fleet.meter
        self.token = token
        self.recent = fleet.recent
        self.bot_seconds = bot_seconds
        self.is_limited = bot_seconds is not None or self.shared is not None or token is not None
        self.judged_until = -math.inf


class Rates:
    """The limits of one process.

    Args:
        settings: The rates.
        now: The time in seconds, which never goes back.

    Attributes:
        accounts: The accounts of principals by their addresses (`id`). Whoever forgets them all changes no
            limit.
    """

    def __init__(self, settings: RateSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self.now = now
        self._bot_seconds = 1.0 / settings.per_bot if settings.per_bot else None
        self.accounts: dict[int, Account] = {}
        self._fleets: dict[str, _Fleet] = {}
        self._tokens: dict[bytes, Meter] = {}
        self._shared: dict[str, Meter] = {}
        self._equal_share = 1.0 / settings.parts
        self._shares: dict[str, float] = {}
        self._turns_at = now() + GENERATION_SECONDS

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
        """Charge a call to its bot, its token and its fleet; see `charge_account`."""
        account = self.accounts.get(id(principal)) or self.open_account(principal)
        self.charge_account(account, bot, calls, self.now())

    def charge_account(self, account: Account, bot: str | None, calls: float, now: float) -> None:
        """Charge a call to its bot, its token and its fleet; this is part of every turn.

        Args:
            account: That of the caller.
            bot: The bot that the call is about; None for no bot.
            calls: The cost of the call.
            now: The time.

        Raises:
            RateLimited: One of them has used up its calls; nothing was charged.
        """
        bot_seconds = account.bot_seconds
        recent, until = account.recent, 0.0
        if bot_seconds is not None and bot is not None:
            known = recent.get(bot)
            if known is None:
                recent, until = self._older(account, bot, now)
            else:
                until = known
            if until > now:
                raise limited(f"the bot {bot}", self._settings.per_bot, until - now)
        shared = account.shared
        if shared is not None and shared.left < calls:
            shared.pay(calls, now)
        token = account.token
        if token is not None:
            if token.left < calls:
                token.pay(calls, now)
            token.left -= calls

        if shared is not None:
            shared.left -= calls
        if bot_seconds is not None and bot is not None:
            if until < now - BURST_SECONDS:  # noqa: PLR1730 (`max` costs a thousand instructions)
                until = now - BURST_SECONDS
            recent[bot] = until + bot_seconds * calls

    def take_demand(self) -> dict[str, float]:
        """Return the calls asked for since the last call of this method by name, refused ones included."""
        now = self.now()
        demand = {name: meter.take_demand(now) for name, meter in self._shared.items()}
        return {name: calls for name, calls in demand.items() if calls}

    def learn(self, shares: Mapping[str, float]) -> None:
        """Learn the shares of this process in the rates of some names, from 0 to 1; 0 is an equal part."""
        now = self.now()
        for name, share in shares.items():
            if share:
                self._shares[name] = share
            else:
                self._shares.pop(name, None)
            meter = self._shared.get(name)
            if meter is not None:
                meter.stretch(share or self._equal_share, now)

    def open_account(self, principal: Principal) -> Account:
        """Make the account of a principal that is not in `accounts`."""
        now = self.now()
        if now > self._turns_at:
            self._turn(now)
        fleet = self._fleets.get(principal.fleet) or self._add_fleet(principal.fleet)
        has_token = principal.token or principal.limits is not UNLIMITED
        token = self._token_of(principal) if has_token else None
        account = Account(principal, fleet, token, self._bot_seconds)
        self.accounts[id(principal)] = account
        return account

    def _older(self, account: Account, bot: str, now: float) -> tuple[dict[str, float], float]:
        """Return where to note a bot without a call in this generation, and until when its calls are paid."""
        if now > self._turns_at:
            self._turn(now)
            account.recent = account.fleet.recent
        return account.recent, account.fleet.older.get(bot, 0.0)

    def _add_fleet(self, name: str) -> _Fleet:
        rate = self._settings.per_fleet
        meter = self._meter(f"fleet {name}", f"the fleet {name}", rate) if rate else None
        fleet = self._fleets[name] = _Fleet(meter)
        return fleet

    def _token_of(self, principal: Principal) -> Meter | None:
        rate = principal.limits.calls_per_second or self._settings.per_token
        if not rate:
            return None
        key = principal.token or f"{principal.fleet}/{principal.bots}".encode()
        token = self._tokens.get(key)
        if token is None or token.rate != rate:
            token = self._tokens[key] = self._meter(f"token {key.hex()}", "this caller", rate)
        return token

    def _meter(self, name: str, who: str, rate: float) -> Meter:
        share = self._shares.get(name, self._equal_share)
        meter = self._shared[name] = Meter(name, who, rate, share)
        if name in self._shares:  # whoever comes to a process that has a share for it gets no new burst
            meter.paid_until = self.now() - BURST_SECONDS * min(1.0, self._equal_share / share)
        return meter

    def _turn(self, now: float) -> None:
        """Begin a new generation, and forget whatever was idle for long."""
        self._turns_at = now + GENERATION_SECONDS
        self.accounts.clear()
        for name in [name for name, fleet in self._fleets.items() if fleet.turn(now)]:
            del self._fleets[name]
            self._shared.pop(f"fleet {name}", None)
        for key in [key for key, meter in self._tokens.items() if meter.is_idle(now)]:
            self._shared.pop(self._tokens.pop(key).name, None)
