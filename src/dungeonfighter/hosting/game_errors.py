"""Errors on their way to the caller: those whose answers show the present game, and what they hold.

An error of the rules has no game of a host. If the answer must show the game, the host raises an error of the
same class and code with the game as an attribute.
"""

from __future__ import annotations

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.answers import Present


class ShowsGame(DungeonFighterError):
    """A mixin for classes of errors: the answer shows `game`, the present game."""

    game: Present


def with_game(error: DungeonFighterError, game: Present | None) -> DungeonFighterError:
    """Return an error of the same class with the game; without a game return the error itself."""
    if game is None:
        return error
    shown = _showing(type(error))(str(error), hint=error.hint)
    shown.game = game
    return shown


def without_frames(error: Exception) -> Exception:
    """Return a refusal without its traceback; that of any other error is kept, because it is logged.

    The frames hold the request, and the request its caller, who holds the error: each refusal would leave a
    cycle to the garbage collector.
    """
    return error.with_traceback(None) if isinstance(error, DungeonFighterError) else error


_classes: dict[type[DungeonFighterError], type[ShowsGame]] = {}


def _showing(kind: type[DungeonFighterError]) -> type[ShowsGame]:
    made = _classes.get(kind)
    if made is None:
        made = _classes[kind] = type(f"{kind.__name__}ShowsGame", (ShowsGame, kind), {"code": kind.code})
    return made
