"""Errors that show the game as it stands.

An error of the rules knows no host. Where its answer must show the game, hosting raises an error of the same
class and code that carries the game, too.
"""

from __future__ import annotations

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.answers import Present


class ShowsGame(DungeonFighterError):
    """Mixed into a class of errors: the answer shows `game`, the game as it stands."""

    game: Present


def with_game(error: DungeonFighterError, game: Present | None) -> DungeonFighterError:
    """Return an error of the same class that carries the game; the error itself where there is no game."""
    if game is None:
        return error
    shown = _showing(type(error))(str(error), hint=error.hint)
    shown.game = game
    return shown


_classes: dict[type[DungeonFighterError], type[ShowsGame]] = {}


def _showing(kind: type[DungeonFighterError]) -> type[ShowsGame]:
    made = _classes.get(kind)
    if made is None:
        made = _classes[kind] = type(f"{kind.__name__}ShowsGame", (ShowsGame, kind), {"code": kind.code})
    return made
