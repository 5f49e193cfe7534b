"""The answers of a host (the present game, the game after a change), and the options of a new run."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.rules import Rules, State


class Present(Struct, gc=False):
    """The present game of a bot, decoded.

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
    """The first input of a request that the host did not apply.

    Attributes:
        at: The number of the input in the request, from 1.
        code: The code of the error that the input caused.
    """

    at: int
    input: str
    code: str


class Answer(Struct, gc=False):
    """The answer to a call that changes a game.

    Attributes:
        game: The game after the call.
        repeated: This call applied nothing, because an earlier copy of the request had its effect.
        reward: The score that the inputs gained, in hundredths of a point; 0 for a repeat.
        applied: The number of inputs that this request, or the earlier copy, applied.
        stopped: The first of several inputs that was not applied; None if all were.
    """

    game: Present
    repeated: bool = False
    reward: int = 0
    applied: int = 1
    stopped: Stop | None = None


class NewGame(Struct, frozen=True):
    """The options of a new run.

    A field is None if the caller did not give it. Then the mode is casual, the host draws the seed, the name
    is that of the run before, the bot chooses the weapon as its first input, and the ascension is 0.
    """

    name: str | None = None
    weapon: int | None = None
    seed: int | None = None
    mode: int | None = None
    ascension: int | None = None
