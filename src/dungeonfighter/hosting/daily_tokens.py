"""The limit on the tokens of answers that a bot gets on a day (UTC).

`Row.tokens_today` holds the day in its upper bits and the tokens of that day in its lower ones. The tokens of
an answer wait in memory until the next commit of the bot, and get a commit of their own if there is none for
`LATE_SECONDS_MAX`. The day of a row never goes back, so a clock that steps back gives no second quota.

Every request of a limited host is wrapped in a `Counted`; a host without the limit pays nothing.

Source: docs/operations.md, "Limits".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import DungeonFighterError, Overloaded, QuotaExceeded, StoreError
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.attempts import Pending
from dungeonfighter.hosting.ports import Clock, Row
from dungeonfighter.hosting.requests import Planned, Request, Rewrite, Wrapper
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict

LATE_SECONDS_MAX: Final = 60.0
FLUSH_SECONDS: Final = 10.0
_DUE_SECONDS: Final = LATE_SECONDS_MAX - 2 * FLUSH_SECONDS
"""The rest is for the pause between two flushes, and for the commits."""
_DAY_SECONDS: Final = 86_400
_TOKENS_BITS: Final = 32
_TOKENS_MAX: Final = (1 << _TOKENS_BITS) - 1
NEAR_SHARE: Final = 0.9
"""From this share of a quota on it is nearly used up."""


class _Sent(Struct):
    """The tokens in the last planned write, and how to recognise that write in a row."""

    tokens: int
    version: int
    tail: bytes
    op: bytes

    def is_in(self, row: Row) -> bool:
        """Return True if a row, of this version or a later one, came from the write."""
        if row.version == self.version:
            return row.tail == self.tail
        if row.version - self.version >= limits.trail_ops_max:
            return True  # nobody can tell any more
        return trails.version_of(trails.readable(row.trail), row.version, self.op) == self.version


class _Waiting(Struct):
    """The tokens of a bot that no row is known to hold yet, and since when they wait."""

    day: int
    since: float
    tokens: int = 0
    sent: _Sent | None = None


def tokens_on_day(tokens_today: int, day: int) -> int:
    """Return the tokens of a day (days since 1970) that a value of `Row.tokens_today` holds."""
    return tokens_today & _TOKENS_MAX if tokens_today >> _TOKENS_BITS >= day else 0


class DailyTokens:
    """The tokens of all bots of one process.

    Args:
        most: The tokens that a bot may get on a day. The answer that exceeds them is still given.
        clock: Time.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._near: set[str] = set()
        self._near_day = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def count(self, key: str, tokens: int) -> None:
        """Count the tokens of an answer to the bot `key`."""
        day = self._today()
        waiting = self._waiting.get(key)
        if waiting is None or waiting.day < day:
            waiting = self._waiting[key] = _Waiting(day, self._clock.now())
        waiting.tokens += tokens

    def counting(self, submit: Callable[[str, Pending], None]) -> Callable[[str, Pending], None]:
        """Return a function that submits requests which are refused and counted here."""

        def submit_counted(key: str, pending: Pending) -> None:
            pending.request = Counted(pending.request, self)
            submit(key, pending)

        return submit_counted

    def refusal(self, row: Row) -> QuotaExceeded | None:
        """Return the refusal of the next answer to the bot of a row; None if it may have it."""
        self.settle(row)
        day, tokens = self._spent(row)
        waiting = self._waiting.get(row.bot_id)
        if waiting is not None and waiting.day >= self._today():
            tokens += waiting.tokens
        if tokens >= self._most * NEAR_SHARE:
            self._note_near(row.bot_id)
        if tokens < self._most:
            return None
        end = (day + 1) * _DAY_SECONDS
        minutes = max(1, -int(-(end - self._clock.wall()) // 60))
        bot = row.bot_id.partition("/")[2]
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(end))
        return QuotaExceeded(
            f"the bot {bot} has used up its {self._most} tokens of this day; "
            f"try again at {at}, in {minutes // 60} h {minutes % 60} min"
        )

    def near_count(self) -> int:
        """Return the number of bots that were seen today with `NEAR_SHARE` of their tokens used."""
        return len(self._near) if self._near_day == self._today() else 0

    def add_to(self, planned: Planned, op: bytes) -> None:
        """Put the waiting tokens of its bot into a planned write, which the operation `op` makes."""
        write = planned.write
        row = write.row
        waiting = self._waiting.get(row.bot_id)
        day, tokens = self._spent(row)
        if waiting is None or waiting.day < self._today():
            return
        value = day << _TOKENS_BITS | min(tokens + waiting.tokens, _TOKENS_MAX)
        counted = sealed_row(
            row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail,
            row.directive, value,
        )  # fmt: skip
        planned.write = msgspec.structs.replace(write, row=counted)
        waiting.sent = _Sent(waiting.tokens, counted.version, counted.tail, op)

    def settle(self, row: Row) -> None:
        """Drop the waiting tokens that a committed row holds by now."""
        waiting = self._waiting.get(row.bot_id)
        if waiting is None or waiting.sent is None or row.version < waiting.sent.version:
            return
        if waiting.sent.is_in(row):
            waiting.tokens -= waiting.sent.tokens
            waiting.since = self._clock.now()
        waiting.sent = None
        if waiting.tokens <= 0:
            del self._waiting[row.bot_id]

    def due(self, *, all_of_them: bool = False) -> list[str]:
        """Return the bots whose tokens have waited for long."""
        until = self._clock.now() - (0 if all_of_them else _DUE_SECONDS)
        return [key for key, waiting in self._waiting.items() if waiting.since <= until]

    async def write(
        self, write: Callable[[str], Awaitable[Row | None]], *, all_of_them: bool = False
    ) -> None:
        """Write the tokens of bots that play no more.

        Args:
            write: Commits a `WriteTokens` of a bot; returns its row in memory after that.
            all_of_them: Also write those that have not waited for long.
        """
        await asyncio.gather(*(self._write(key, write) for key in self.due(all_of_them=all_of_them)))

    async def _write(self, key: str, write: Callable[[str], Awaitable[Row | None]]) -> None:
        try:
            row = await write(key)
        except (StoreError, Overloaded):
            return  # they wait on
        except DungeonFighterError:
            row = None  # there is no such bot, or nobody can write it
        if row is None:
            self._waiting.pop(key, None)
        else:
            self.settle(row)

    def _note_near(self, key: str) -> None:
        if self._near_day != self._today():
            self._near_day = self._today()
            self._near.clear()
        self._near.add(key)

    def _today(self) -> int:
        return int(self._clock.wall() // _DAY_SECONDS)

    def _spent(self, row: Row) -> tuple[int, int]:
        """Return the day that counts for a row, and its tokens of that day.

        That is the day of the row if it is tomorrow: then the clock stepped back. A later day comes from a
        clock that was far ahead, and its tokens count for today, so that nobody is locked out for long.
        """
        day, today = row.tokens_today >> _TOKENS_BITS, self._today()
        return day if day == today + 1 else today, tokens_on_day(row.tokens_today, today)


class Counted(Wrapper):
    """A request of a bot whose tokens are limited.

    Args:
        request: The request.
        daily: Counts the tokens.
    """

    def __init__(self, request: Request, daily: DailyTokens) -> None:
        super().__init__(request)
        self._daily = daily

    @property
    def op(self) -> bytes:  # type: ignore[override]
        """The operation id of the request, which may change when it is planned."""
        return self._request.op

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Refuse the request, or plan it and count the tokens that wait."""
        refusal = self._daily.refusal(row)
        if refusal is not None and not isinstance(self._request, WriteTokens):
            return Verdict(error=refusal)
        planned = self._request.plan(row, book)
        if type(planned) is Planned:
            self._daily.add_to(planned, self.op)
        return planned


class WriteTokens(Rewrite):
    """A request that changes the count of tokens alone; `Counted` adds the tokens."""

    kind = "write_tokens"
