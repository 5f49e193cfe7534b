"""What is told of a game: as it stands, as an answer, in numbers; and how a stored row becomes that."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.errors import BadInput, Corrupt
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.rulebook import RuleBook
from dungeonfighter.rules import Rules, State


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


class Counters:
    """What a host has done since it began."""

    __slots__ = ("conflicts", "episodes_ended", "errors", "repeated", "settled", "turns")

    def __init__(self) -> None:
        self.turns = self.repeated = self.errors = self.conflicts = self.settled = self.episodes_ended = 0


class HostStats(Struct, frozen=True):
    """Counters since the start of this process, and gauges of this moment."""

    turns: int
    repeated: int
    errors: int
    conflicts: int
    settled: int
    batches: int
    rows: int
    hot_games: int
    episodes_ended: int
    store_up: bool
    store_log_bytes: int
    store_unsafe: bool


def absent(key: str) -> Row:
    """The row of a bot the store does not know."""
    return Row(key, 0, b"", 0, 0, "", b"", b"")


def checked(key: str, row: Row | None, book: RuleBook) -> Row:
    """A row as loaded, or the absent one; its state must be one, and what its digest says.

    Raises:
        Corrupt: The state does not have the digest stored beside it, or is no state.
        NewerRules: This release cannot judge it.
    """
    if row is None:
        return absent(key)
    if row.state:
        rules = book.of(row.rules)
        if rules.digest(row.state) != row.digest:
            raise Corrupt("the stored state of this game does not check; only this game stops")
        rules.decode(row.state)  # judged here once: what is played on is only opened
    return row


def present(row: Row, book: RuleBook) -> Present:
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
