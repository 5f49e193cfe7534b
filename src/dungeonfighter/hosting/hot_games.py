"""The games in memory, and the eviction of the least recently used ones."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.attempts import Pending
from dungeonfighter.hosting.ports import Row

_LOOKED_AT_MAX: Final = 8
"""The number of games that one eviction examines: more than one, so that an excess shrinks."""


class HotGame:
    """The place of one bot in memory: its committed row and its waiting requests.

    The state stays encoded: 1 KB of bytes that the garbage collector does not walk. The host replaces the row
    when a commit returns, never before.

    Attributes:
        key: `<fleet>/<botId>`.
        row: The row as last committed or loaded. It is None before the first load, and has version 0 if the
            store has no such bot.
        trouble: The error that stops the run on this server (the row is corrupt, or this release does not
            ship its rules); a new run can still begin.
        busy: A request of this bot is under way.
        unsettled: The outcome of the last write is unknown; the host must settle it before it uses the row.
        waiting: The requests behind the one that is under way; None until one had to wait.
        begun_episode: The last run that began while the game was in memory; 0 for none.
        begun_at: The moment at which that run began, in the clock's seconds.
    """

    __slots__ = ("begun_at", "begun_episode", "busy", "key", "row", "trouble", "unsettled", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.row: Row | None = None
        self.trouble: DungeonFighterError | None = None
        self.busy = False
        self.unsettled = False
        self.waiting: deque[Pending] | None = None
        self.begun_episode = 0
        self.begun_at = 0.0


class HotGames:
    """The games in memory, the least recently used one first.

    `evict` removes idle games while there are more than `games_max` games: the store has their rows. Busy and
    unsettled games stay.

    Attributes:
        games_max: The number of games up to which idle ones stay.
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

    def has_bot(self, key: str) -> bool:
        """Return True if the row of a bot is in memory, so that the store has it too."""
        game = self.by_key.get(key)
        return game is not None and game.row is not None and game.row.version > 0

    def version(self, key: str) -> int:
        """Return the version of the row in memory; 0 if there is none."""
        game = self.by_key.get(key)
        return 0 if game is None or game.row is None else game.row.version

    def add(self, key: str) -> HotGame:
        """Add a game that is not in memory yet, as the most recently used one, without an eviction."""
        game = self.by_key[key] = HotGame(key)
        return game

    def latest(self) -> Iterator[HotGame]:
        """Yield the games, the most recently used first."""
        return reversed(self.by_key.values())

    def adopt(self, key: str, known: Row | None, found: Row) -> None:
        """Put a loaded row into memory, unless a request has changed the game since its row was `known`."""
        game = self.by_key.get(key)
        if game is not None:
            if not game.busy and game.row is known:
                game.row, game.unsettled, game.trouble = found, False, None
        elif found.state:
            self.add(key).row = found
            self.evict()

    def drop(self, game: HotGame) -> None:
        """Remove a game that has just answered, for example that of an unknown bot."""
        del self.by_key[game.key]

    def evict(self) -> None:
        """Evict idle games while there are more than `games_max`, the least recently used first.

        A call examines a bounded number of games, so that many busy games cost little. It moves busy and
        unsettled games to the end.
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
