"""What is told of a game: as it stands, as an answer, in numbers; and how a stored row becomes that."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import BadInput, Corrupt
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.seal import is_intact
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import Rules, State

_SURROGATE: Final = re.compile("[\ud800-\udfff]").search


class Present(Struct, gc=False):
    """A game as it stands, decoded for showing.

    `key` is `<fleet>/<botId>`; `turn` is the number of applied inputs.
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
    """The first of several inputs that was not applied: its number from 1, itself, and the code of why."""

    at: int
    input: str
    code: str


class Answer(Struct, gc=False):
    """What a mutating call answers: the game after it, and whether this had been answered before.

    Attributes:
        game: The game after it.
        repeated: Nothing was applied now: an earlier request had done it.
        reward: The score that the input gained, in hundredths of a point; not known of a repeat.
        applied: How many inputs were applied, by this request or by the one it repeats.
        stopped: Which input was not applied, and why; only of several inputs.
    """

    game: Present
    repeated: bool = False
    reward: int = 0
    applied: int = 1
    stopped: Stop | None = None


class NewGame(Struct, frozen=True):
    """What a caller asks of a new run.

    None = not given: casual, a drawn seed, the former name, the weapon chosen in play.
    """

    name: str | None = None
    weapon: int | None = None
    seed: int | None = None
    mode: int | None = None


def absent(key: str) -> Row:
    """The row of a bot the store does not know."""
    return Row(key, 0, b"", 0, 0, "", b"", b"")


def checked(key: str, row: Row | None, book: ShippedRules) -> Row:
    """Validate a row as loaded, or return the absent one.

    Raises:
        Corrupt: The row is not what was written, or its state is no state.
        NewerRules: This release cannot judge it.
    """
    if row is None:
        return absent(key)
    check(row, book)
    if row.state:
        book.of(row.rules).decode(row.state)  # validated here once: later each turn only opens it
    return row


def check(row: Row, book: ShippedRules) -> None:
    """See that a row is what was written.

    Raises:
        Corrupt: A bit of it changed, or it cannot be read.
        NewerRules: This release cannot judge it.
    """
    if not is_as_written(row):
        raise Corrupt("the stored row of this game does not check; only this game stops")
    trails.decode(row.trail)
    if row.state and not row.trail:
        raise Corrupt("the stored trail of this game is gone; only this game stops")
    if row.state and book.of(row.rules).digest(row.state) != row.digest:
        raise Corrupt("the stored state of this game does not check; only this game stops")


def is_as_written(row: Row) -> bool:
    """Tell if everything of a row but its state is what was written."""
    return _is_typed(row) and is_intact(row)


def _is_typed(row: Row) -> bool:
    """Tell if each value has its type: SQLite may give any, and a text may be no text."""
    numbers = (row.version, row.episode, row.turn, row.tokens_today)
    if not all(type(number) is int and number >= 0 for number in numbers):
        return False
    if not all(type(value) is bytes for value in (row.digest, row.state, row.trail)):
        return False
    texts = (row.bot_id, row.rules, row.directive)
    return all(type(text) is str and not _SURROGATE(text) for text in texts)


def present(row: Row, book: ShippedRules) -> Present:
    """A committed row, decoded.

    Raises:
        BadInput: unknown_bot, when the row holds no run.
    """
    if not row.state:
        raise unknown_bot(row.bot_id)
    rules = book.of(row.rules)
    return shown(row, rules, rules.decode(row.state))


def shown(row: Row, rules: Rules, state: State) -> Present:
    """A row whose state is already decoded."""
    return Present(row.bot_id, row.episode, row.turn, row.version, row.digest, rules, state, row.directive)


def unknown_bot(key: str) -> BadInput:
    """There is no such bot in this fleet."""
    bot = key.partition("/")[2]
    return BadInput(f"there is no bot {bot}; start_new_game begins its first run", code="unknown_bot")
