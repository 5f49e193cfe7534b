"""The answers of a host: the present game, and the game after a change; and the options of a new run."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.rules import Rules, State


class Present(Struct, gc=False):
    """A game as it stands, decoded.

    Attributes:
        key: `<fleet>/<botId>`.
        turn: The number of applied inputs.
    """

    key: str
    episode: int
    turn: int
    version: int
    digest: bytes
    rules: Rules
    state: State
    directive: str


class Stop(Struct, frozen=True):
    """The first of several inputs that was not applied.

    Attributes:
        at: Its number, from 1.
        code: The code of the error.
    """

    at: int
    input: str
    code: str


class Answer(Struct, gc=False):
    """The answer of a call that changes a game.

    Attributes:
        game: The game after it.
        repeated: This call applied nothing: an earlier request had done it.
        reward: The score that the input gained, in hundredths of a point; 0 for a repeat.
        applied: The number of inputs applied, by this request or by the one it repeats.
        stopped: The input that was not applied, where several were asked for.
    """

    game: Present
    repeated: bool = False
    reward: int = 0
    applied: int = 1
    stopped: Stop | None = None


class NewGame(Struct, frozen=True):
    """The options of a new run.

    None means not given: casual, a drawn seed, the name of the run before, the weapon chosen in play.
    """

    name: str | None = None
    weapon: int | None = None
    seed: int | None = None
    mode: int | None = None
