"""The requests that begin a run: from options, from the options of the run before it, or from a save.

If the run before it is live, the same write ends that run.

Source: docs/decisions/005-runs-and-saves.md.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import (
    BadArgument,
    BotExists,
    Corrupt,
    FutureTurn,
    NewerRules,
    NotAllowed,
    QuotaExceeded,
    StaleTurn,
)
from dungeonfighter.hosting import damaged_rows
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer, NewGame, Present
from dungeonfighter.hosting.daily_seeds import Seed
from dungeonfighter.hosting.fleet_sizes import FleetSizes
from dungeonfighter.hosting.fork_source import ForkSource
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.ports import Row, Save, Write
from dungeonfighter.hosting.requests import Planned, Request, RunBegin
from dungeonfighter.hosting.rows import check, is_as_written, present, shown, unknown_bot
from dungeonfighter.hosting.run_ends import NO_CHUNKS, chunks_of, end_of, end_of_unreadable
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict
from dungeonfighter.replays.results import run_result
from dungeonfighter.rules import RANKED, GameOptions, Mode, Rules, State, category


class Seeds(Struct, frozen=True):
    """The seeds of a run whose caller gave none: one drawn for this request, and that of the day."""

    drawn: Seed
    of_the_day: Seed


def ascension_max(rules: Rules) -> int:
    """Return the highest ascension of these rules."""
    return len(rules.catalogue.ascents) - 1


def check_options(rules: Rules, options: NewGame) -> None:
    """Refuse options that do not go together.

    Raises:
        BadArgument: A daily run has a seed or an ascension of its own, or the rules have no such ascension.
    """
    if options.mode == Mode.daily and options.seed is not None:
        raise BadArgument("a daily run has the seed of the day; leave seed out")
    if options.mode == Mode.daily and options.ascension:
        raise BadArgument("a daily run has no ascension, because all bots play one game; leave ascension out")
    if (options.ascension or 0) > (most := ascension_max(rules)):
        raise BadArgument(f"these rules have ascensions up to {most}, and none {options.ascension}")


class Start(Request):
    """A request for a new run, with options (`start_new_game`) or those of the former run (`reset_game`)."""

    kind = "start"
    replaces_unreadable = True

    def __init__(
        self, op: bytes, options: NewGame, episode: int | None, seeds: Seeds, origin: str = trails.ORIGIN_NEW
    ) -> None:
        super().__init__(op)
        self.options = options
        self.episode = episode
        self.expects_no_row = episode == 1
        self.seeds = seeds
        self.origin = origin
        self.fleet_sizes: FleetSizes | None = None

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan run `row.episode + 1`, and the end of a live run before it."""
        wanted = self.options_text
        standing, trail, is_damaged = _readable(row, book)
        if is_damaged:
            return self._begin_over(row, trail, book, wanted)
        if self.origin == trails.ORIGIN_RESET and not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        refused = _episode_verdict(row, trail, standing, self.episode, self.origin, wanted)
        if refused is not None:
            return refused
        if self.fleet_sizes is not None and not row.version:
            try:
                self.fleet_sizes.take(row.bot_id.partition("/")[0])
            except QuotaExceeded as error:
                return Verdict(error=error)
        rules = book.current
        options = self._game_options(standing, rules)
        state = rules.new_game(options)
        directive = "" if self.origin == trails.ORIGIN_RESET else row.directive
        return _begin(
            row, trail, standing, rules, state, self.op,
            origin=self.origin, options=wanted, parent=row.episode, directive=directive,
        )  # fmt: skip

    def _begin_over(
        self, row: Row, trail: trails.Trail, book: ShippedRules, wanted: str
    ) -> Planned | Verdict:
        """Plan a run that replaces a damaged row."""
        clean = damaged_rows.writable(row)
        refused = _episode_verdict(clean, trail, None, self.episode, self.origin, wanted)
        if refused is not None:
            return refused
        rules = book.current
        planned = _begin(
            clean, trail, None, rules, rules.new_game(self._game_options(None, rules)), self.op,
            origin=self.origin, options=wanted, parent=clean.episode,
            directive="" if self.origin == trails.ORIGIN_RESET else clean.directive,
        )  # fmt: skip
        write = planned.write
        check(write.row, book)  # never acknowledge a row that would not load
        planned.write = msgspec.structs.replace(
            write, from_version=row.version, from_digest=row.digest, from_tail=row.tail
        )
        return planned

    @property
    def options_text(self) -> str:
        """The options in one canonical text."""
        return msgspec.json.encode(self.options).decode()

    def _game_options(self, standing: Present | None, rules: Rules) -> GameOptions:
        asked = self.options
        before = standing.state if standing is not None else None
        mode, name, ascension = asked.mode, asked.name, asked.ascension or 0
        if before is not None and self.origin == trails.ORIGIN_RESET:
            mode, ascension = before.mode, min(before.ascension, ascension_max(rules))
        if mode is None:
            mode = Mode.casual
        if name is None:
            name = before.hero.name if before is not None else "Hero"
        drawn = asked.seed is None
        ranked = drawn and mode in RANKED
        own = self.seeds.of_the_day if mode == Mode.daily else self.seeds.drawn
        return GameOptions(
            seed=own.seed if asked.seed is None else asked.seed, mode=mode, name=name,
            weapon=-1 if asked.weapon is None else asked.weapon, ranked=ranked,
            nonce=own.nonce if ranked else b"", ascension=ascension,
        )  # fmt: skip


