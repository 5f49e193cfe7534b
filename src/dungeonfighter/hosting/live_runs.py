"""The best live runs of this process, for the watch page."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import Corrupt, StoreError
from dungeonfighter.hosting.fleets import fleet_of
from dungeonfighter.hosting.hot_games import HotGame, HotGames
from dungeonfighter.hosting.ports import Row, Store
from dungeonfighter.hosting.rows import checked, present
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import category

LIVE_RUNS_MAX: Final = 20
FLEET_RUNS_MAX: Final = 400
"""The number of runs that are found for all fleets together; each fleet has an equal part of them."""


class LiveRun(Struct, frozen=True, order=True):
    """One live run; `score` is in hundredths of a point. Runs sort as `RunSummary` does."""

    ranked: bool
    mode: str
    score: int
    key: str
    episode: int
    turn: int


class LiveRuns:
    """Finds the best `LIVE_RUNS_MAX` live runs among the games in memory.

    `walk` looks at a few games per call, so its cost does not depend on the number of games. A run is found
    when the walk passes its game. `refresh` compares the runs found with the store: if several processes
    serve the same bots, a copy in memory may be old.

    Args:
        games, book, store: Those of the host.
        by_fleet: Find the best runs of each fleet, not only of all together.
    """

    def __init__(self, games: HotGames, book: ShippedRules, store: Store, *, by_fleet: bool = False) -> None:
        self._by_fleet = by_fleet
        self._games = games
        self._book = book
        self._store = store
        self._ahead: list[str] = []
        self._found: dict[str, LiveRun] = {}

    def best(self) -> list[LiveRun]:
        """Return the runs found, best first."""
        return heapq.nlargest(LIVE_RUNS_MAX, self._found.values())

    def best_of_fleets(self) -> dict[str, list[LiveRun]]:
        """Return the runs found by fleet, best first; empty on a server for one fleet."""
        if not self._by_fleet:
            return {}
        found: dict[str, list[LiveRun]] = {}
        for run in self._found.values():
            found.setdefault(fleet_of(run.key), []).append(run)
        each = max(1, min(LIVE_RUNS_MAX, FLEET_RUNS_MAX // max(1, len(found))))
        some = itertools.islice(found.items(), FLEET_RUNS_MAX)
        return {fleet: heapq.nlargest(each, runs) for fleet, runs in some}

    def walk(self, count: int) -> None:
        """Look at the next `count` games in memory, at most at the rest of one pass through all."""
        if not self._ahead:
            self._ahead = list(self._games.by_key)
        for _ in range(min(count, len(self._ahead))):
            game = self._games.get(self._ahead.pop())
            if game is not None and game.row is not None and game.row.state:
                self._note(game.row)
        fleets = self.best_of_fleets()
        best = itertools.chain.from_iterable(fleets.values()) if self._by_fleet else self.best()
        self._found = {run.key: run for run in best}

    async def refresh(self) -> None:
        """Read the runs found from the store: update those that went on, and forget those that ended.

        An old copy in memory is replaced; otherwise the walk would find its run again.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        keys = list(self._found)
        games = [self._games.get(key) for key in keys]
        known = [None if game is None else game.row for game in games]
        rows = await self._store.load(keys) if keys else []
        for key, game, before, row in zip(keys, games, known, rows, strict=True):
            try:
                found = checked(key, row, self._book)
            except (StoreError, Corrupt):  # its own bot gets the error
                self._found.pop(key, None)
                continue
            now = None if game is None else game.row
            self._note(found if now is None or now.version < found.version else now)
            if game is not None and _may_replace(game, found):
                self._games.adopt(key, before, found)

    async def renew(self, keys: Sequence[str]) -> None:
        """Replace the copies in memory of these games that are older than the rows in the store.

        Costs one read of heads, and one of the rows that have changed.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        known: dict[str, Row] = {}
        for key in keys:
            game = self._games.get(key)
            if game is not None and game.row is not None and not game.busy:
                known[key] = game.row
        heads = await self._store.heads(list(known)) if known else []
        old = [key for (key, row), head in zip(known.items(), heads, strict=True)
               if head is not None and not head.is_of(row)]  # fmt: skip
        rows = await self._store.load(old) if old else []
        for key, row in zip(old, rows, strict=True):
            game = self._games.get(key)
            try:
                found = checked(key, row, self._book)
            except (StoreError, Corrupt):  # its own bot gets the error
                continue
            if game is not None and _may_replace(game, found):
                self._games.adopt(key, known[key], found)

    def _note(self, row: Row) -> None:
        run = self._live_run(row) if row.state else None
        if run is None:
            self._found.pop(row.bot_id, None)
        else:
            self._found[row.bot_id] = run

    def _live_run(self, row: Row) -> LiveRun | None:
        try:
            game = present(row, self._book)
        except (StoreError, Corrupt):
            return None
        state = game.state
        if state.over:
            return None
        score, mode = game.rules.score(state), category(state.mode, state.ascension)
        return LiveRun(state.ranked, mode, score, game.key, game.episode, game.turn)


def _may_replace(game: HotGame, found: Row) -> bool:
    """Return True if the row in memory is older; an unsettled game needs more than a read."""
    return game.row is not None and game.row.version < found.version and not game.unsettled
