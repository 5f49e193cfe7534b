"""The games kept in memory, and which of them are evicted."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.attempts import Pending
from dungeonfighter.hosting.ports import Row

_LOOKED_AT_MAX: Final = 8
"""Games looked at for eviction each time one more comes: more than one, so that an excess shrinks."""


class HotGame:
    """One bot's place in memory: its committed row, and the requests that wait for it.

    The state stays encoded: 1 KB of bytes that the garbage collector does not walk. The row is replaced when
    a commit returns, never before.

    Attributes:
        key: `<fleet>/<botId>`.
        row: The row as last committed or loaded; None until loaded; version 0: the store has no such bot.
        trouble: The reason why this server cannot go on with the run (it does not check, or its rules are not
            shipped); a new run can still begin.
        busy: A request of this bot is being carried out.
        unsettled: The outcome of the last write is unknown; the store must settle it before the row is used.
        waiting: The requests behind the one that is being carried out; None until there is one.
    """

    __slots__ = ("busy", "key", "row", "trouble", "unsettled", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.row: Row | None = None
        self.trouble: DungeonFighterError | None = None
        self.busy = False
        self.unsettled = False
        self.waiting: deque[Pending] | None = None


class HotGames:
    """The games in memory, the longest unused one first.

    Beyond `games_max` idle games are evicted: the store has their rows. Busy games, and games with an
    unsettled write, stay.

    Attributes:
        games_max: How many games may stay when they are idle.
        by_key: The games; `move_to_end` marks one as used.
    """

    def __init__(self, games_max: int) -> None:
        self.games_max = games_max
        self.by_key: OrderedDict[str, HotGame] = OrderedDict()

    def __len__(self) -> int:
        return len(self.by_key)

    def get(self, key: str) -> HotGame | None:
        """Return the game of this key if it is in memory, without marking it as used."""
        return self.by_key.get(key)

    def add(self, key: str) -> HotGame:
        """Add a game that is not in memory yet, as the most recently used one; `evict` is the caller's."""
        game = self.by_key[key] = HotGame(key)
        return game

    def latest(self) -> Iterator[HotGame]:
        """Yield the games, the most recently used first."""
        return reversed(self.by_key.values())

    def adopt(self, key: str, known: Row | None, found: Row) -> None:
        """Keep a row that was read, unless its game has changed since `known` was its row."""
        game = self.by_key.get(key)
        if game is not None:
            if not game.busy and game.row is known:
                game.row, game.unsettled, game.trouble = found, False, None
        elif found.state:
            self.add(key).row = found
            self.evict()

    def drop_if_empty(self, game: HotGame) -> None:
        """Forget a game of which nothing is known, for example of a bot that does not exist."""
        is_empty = not game.unsettled and (game.row is None or not game.row.state)
        if is_empty and self.by_key.get(game.key) is game:
            del self.by_key[game.key]

    def evict(self) -> None:
        """Evict idle games beyond `games_max`, the longest unused first.

        A bounded number is looked at, so that a crowd of busy games costs nothing here; those go to the end.
        """
        games = self.by_key
        for _ in range(min(_LOOKED_AT_MAX, len(games))):
            if len(games) <= self.games_max:
                return
            key, game = next(iter(games.items()))
            if game.busy or game.unsettled:
                games.move_to_end(key)
            else:
                del games[key]
