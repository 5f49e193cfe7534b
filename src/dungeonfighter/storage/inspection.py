"""Questions about bots that no metric may answer, asked of the database itself, beside running servers.

An inspection only reads, and its memory does not grow with the number of bots. A list looks at every bot to
find the highest ones, which takes seconds where there are a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, Protocol

from msgspec import Struct

from dungeonfighter.hosting.ports import AccessToken, Row, Save, StoredRun

RunPlace = tuple[str, int]
"""A run: the key of its bot, and its number."""
Order = Literal["tokens", "turns", "updated"]
ORDERS: Final[tuple[Order, ...]] = ("tokens", "turns", "updated")


class ListedBot(Struct, frozen=True):
    """One bot in a list. `tokens_today` is as in `Row`."""

    key: str
    episode: int
    turn: int
    tokens_today: int
    updated_at: float


class ListedRun(Struct, frozen=True):
    """One ended run of a bot; `score` is in hundredths of a point."""

    episode: int
    result: str
    turns: int
    score: int
    ended_at: float


class Inspection(Protocol):
    """One look at a database; `close` ends it.

    Raises (each method):
        StoreUnavailable: The database did not answer.
    """

    async def top(self, by: Order, prefix: str, count: int, day: int) -> list[ListedBot]:
        """List the bots with a run whose key starts with `prefix`, the highest first, then by key.

        Args:
            by: Tokens of the day, turns of the present run, or the time of the last change.
            prefix: The beginning of the keys; "" for every bot.
            count: The greatest number of bots.
            day: The day whose tokens count, in days since 1970.
        """

    async def row(self, key: str) -> Row | None:
        """Return the row of a bot, or None."""

    async def saves(self, key: str) -> list[Save]:
        """List its save slots by name, without their states."""

    async def runs(self, key: str, count: int) -> tuple[int, list[ListedRun]]:
        """Return the number of its ended runs, and the last ones, newest first."""

    async def runs_after(self, prefix: str, last: RunPlace, count: int) -> list[RunPlace]:
        """List the runs, ended and present ones, of bots whose key starts with `prefix`, in order.

        Args:
            prefix: The beginning of the keys; "" for every bot.
            last: The list begins after this run; ("", 0) for the first one.
            count: The greatest number of runs.
        """

    async def stored_run(self, key: str, episode: int) -> StoredRun:
        """Return what is stored of one run; see `Store.stored_run`."""

    async def secret(self, name: str) -> bytes | None:
        """Return a secret that the servers of the database share, or None."""

    async def tokens(self) -> list[AccessToken]:
        """List all access tokens."""

    async def close(self) -> None: ...


def sort_key(by: Order, day_tokens: Callable[[int], int]) -> Callable[[ListedBot], tuple[float, str]]:
    """Return the key by which a list is sorted in ascending order.

    Args:
        by: See `Inspection.top`.
        day_tokens: Returns the tokens of the day from `ListedBot.tokens_today`.
    """
    if by == "tokens":
        return lambda line: (-day_tokens(line.tokens_today), line.key)
    if by == "turns":
        return lambda line: (-line.turn, line.key)
    return lambda line: (-line.updated_at, line.key)


def first_places(ended: Iterable[RunPlace], present: Iterable[RunPlace], count: int) -> list[RunPlace]:
    """Return the first `count` of two lists of runs, each once; a present run that is over is in both."""
    return sorted({*ended, *present})[:count]
