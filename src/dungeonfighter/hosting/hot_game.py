"""A hot game: what is kept in memory for a bot.

It is its row as committed (the state stays encoded: 1 KB of bytes, nothing for the garbage collector to walk)
and who is working on it. The row is swapped in when a commit returns, never before.
"""

from __future__ import annotations

from collections import deque

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.requests import Request


class Game:
    """One bot's place in memory.

    `row` is None until loaded; version 0 in it means the store has no such bot. `trouble` says why its run
    cannot be gone on with here (it does not check, or its rules are not shipped); a new run can still begin.
    """

    __slots__ = ("busy", "key", "row", "trouble", "unsettled", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.row: Row | None = None
        self.trouble: DungeonFighterError | None = None
        self.busy = False
        self.unsettled = False
        self.waiting: deque[Request] | None = None
