"""The requests for one game; each plans its effect on the row, without I/O and without waiting.

`plan(row)` returns either a `Planned`, which is a write with the answer to send after its commit, or a
`Verdict`, which is an answer that changes nothing. A verdict is valid while the row is the newest, so the
resolver compares the head before it sends a verdict.

Source: docs/architecture.md, "One request, one effect".
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting import retry_table
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.call_trace import CallTrace
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.rows import present, shown, unknown_bot
from dungeonfighter.hosting.run_ends import NO_CHUNKS, chunks_of, end_of
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict
from dungeonfighter.replays.results import run_result

_TAIL: Final = slice(-limits.row_tail_bytes, None)
"""The slice of `Row.tail`; using it directly saves a call."""


class RunBegin(Struct, frozen=True, gc=False):
    """The run that a write begins.

    Attributes:
        origin: new, reset, load or fork.
        parent_episode: The run before this one, or the run that it was loaded from; 0 for none.
    """

    mode: str
    ranked: bool
    origin: str
    parent_episode: int


class Planned(Struct, gc=False):
    """A write, the answer to send when it has won, and the run that it begins."""

    write: Write
    answer: Answer
    begun: RunBegin | None = None


class Request:
    """One request for one game.

    Attributes:
        op: The operation id; every attempt of the request writes it.
        episode: The run that the caller sees, or wants to begin; None if the caller names none.
    """

    replaces_unreadable = False
    """The request can be carried out although this server cannot read the present run."""
    expects_no_row = False
    """Nearly always the bot has no row yet, so the first plan needs no load."""
    is_replayable = False
    """The request is planned again after a conflict (inputs), instead of answered with `conflict`."""
    has_copies = False
    """Several requests may carry the same operation id, so the id in a trail may be that of a copy."""
    kind = "other"
    """The name of this kind of request in the log."""
    episode: int | None = None
    call: CallTrace | None = None
    """The call that the request is part of, if it is sampled."""

    def __init__(self, op: bytes) -> None:
        self.op = op

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Return the write or the verdict that this request leads to on this row."""
        raise NotImplementedError

    def repeated(self, row: Row, book: ShippedRules) -> Answer:
        """Return the answer to a repeat of this request, whose write was the last one of the row."""
        return Answer(present(row, book), repeated=True)


class Play(Request):
    """A request to play one input."""

    kind = "play"
    is_replayable = True

    def __init__(self, op: bytes, text: str, turn: int | None, episode: int | None) -> None:
        self.op = op  # `super()` would cost as much as these four lines (measured)
        self.text = text
        self.turn = turn
        self.episode = episode

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Judge the turn, apply the input and encode the new row; this is the hot path."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        rules = book.shipped.get(row.rules) or book.of(row.rules)
        text, turn = self.text, row.turn
        seen, episode = self.turn, self.episode
        if (seen is not None and seen != turn) or (episode is not None and episode != row.episode):
            trail = trails.decode(row.trail)
            return retry_table.judge(row, trail, present(row, book), text, seen, episode)
        after = trails.played(row.trail, text, self.op, turn)
        turn += 1
        try:
            step = rules.advance(rules.open_state(row.state), text)
        except DungeonFighterError as error:
            return Verdict(error=with_game(error, present(row, book)))
        state = step.state
        raw = rules.encode(state)
        new = sealed_row(
            row.bot_id, row.version + 1, rules.digest(raw), row.episode, turn, row.rules, raw, after,
            row.directive, row.tokens_today,
        )  # fmt: skip
        over = step.terminated or step.truncated
        chunks, ended = NO_CHUNKS, None
        if over or turn % limits.trail_inputs_max == 0:
            trail = trails.decode(after)
            chunks = chunks_of(row.episode, turn, trail)
            ended = end_of(new, trail, rules, state, run_result(state)) if over else None
        answer = Answer(shown(new, rules, state), False, step.reward)
        return Planned(Write(new, row.version, row.digest, row.trail[_TAIL], chunks, ended), answer)


class RepeatablePlay(Play):
    """A play whose caller chose the operation id, so that copies of the request may arrive."""

    has_copies = True

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Look for the operation in the trail first: an earlier copy of this request may have applied it."""
        trail = trails.decode(row.trail)
        if row.state and trails.version_of(trail, row.version, self.op) is not None:
            return Verdict(answer=self.repeated(row, book))
        return super().plan(row, book)


class Wrapper(Request):
    """A request around another one, whose properties it has; a subclass sets `op`.

    Args:
        request: The other request.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.replaces_unreadable = request.replaces_unreadable
        self.expects_no_row = request.expects_no_row
        self.is_replayable = request.is_replayable
        self.has_copies = request.has_copies
        self.kind = request.kind
        self.episode = request.episode
        self.call = request.call

    def repeated(self, row: Row, book: ShippedRules) -> Answer:
        """See `Request`."""
        return self._request.repeated(row, book)


class Retry(Wrapper):
    """An unnumbered request whose last answer was lost (`lost_answers`); it has the lost one's operation id.

    If that operation was the last one of the game, the request is answered as a repeat. If it is not in the
    trail, it had no effect or is still under way, and this request carries the same id. If another operation
    followed it, this request is a new one with an id of its own.

    Args:
        request: The request, with an id of its own.
        op: The id of the lost request.
    """

    def __init__(self, request: Request, op: bytes) -> None:
        super().__init__(request)
        self.has_copies = True
        self._own_op, request.op = request.op, op
        self.op = op

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Answer as a repeat, or plan the request."""
        version = trails.version_of(trails.readable(row.trail), row.version, self.op) if row.state else None
        if version is not None:
            if version == row.version:
                return Verdict(answer=self.repeated(row, book))
            self.op = self._request.op = self._own_op
        return self._request.plan(row, book)


class Rewrite(Request):
    """A request that writes the next version of a row with the same run, and changes what is beside it."""

    is_replayable = True

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan a row with the same run."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        trail = trails.marked(trails.decode(row.trail), self.op)
        new = sealed_row(
            row.bot_id, row.version + 1, row.digest, row.episode, row.turn, row.rules, row.state,
            trails.encode(trail), self._directive(row), row.tokens_today,
        )  # fmt: skip
        answer = Answer(present(new, book), applied=0)
        return Planned(Write(new, row.version, row.digest, row.tail), answer)

    def _directive(self, row: Row) -> str:
        return row.directive


class SetDirective(Rewrite):
    """A request to set the directive, a note of the bot's owner beside the run."""

    kind = "set_directive"

    def __init__(self, op: bytes, directive: str) -> None:
        super().__init__(op)
        self.directive = directive

    def _directive(self, row: Row) -> str:
        return self.directive