class Load(Request):
    """A request for a new run that continues a save with dice of its own.

    Args:
        op, episode: As for each `Request`.
        save: The save.
        seed: The seed of the new dice.
    """

    kind = "load"

    def __init__(self, op: bytes, save: Save, episode: int | None, seed: int) -> None:
        super().__init__(op)
        self.save = save
        self.episode = episode
        self.seed = seed

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan run `row.episode + 1` from the saved state, whose digest must match."""
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
            what = f"the save {self.save.slot} is damaged; delete_save removes it"
            return Verdict(error=with_game(Corrupt(what), standing))
        state = rules.decode(self.save.state)
        if state.mode != Mode.casual or (standing.state.mode != Mode.casual and not standing.state.over):
            what = (
                "only casual runs can be loaded, and no other run is left for a save while it lives; play on"
            )
            return Verdict(error=with_game(NotAllowed(what), standing))
        rules.branch(state, self.seed)
        return _begin(
            row, trail, standing, rules, state, self.op,
            origin=trails.ORIGIN_LOAD, options=wanted, parent=self.save.episode, directive=row.directive,
        )  # fmt: skip


class Fork(Request):
    """A request for a run that continues a state of another bot; the new bot has no live run.

    Args:
        op: The operation id.
        source: The state, and the place where it is from.
        seed: The seed of the dice of an inexact fork.
        asked: The turn and the episode that the caller named, None where it named none.
        fleet_sizes: Counts the new bot; None if fleets have no bound.
    """

    kind = "fork"
    expects_no_row = True

    def __init__(
        self, op: bytes, source: ForkSource, seed: int, asked: tuple[int | None, int | None],
        fleet_sizes: FleetSizes | None,
    ) -> None:  # fmt: skip
        super().__init__(op)
        self.source = source
        self.seed = seed
        self.asked = asked
        self.fleet_sizes = fleet_sizes
        self.episode = 1

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan the first run of a bot, or the next run of one that was deleted."""
        if row.state:
            return self._judge(row, book)
        if self.fleet_sizes is not None and not row.version:
            try:
                self.fleet_sizes.take(row.bot_id.partition("/")[0])
            except QuotaExceeded as error:
                return Verdict(error=error)
        source = self.source
        rules = book.of(source.rules)
        state = rules.open_state(source.state)
        if not source.is_exact:
            rules.branch(state, self.seed)
        return _begin(
            row, trails.decode(row.trail), None, rules, state, self.op,
            origin=trails.ORIGIN_FORK, options=source.text, parent=source.episode, directive=row.directive,
        )  # fmt: skip

    def _judge(self, row: Row, book: ShippedRules) -> Verdict:
        """Return the same answer to a copy of this request, and `bot_exists` to any other request."""
        trail = trails.decode(row.trail)
        if trail.origin == trails.ORIGIN_FORK and self.source.is_asked_for(trail.options, *self.asked):
            return Verdict(answer=Answer(present(row, book), repeated=True))
        bot = row.bot_id.partition("/")[2]
        return Verdict(error=BotExists(f"there is a bot {bot} already; a fork needs an id that no bot has"))


def _episode_verdict(
    row: Row, trail: trails.Trail, standing: Present | None, episode: int | None, origin: str, options: str
) -> Verdict | None:
    """Return the verdict on a request that names run `episode`; None if it may begin the run."""
    if episode is None or episode == row.episode + 1:
        return None
    if row.episode == 0:
        what = f"there is no run {episode}: this bot has no run yet, and its first one is 1; send episode=1"
        kind = FutureTurn if episode > 1 else StaleTurn
        return Verdict(error=with_game(kind(what), standing))
    now = f"the present run is {row.episode}, the next is {row.episode + 1}"
    if episode > row.episode + 1:
        what = f"run {episode} cannot begin yet; {now}"
        return Verdict(error=with_game(FutureTurn(what), standing))
    begun_here = standing is not None and episode == row.episode and row.turn == trail.first_turn
    if (
        begun_here
        and standing is not None
        and trail.origin == origin
        and _same(origin, trail.options, options)
    ):
        return Verdict(answer=Answer(standing, repeated=True))
    what = f"run {episode} has begun already; {now}"
    return Verdict(error=with_game(StaleTurn(what), standing))


def _same(origin: str, options: str, others: str) -> bool:
    """Return True if two requests ask for the same run; a load counts by its slot, whose save may change."""
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
    chunks, ended = NO_CHUNKS, None
    if standing is not None and not standing.state.over:
        ended = end_of(row, trail, standing.rules, standing.state, run_result(standing.state))
    elif standing is None and row.state:
        ended = end_of_unreadable(row, trail, damaged_rows.as_text(row.rules))
    if ended is not None and row.turn % limits.trail_inputs_max:
        chunks = chunks_of(row.episode, row.turn, trail)
    answer = Answer(shown(new, rules, state))
    begun = RunBegin(category(state.mode, state.ascension), state.ranked, origin, parent)
    base = b"" if origin in trails.ORIGINS_WITH_OPTIONS else raw
    return Planned(Write(new, row.version, row.digest, row.tail, chunks, ended, base), answer, begun)


def _readable(row: Row, book: ShippedRules) -> tuple[Present | None, trails.Trail, bool]:
    """Read a row that may be damaged.

    Returns:
        The present run (None: there is none, or this server cannot read it), the readable part of its trail,
        and True if the row is damaged.
    """
    trail = trails.readable(row.trail)
    try:
        check(row, book)
        return (present(row, book) if row.state else None), trail, False
    except NewerRules:
        return None, trail, False
    except Corrupt:
        return None, trail if is_as_written(row) else trails.only_ops(trail), True
