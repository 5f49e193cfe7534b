"""The limit of one fleet or one access token on its calls a second."""

from __future__ import annotations

import math
from typing import Final

from dungeonfighter.errors import RateLimited

BURST_SECONDS: Final = 2.0
GENERATION_SECONDS: Final = 15 * BURST_SECONDS
_AHEAD_SECONDS: Final = 0.1
_OWED_CALLS: Final = 0.1


class Meter:
    """The limit of one fleet or token in this process.

    A busy meter pays for several calls at once, for at most the calls of `_AHEAD_SECONDS` and about as many
    as it had in that time, so that most calls cost only a subtraction.

    Attributes:
        name: Its name between processes.
        who: Its name for people.
        rate: The calls a second of all processes together.
        seconds: The time that a call costs here.
        paid_until: The time until which the calls are paid for.
        left: The calls that are paid for and have not been made.
    """

    __slots__ = ("_ahead", "_asked", "_paid_at", "left", "name", "paid_until", "rate", "seconds", "who")

    def __init__(self, name: str, who: str, rate: float, share: float) -> None:
        self.name = name
        self.who = who
        self.rate = rate
        self.seconds = 1.0 / (rate * share)
        self.paid_until = 0.0
        self.left = 0.0
        self._paid_at = 0.0
        self._ahead = 1.0
        self._asked = 0.0

    def pay(self, calls: float, now: float) -> None:
        """Pay for calls, so that `left` covers them.

        Raises:
            RateLimited: Earlier calls are not paid for yet; nothing was charged.
        """
        paid_until, earliest = self.paid_until, now - BURST_SECONDS
        if paid_until > now:
            self._asked += calls
            raise self._refusal(now)
        if paid_until < earliest:  # noqa: PLR1730 (`max` costs a thousand instructions)
            paid_until = earliest
        paid = calls - self.left
        if now - self._paid_at < _AHEAD_SECONDS:
            saved = (now - paid_until) // self.seconds + 1  # the last one may overdraw
            self._ahead = min(2 * self._ahead, _AHEAD_SECONDS / self.seconds)
            paid = max(paid, min(saved, self._ahead // 1))
        else:
            self._ahead = 1.0
        self._paid_at = now
        self.paid_until = paid_until + paid * self.seconds
        self.left += paid
        self._asked += paid

    def take_demand(self, now: float) -> float:
        """Return the calls asked for since the last call of this method, refused ones included.

        Calls that were paid for ahead count when they are made. A meter that owes calls and is asked for none
        has a small demand; with it the name keeps its share meanwhile.
        """
        asked = self._asked - self.left
        self._asked = self.left
        return asked or (_OWED_CALLS if self.paid_until > now else 0.0)

    def stretch(self, share: float, now: float) -> None:
        """Take another share of the rate; the calls that were saved up or overdrawn stay the same."""
        seconds = 1.0 / (self.rate * share)
        saved = min(now - self.paid_until, BURST_SECONDS) * seconds / self.seconds
        self.seconds, self.paid_until = seconds, now - min(saved, BURST_SECONDS)

    def is_idle(self, now: float) -> bool:
        return self.paid_until < now - GENERATION_SECONDS

    def _refusal(self, now: float) -> RateLimited:
        """Return the refusal of a call; the share of a caller who waits grows, if nobody else needs it."""
        share = 1.0 / (self.rate * self.seconds)
        return limited(self.who, self.rate, (self.paid_until - now) * share)


def limited(who: str, rate: float, wait_seconds: float) -> RateLimited:
    wait = max(1, math.ceil(wait_seconds))
    calls = "call" if rate == 1 else "calls"
    what = f"{who} has used up its {rate:g} {calls} a second; try again in {wait} s"
    return RateLimited(what, retry_after_seconds=wait)
