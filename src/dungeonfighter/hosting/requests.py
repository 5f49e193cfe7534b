"""What can be asked of one game, as plans over its row: no I/O, no waiting.

`plan(row)` either gives the write that would do it, with the answer to send once it is committed, or a
verdict that stands as long as the row is the truth (`hosting.host` makes sure of that before it is told).

The retry table is `judge`. Source: docs/architecture.md, "One request, one effect"; product.md, "Retries".
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Protocol

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, NewerRules, NotAllowed
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.game import (
    Answer,
    NewGame,
    Present,
    check,
    is_as_written,
    present,
    shown,
    unknown_bot,
)
from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row, Save, Write
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State


class Verdict(Struct, gc=False):
    """An answer that changes nothing; true as long as the row it was made from is the truth."""

    answer: Answer | None = None
    error: Exception | None = None

    def told(self) -> Answer:
        """The answer, or the error raised."""
        if self.answer is None:
            raise self.error or DungeonFighterError("a verdict without an answer")
        return self.answer


class Planned(Struct, gc=False):
    """A write, and what to answer when it has won."""

    write: Write
    answer: Answer


class Attempt(Struct, gc=False):
    """A write on its way, and what is told when it has won: `shown` is what the asker makes of the answer.

    It is made before the commit, while the new state is at hand; the state itself does not wait for it.
    """

    write: Write
    shown: Any
    applied: int


class Seeds(Struct, frozen=True):
    """Seeds for a run that was given none: drawn for this request, and the one of the day for daily runs."""

    drawn: int
    of_the_day: int


_NO_CHUNKS: Final[tuple[InputChunk, ...]] = ()
_NONE_TRIED: Final[dict[int, Attempt]] = {}
_ALL_SURE: Final[frozenset[int]] = frozenset()
_TAIL: Final = slice(-limits.row_tail_bytes, None)
"""`Row.tail`, without the call."""
_VERSION_MAX: Final = 2**62
_NUMBER_MAX: Final = 2**30


class Asker(Protocol):
    """Who asked. `tag` is what came with the request: of many requests of one asker it tells which."""

    def show(self, tag: Any, answer: Answer) -> Any:
        """Make of an answer what the asker wants to be told.

        It is called when the answer is planned, perhaps again when it is planned anew, and must change
        nothing.
        """

    def tell(self, tag: Any, told: Any) -> None:
        """Take what was shown, or the `Exception` that went wrong: once, in the event loop. It must not
        raise.
        """


class Request:
    """One request for one game. The same `op` is carried by every attempt of it."""

    begins_anew: ClassVar[bool] = False
    """Whether it can be done although the present run cannot be read here."""
    replayable: ClassVar[bool] = False
    """Whether it is planned again after a conflict (inputs) or answers `conflict` (all else)."""
    episode: int | None = None
    """The run that the caller sees, or wants to begin."""

    tried: dict[int, Attempt] = _NONE_TRIED
    """The attempts to write each version that this request has tried, the last one last."""
    unsure: frozenset[int] = _ALL_SURE
    """Those of them of which nothing is known: neither won nor refused."""
    is_from_memory: bool = False
    """Whether it is not replayable, and its only attempt started from what was in memory: that may have been
    old, so a conflict need not mean that anybody came first.
    """

    def __init__(self, op: bytes, deadline: float, asker: Asker, tag: Any) -> None:
        self.op = op
        self.deadline = deadline
        self.asker = asker
        self.tag = tag

    def trying(self, plan: Planned) -> Attempt:
        """Show the answer, and note the attempt before it is sent."""
        answer = plan.answer
        attempt = Attempt(plan.write, self.asker.show(self.tag, answer), answer.applied)
        version = plan.write.row.version
        if not self.tried:  # nearly always
            self.tried = {version: attempt}
            return attempt
        self.tried.pop(version, None)
        self.tried[version] = attempt
        return attempt

    def not_told(self) -> None:
        """Nothing is known of the last attempt."""
        self.unsure |= {self.last_version()}

    def last_version(self) -> int:
        """The version that the last attempt tried to write."""
        return next(reversed(self.tried))

    def was_planned_from(self, row: Row) -> bool:
        """Whether the last attempt started from exactly this row: then nobody came first."""
        write = self.tried[self.last_version()].write
        return (write.from_version, write.from_digest, write.from_tail) == (row.version, row.digest, row.tail)

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """What this request means for the game as the row has it."""
        raise NotImplementedError


class Play(Request):
    """One input."""

    replayable = True

    def __init__(
        self, op: bytes, deadline: float, asker: Asker, tag: Any, text: str,
        turn: int | None, episode: int | None,
    ) -> None:  # fmt: skip
        self.op = op  # not by `super()`: a call costs as much as all of this (measured)
        self.deadline = deadline
        self.asker = asker
        self.tag = tag
        self.text = text
        self.turn = turn
        self.episode = episode

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Judge, apply, encode: the hot path."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        rules = book.shipped.get(row.rules) or book.of(row.rules)
        text, turn = self.text, row.turn
        seen, episode = self.turn, self.episode
        if (seen is not None and seen != turn) or (episode is not None and episode != row.episode):
            trail = trails.decode(row.trail)
            return judge(row, trail, present(row, book), text, seen, episode)
        after = trails.played(row.trail, text, self.op, turn)
        turn += 1
        try:
            step = rules.advance(rules.open_state(row.state), text)
        except DungeonFighterError as error:
            error.present = present(row, book)
            return Verdict(error=error)
        state = step.state
        raw = rules.encode(state)
        new = sealed_row(
            row.bot_id, row.version + 1, rules.digest(raw), row.episode, turn, row.rules, raw, after,
            row.directive, row.tokens_today,
        )  # fmt: skip
        over = step.terminated or step.truncated
        chunks, ended = _NO_CHUNKS, None
        if over or turn % limits.trail_inputs_max == 0:
            trail = trails.decode(after)
            chunks = chunks_of(row.episode, turn, trail)
            ended = end_of(new, trail, rules, state, run_result(state, cut=step.truncated)) if over else None
        answer = Answer(shown(new, rules, state), False, step.reward)
        return Planned(Write(new, row.version, row.digest, row.trail[_TAIL], chunks, ended), answer)


class Start(Request):
    """A new run, from options (`start_new_game`) or from the former run's (`reset_game`)."""

    begins_anew = True

    def __init__(
        self, op: bytes, deadline: float, asker: Asker, tag: Any, options: NewGame,
        episode: int | None, seeds: Seeds, origin: str = trails.ORIGIN_NEW,
    ) -> None:  # fmt: skip
        super().__init__(op, deadline, asker, tag)
        self.options = options
        self.episode = episode
        self.seeds = seeds
        self.origin = origin

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Begin run `row.episode + 1`; the live run before it ends as abandoned."""
        wanted = self._text()
        standing, trail, is_damaged = _readable(row, book)
        if is_damaged:
            return self._begin_over(row, trail, book, wanted)
        if self.origin == trails.ORIGIN_RESET and not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        refused = _episode_verdict(row, trail, standing, self.episode, self.origin, wanted)
        if refused is not None:
            return refused
        rules = book.current
        options = self._game_options(standing)
        state = rules.new_game(options)
        directive = "" if self.origin == trails.ORIGIN_RESET else row.directive
        return _begin(
            row, trail, standing, rules, state, self.op,
            origin=self.origin, options=wanted, parent=row.episode, directive=directive,
        )  # fmt: skip

    def _begin_over(
        self, row: Row, trail: trails.Trail, book: ShippedRules, wanted: str
    ) -> Planned | Verdict:
        """Begin a run over a row that does not check: nothing of it is trusted but its version."""
        clean = _cleaned(row)
        refused = _episode_verdict(clean, trail, None, self.episode, self.origin, wanted)
        if refused is not None:
            return refused
        rules = book.current
        planned = _begin(
            clean, trail, None, rules, rules.new_game(self._game_options(None)), self.op,
            origin=self.origin, options=wanted, parent=clean.episode,
            directive="" if self.origin == trails.ORIGIN_RESET else clean.directive,
        )  # fmt: skip
        write = planned.write
        check(write.row, book)  # never acknowledge what could not be read again
        planned.write = Write(write.row, row.version, row.digest, row.tail, write.chunks, write.ended)
        return planned

    def _text(self) -> str:
        return msgspec.json.encode(self.options).decode()

    def _game_options(self, standing: Present | None) -> GameOptions:
        asked = self.options
        before = standing.state if standing is not None else None
        mode, name = asked.mode, asked.name
        if mode is None:
            mode = before.mode if before is not None and self.origin == trails.ORIGIN_RESET else Mode.casual
        if name is None:
            name = before.hero.name if before is not None else "Hero"
        drawn = asked.seed is None
        ranked = mode == Mode.daily or (mode == Mode.ironman and drawn)
        seed = self.seeds.of_the_day if mode == Mode.daily else self.seeds.drawn
        return GameOptions(
            seed=seed if asked.seed is None else asked.seed, mode=mode, name=name,
            weapon=-1 if asked.weapon is None else asked.weapon, ranked=ranked,
        )  # fmt: skip


class Load(Request):
    """A new run that goes on from a save."""

    def __init__(
        self, op: bytes, deadline: float, asker: Asker, tag: Any, save: Save, episode: int | None
    ) -> None:
        super().__init__(op, deadline, asker, tag)
        self.save = save
        self.episode = episode

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Begin run `row.episode + 1` with the saved state, digest for digest."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        standing = present(row, book)
        trail = trails.decode(row.trail)
        wanted = f"load {self.save.slot} {self.save.digest.hex()}"
        refused = _episode_verdict(row, trail, standing, self.episode, trails.ORIGIN_LOAD, wanted)
        if refused is not None:
            return refused
        rules = book.of(self.save.rules)
        if rules.digest(self.save.state) != self.save.digest:
            return Verdict(error=Corrupt(f"the save {self.save.slot} does not check", present=standing))
        state = rules.decode(self.save.state)
        if state.mode != Mode.casual or (standing.state.mode != Mode.casual and not standing.state.over):
            what = "ironman and daily runs cannot be loaded, nor left for a save while they live; play on"
            return Verdict(error=NotAllowed(what, present=standing))
        return _begin(
            row, trail, standing, rules, state, self.op,
            origin=trails.ORIGIN_LOAD, options=wanted, parent=self.save.episode, directive=row.directive,
        )  # fmt: skip


class Direct(Request):
    """Set the directive: a note of the bot's owner beside the run."""

    replayable = True

    def __init__(self, op: bytes, deadline: float, asker: Asker, tag: Any, directive: str) -> None:
        super().__init__(op, deadline, asker, tag)
        self.directive = directive

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """The same run, another directive."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        trail = trails.marked(trails.decode(row.trail), self.op)
        new = sealed_row(
            row.bot_id, row.version + 1, row.digest, row.episode, row.turn, row.rules, row.state,
            trails.encode(trail), self.directive, row.tokens_today,
        )  # fmt: skip
        return Planned(Write(new, row.version, row.digest, row.tail), Answer(present(new, book)))


def judge(
    row: Row, trail: trails.Trail, standing: Present, text: str, turn: int | None, episode: int | None
) -> Verdict:
    """The retry table for an input that names another turn or episode than the present one."""
    refused = elsewhere(row, standing, turn, episode)
    if refused is not None:
        return refused
    if turn is not None and trails.input_at(trail, row.turn, turn) == text:
        return Verdict(answer=Answer(standing, repeated=True))
    return too_late(row, standing, turn)


def elsewhere(row: Row, standing: Present, turn: int | None, episode: int | None) -> Verdict | None:
    """The refusal of another run or of a turn to come; None: it names the present turn or an earlier one."""
    now = f"e{row.episode} t{row.turn}"
    if episode is not None and episode != row.episode:
        what = f"episode {episode} is not the present run; the game is at {now}"
        return Verdict(error=BadInput(what, code="stale_turn", present=standing))
    if turn is not None and turn > row.turn:
        what = f"turn {turn} has not come yet; the game is at {now}"
        return Verdict(error=BadInput(what, code="future_turn", present=standing))
    return None


def too_late(row: Row, standing: Present, turn: int | None) -> Verdict:
    """The refusal of an earlier turn that was answered with something else."""
    now = f"e{row.episode} t{row.turn}"
    what = f"turn {turn} is over and was not answered with this input; the game is at {now}"
    return Verdict(error=BadInput(what, code="stale_turn", present=standing))


def run_result(state: State, *, cut: bool = False) -> str:
    """How a run that is over, or is being left, ends: won, died, turns or abandoned."""
    if cut:
        return "turns"
    if state.phase == Phase.Victory or state.world.bosses >= 3:
        return "won"
    return "died" if state.over or state.phase == Phase.Death else "abandoned"


def _episode_verdict(
    row: Row, trail: trails.Trail, standing: Present | None, episode: int | None, origin: str, options: str
) -> Verdict | None:
    """Whether run `episode` may begin: only if its predecessor is current; None means go on."""
    if episode is None or episode == row.episode + 1:
        return None
    now = f"the present run is {row.episode}"
    if episode > row.episode + 1:
        return Verdict(
            error=BadInput(f"run {episode} cannot begin yet; {now}", code="future_turn", present=standing)
        )
    begun_here = standing is not None and episode == row.episode and row.turn == trail.first_turn
    if (
        begun_here
        and standing is not None
        and trail.origin == origin
        and _same(origin, trail.options, options)
    ):
        return Verdict(answer=Answer(standing, repeated=True))
    return Verdict(
        error=BadInput(f"run {episode} has begun already; {now}", code="stale_turn", present=standing)
    )


def _same(origin: str, options: str, others: str) -> bool:
    """Whether two requests asked for the same: of a load the slot counts; it may hold another save now."""
    if origin == trails.ORIGIN_LOAD:
        return options.rpartition(" ")[0] == others.rpartition(" ")[0]
    return options == others


def _begin(
    row: Row, trail: trails.Trail, standing: Present | None, rules: Rules, state: State, op: bytes, *,
    origin: str, options: str, parent: int, directive: str,
) -> Planned:  # fmt: skip
    raw = rules.encode(state)
    after = trails.begun(
        trail, op, origin=origin, options=options, first_turn=state.turn, parent_episode=parent
    )
    new = sealed_row(
        row.bot_id, row.version + 1, rules.digest(raw), row.episode + 1, state.turn, rules.identity, raw,
        trails.encode(after), directive, row.tokens_today,
    )  # fmt: skip
    chunks, ended = _NO_CHUNKS, None
    if standing is not None and not standing.state.over:
        ended = end_of(row, trail, standing.rules, standing.state, run_result(standing.state))
    elif standing is None and row.state:
        ended = _ended_unread(row, trail)
    if ended is not None and row.turn % limits.trail_inputs_max:
        chunks = chunks_of(row.episode, row.turn, trail)
    answer = Answer(shown(new, rules, state))
    return Planned(Write(new, row.version, row.digest, row.tail, chunks, ended), answer)


def _readable(row: Row, book: ShippedRules) -> tuple[Present | None, trails.Trail, bool]:
    """The present run (None: there is none, or it cannot be read here), its trail as far as it can be, and
    whether the row is damaged.
    """
    trail = trails.readable(row.trail)
    try:
        check(row, book)
        return (present(row, book) if row.state else None), trail, False
    except NewerRules:
        return None, trail, False
    except Corrupt:
        return None, trail if is_as_written(row) else trails.only_ops(trail), True


def _cleaned(row: Row) -> Row:
    """A damaged row with values that can be written again, where they are not of their kind.

    Raises:
        Corrupt: Not even a version is left to go on from.
    """
    if type(row.version) is not int or not 0 <= row.version < _VERSION_MAX:
        raise Corrupt("the stored version of this game does not check; only this game stops")
    return msgspec.structs.replace(
        row, digest=_as_bytes(row.digest), episode=_as_number(row.episode), turn=_as_number(row.turn),
        rules=_as_text(row.rules), state=b"\0", trail=_as_bytes(row.trail), directive=_as_text(row.directive),
        tokens_today=row.tokens_today if type(row.tokens_today) is int and row.tokens_today >= 0 else 0,
    )  # fmt: skip


def _as_number(number: Any) -> int:
    """An episode or a turn; in place of an impossible one, one that no run of this bot has had."""
    return number if type(number) is int and 0 <= number <= _NUMBER_MAX else _NUMBER_MAX


def _as_bytes(raw: Any) -> bytes:
    return raw if type(raw) is bytes else b""


def _as_text(text: Any) -> str:
    """A stored text that may not be UTF-8, or no text, so that it can be stored again."""
    return text.encode(errors="replace").decode() if type(text) is str else ""


def _ended_unread(row: Row, trail: trails.Trail) -> EpisodeEnd:
    """The end of a run that cannot be read here: what its row and trail tell; its score is not known."""
    return EpisodeEnd(
        episode=row.episode, rules=_as_text(row.rules), seed=0, mode="", options=trail.options,
        parent_episode=trail.parent_episode, first_turn=trail.first_turn, last_turn=row.turn,
        result="abandoned", score=0, digest=row.digest, ranked=False,
    )  # fmt: skip


def chunks_of(episode: int, turn: int, trail: trails.Trail) -> tuple[InputChunk, ...]:
    """The inputs up to `turn` that no chunk has yet, as one; none if there are none."""
    first, inputs = trails.unspilled(trail, turn)
    return (InputChunk(episode, first, inputs),) if inputs else _NO_CHUNKS


def end_of(row: Row, trail: trails.Trail, rules: Rules, state: State, result: str) -> EpisodeEnd:
    """The end of the run that the row has."""
    return EpisodeEnd(
        episode=row.episode, rules=row.rules, seed=state.seed, mode=Mode(state.mode).name,
        options=trail.options, parent_episode=trail.parent_episode, first_turn=trail.first_turn,
        last_turn=row.turn, result=result, score=rules.score(state), digest=row.digest, ranked=state.ranked,
    )  # fmt: skip
