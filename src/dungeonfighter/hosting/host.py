"""BotHost: the requests of bots and operators for the games hosted over one store.

`hosting.requests` and `hosting.new_runs` plan the effect of a request; `hosting.bot_queues` and
`hosting.resolver` commit the plan and answer the request.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Self, TypeVar

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import (
    BadArgument,
    Corrupt,
    DungeonFighterError,
    RunOver,
    SlotsTaken,
    StoreError,
    UnknownSave,
)
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer, NewGame, Present
from dungeonfighter.hosting.attempts import Pending, Responder
from dungeonfighter.hosting.awaited import FUTURES, answer_to
from dungeonfighter.hosting.bot_queues import BotQueues
from dungeonfighter.hosting.daily_seeds import DailySeeds, Seed
from dungeonfighter.hosting.daily_tokens import DailyTokens, WriteTokens
from dungeonfighter.hosting.feed import Feed
from dungeonfighter.hosting.fleet_sizes import FleetSizes
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.group_commit import Lanes
from dungeonfighter.hosting.hot_games import HotGames
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.hosting.leaderboard import Leaderboard
from dungeonfighter.hosting.live_runs import LiveRuns
from dungeonfighter.hosting.lost_answers import Delivery, LostAnswers
from dungeonfighter.hosting.metrics import HostMetrics, declare_quotas
from dungeonfighter.hosting.new_runs import Load, Seeds, Start, check_options
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.play_many import PlayMany, canonical_inputs
from dungeonfighter.hosting.ports import (
    AccessToken,
    BotSummary,
    Chance,
    Clock,
    Meter,
    Row,
    RunSummary,
    Save,
)
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.requests import Play, RepeatablePlay, Request, SetDirective
from dungeonfighter.hosting.resolver import Resolver
from dungeonfighter.hosting.rows import present
from dungeonfighter.hosting.runs import Runs
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.hosting.traced_requests import TracedRequests, trace_ids
from dungeonfighter.replays.attestations import Attestations
from dungeonfighter.rules import canonical

_Tag = TypeVar("_Tag")
BegunPlay = tuple[str, str, int | None, int | None, _Tag]
"""Key, input, turn, episode and tag; see `BotHost.begin_play`."""


class BotHost:
    """Hosts any number of games over one store. All calls must come from one event loop.

    Args:
        store: Holds the rows; the caller opens it.
        rules: The rule sets that this release ships.
        clock: Time.
        chance: Draws operation ids and seeds.
        hot_games_max: The number of idle games that stay in memory; the others hibernate in the store. The
            host refuses no request because of this number.
        commit_timeout_seconds: The longest wait of a request for the store; then the answer is
            `outcome_unknown` or `store_unavailable`.
        rest: Called in the event loop whenever no write is left; it may block for a moment, so that larger
            batches form.
        meter: Creates the metrics of the host; by default nothing collects them.
        bots_per_fleet: The number of bots that a fleet may have; 0 for any number.
        tokens_per_bot_per_day: The tokens of answers to a bot on a day; 0 for any number.
        by_fleet: There may be several fleets: keep the figures of the watch page for each.
        daily_secret: Keys the seeds of daily runs; the same on all servers of the store.
        attestations: Checks the rows of the leaderboard; by default those that no key has signed.
    """

    def __init__(
        self, *, store: RankingStore, rules: ShippedRules, clock: Clock, chance: Chance,
        hot_games_max: int = limits.hot_games_default,
        commit_timeout_seconds: float = limits.commit_timeout_seconds,
        rest: Callable[[], None] | None = None, meter: Meter | None = None, bots_per_fleet: int = 0,
        tokens_per_bot_per_day: int = 0,
        by_fleet: bool = False, daily_secret: bytes = b"", attestations: Attestations | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._book = rules
        self._clock = clock
        self._chance = chance
        self._patience = Patience(clock, chance, commit_timeout_seconds, store.probe)
        self._games = HotGames(hot_games_max)
        self.live_runs = LiveRuns(self._games, rules, store, by_fleet=by_fleet)
        self.meter: Meter = UncollectedMeter() if meter is None else meter
        self.metrics = HostMetrics(
            self.meter,
            now=clock.now,
            hot_games=self._games.__len__,
            store_up=self.is_store_up,
            health=store.health,
            by_fleet=by_fleet,
        )
        self._commits = Lanes(store, clock, self.metrics, rest)
        self._resolver = Resolver(store, rules, self._patience, self._games, self._commits, self.metrics)
        self.game_log = self._resolver.game_log
        self._queues = BotQueues(rules, self._patience, self._games, self._commits, self._resolver)
        self.lost_answers = LostAnswers(clock.now)
        self._now, self._op = clock.now, chance.op
        self._submit: Callable[[str, Pending], None] = self._queues.submit
        self._timeout_seconds = commit_timeout_seconds
        self.daily_seeds = DailySeeds(daily_secret)
        self.daily_tokens: DailyTokens | None = None
        """Whoever answers a bot counts the tokens here; None without a limit."""
        if tokens_per_bot_per_day:
            self.daily_tokens = DailyTokens(tokens_per_bot_per_day, clock)
            self._submit = self.daily_tokens.counting(self._submit)
        sizes = FleetSizes(self._patience, store, bots_per_fleet, clock)
        self.fleet_sizes = sizes if bots_per_fleet else None
        declare_quotas(self.meter, self.daily_tokens, self.fleet_sizes)
        self.runs = Runs(
            store=store, book=rules, patience=self._patience, chance=chance, clock=clock,
            daily_seeds=self.daily_seeds, fresh_row=self._resolver.fresh_row, submit=self._submit,
            fleet_sizes=self.fleet_sizes,
        )  # fmt: skip
        self.leaderboard = Leaderboard(
            runs=store.ranked, attestations=attestations or Attestations(), book=rules,
            patience=self._patience, clock=clock, daily_seeds=self.daily_seeds,
        )  # fmt: skip

    @property
    def feed(self) -> Feed:
        """The latest and the best ended runs of this process, for the watch page."""
        return self._resolver.feed

    # Requests of bots

    async def play(
        self, key: str, text: str, *, turn: int | None = None, episode: int | None = None,
        delivery: Delivery | None = None,
    ) -> Answer:  # fmt: skip
        """Apply one input, exactly once for this request, and return after it is durable.

        Args:
            key: `<fleet>/<botId>`.
            text: The input; `rules.canonical` normalises its spelling.
            turn: The turn that the caller sees; with it the host recognises a repeated request.
            episode: The run that the caller sees.
            delivery: The way of the answer; with it a call without `turn` whose answer was lost is recognised
                when it is repeated.

        Raises:
            BadInput: bad_argument, illegal_input, stale_turn, future_turn, run_over, unknown_bot; nothing
                changed.
            Overloaded: Too many requests wait for this bot, or the server is draining.
            StoreError: store_unavailable (not applied), outcome_unknown (the caller may retry with `turn`),
                newer_rules.
            Corrupt: The stored game fails its checks.

        Source: docs/tools.md, "Repeating a call safely".
        """
        return await answer_to(
            lambda tag: self.begin_play(key, text, turn, episode, FUTURES, tag, delivery=delivery)
        )

    def begin_play(
        self, key: str, text: str, turn: int | None, episode: int | None,
        responder: Responder[_Tag], tag: _Tag, op: bytes | None = None, delivery: Delivery | None = None,
    ) -> None:  # fmt: skip
        """Begin a play and return at once; the responder gets the answer, or the error, once.

        Args:
            key, text, turn, episode, delivery: As `play`.
            responder: Renders the answer before the commit, and receives it after the commit.
            tag: The host passes it to the responder with the answer.
            op: The operation id of a request that may arrive more than once without a turn (a message of a
                queue), `limits.op_bytes` random bytes. The host answers a copy as a repeat while the
                operation is among the last `limits.trail_ops_max` of its game.

        Raises:
            BadInput, Overloaded: As `play`; then the responder gets nothing.
        """
        deadline = self._now() + self._timeout_seconds  # `Patience.deadline`, without the call
        request: Request
        if op is not None:
            request = RepeatablePlay(op, canonical(text), turn, episode)
        else:
            request = Play(self._op(), canonical(text), turn, episode)
            if turn is None and delivery is not None:
                request = self.lost_answers.claim(key, f"play {request.text}", request, delivery)
        self._submit(key, Pending(request, deadline, responder, tag))

    def begin_plays(
        self, plays: Iterable[BegunPlay[_Tag]], responder: Responder[_Tag], delivery: Delivery | None = None
    ) -> None:
        """Begin many plays; the responder also gets the errors that `begin_play` would raise."""
        op, deadline, submit = self._chance.op, self._patience.deadline(), self._submit
        for key, text, turn, episode, tag in plays:
            try:
                request: Request = (play := Play(op(), canonical(text), turn, episode))
                if turn is None and delivery is not None:
                    request = self.lost_answers.claim(key, f"play {play.text}", play, delivery)
                submit(key, Pending(request, deadline, responder, tag))
            except Exception as error:  # noqa: BLE001 (one error must not stop the others)
                responder.deliver(tag, error)

    async def play_many(
        self, key: str, texts: Sequence[str], *, turn: int | None = None, episode: int | None = None,
        delivery: Delivery | None = None,
    ) -> Answer:  # fmt: skip
        """Apply several inputs in one commit, exactly once for this request, and return after it is durable.

        The host stops before the first input that is not legal, and when the run is over. `Answer.applied` is
        the number of applied inputs, `Answer.stopped` the first input that was not applied.

        Args:
            key: `<fleet>/<botId>`.
            texts: 1 to `limits.inputs_at_once_max` inputs.
            turn: The turn that the caller sees before the first of them.
            episode: The run that the caller sees.
            delivery: As `play`.

        Raises:
            BadInput: As `play`, if even the first input cannot be applied; nothing changed.
            Overloaded, StoreError, Corrupt: As `play`.

        Source: docs/decisions/010-batches.md.
        """
        request = PlayMany(self._chance.op(), canonical_inputs(texts), turn, episode)
        call = "inputs " + "\n".join(request.texts)
        return await self._answer(key, request, call, delivery if turn is None else None)

    async def start(
        self, key: str, options: NewGame, *, episode: int | None = None, delivery: Delivery | None = None
    ) -> Answer:
        """Begin a new run and keep the directive; a live run ends, see `replays.results`.

        Args:
            key: `<fleet>/<botId>`; the first run of a bot creates the bot.
            options: The options of the run.
            episode: The number of the new run; with it the caller may repeat the request.
            delivery: The way of the answer; with it a call without `episode` whose answer was lost is
                recognised when it is repeated.

        Raises:
            BadInput: bad_argument, stale_turn, future_turn, conflict (another request came first; not
                applied).
        """
        return await answer_to(lambda tag: self.begin_start(key, options, episode, FUTURES, tag, delivery))

    def begin_start(
        self, key: str, options: NewGame, episode: int | None, responder: Responder[_Tag], tag: _Tag,
        delivery: Delivery | None = None,
    ) -> None:  # fmt: skip
        """Begin a start and return at once; see `begin_play`."""
        check_options(self._book.current, options)
        request: Request = (start := Start(self._chance.op(), options, episode, self._seeds()))
        if episode is None and delivery is not None:
            request = self.lost_answers.claim(key, f"start {start.options_text}", start, delivery)
        start.fleet_sizes = self.fleet_sizes
        if self.fleet_sizes is None or self._games.has_bot(key):
            self._submit(key, Pending(request, self._patience.deadline(), responder, tag))
        else:
            self.fleet_sizes.when_known(
                key, lambda: self._submit(key, Pending(request, self._patience.deadline(), responder, tag)),
                lambda error: responder.deliver(tag, error),
            )  # fmt: skip

    async def reset(
        self, key: str, *, episode: int | None = None, delivery: Delivery | None = None
    ) -> Answer:
        """Begin a new run with the name and mode of the present one and fresh dice; clear the directive.

        Args:
            key, episode, delivery: As `start`.
        """
        request = Start(self._chance.op(), NewGame(), episode, self._seeds(), trails.ORIGIN_RESET)
        return await self._answer(key, request, "reset", delivery if episode is None else None)

    async def read(self, key: str) -> Present:
        """Return the game as it is in the store now.

        Raises:
            BadInput: unknown_bot.
            NotAllowed: quota_exceeded, when the tokens of the day are used up.
            StoreUnavailable: The store did not answer within the commit timeout.
        """
        row = await self._resolver.fresh_row(key)
        if self.daily_tokens is not None and (refusal := self.daily_tokens.refusal(row)) is not None:
            raise refusal
        return present(row, self._book)

    async def save(self, key: str, slot: str) -> Present:
        """Write the present game into a save slot; the run stays unchanged.

        Raises:
            BadInput: unknown_bot, run_over (a finished run cannot be continued).
            NotAllowed: quota_exceeded, when all slots are taken.
        """
        _check_slot(slot)
        row = await self._resolver.fresh_row(key)
        standing = present(row, self._book)
        if standing.state.over:
            what = "this run is over, there is nothing to go on from"
            raise with_game(RunOver(what), standing)
        save = Save(key, slot, row.state, row.digest, row.rules, row.episode, row.turn, _summary(standing))
        if not await self._patience.ask(lambda: self._store.put_save(save)):
            slots = ", ".join(taken.slot for taken in await self.saves(key))
            what = f"all {limits.save_slots_max} save slots are taken ({slots}); delete_save frees one"
            raise with_game(SlotsTaken(what), standing)
        return standing

    async def saves(self, key: str) -> list[Save]:
        """List the save slots of a bot by name, without their states."""
        return await self._patience.ask(lambda: self._store.list_saves(key))

    async def load(
        self, key: str, slot: str, *, episode: int | None = None, delivery: Delivery | None = None
    ) -> Answer:
        """Begin a new run from a save.

        Args:
            key, episode, delivery: As `start`.
            slot: The save slot.

        Raises:
            BadInput: unknown_bot, unknown_save, stale_turn, future_turn, conflict.
            NotAllowed: Only casual runs can be loaded.
        """
        _check_slot(slot)
        save = await self._patience.ask(lambda: self._store.get_save(key, slot))
        if save is None:
            raise await self._unknown_save(key, slot)
        request = Load(self._chance.op(), save, episode, self._chance.seed())
        return await self._answer(key, request, f"load {slot}", delivery if episode is None else None)

    async def delete_save(self, key: str, slot: str) -> None:
        """Remove a save slot.

        Raises:
            BadInput: unknown_bot, unknown_save.
        """
        _check_slot(slot)
        if not await self._patience.ask(lambda: self._store.delete_save(key, slot)):
            raise await self._unknown_save(key, slot)

    async def set_directive(self, key: str, text: str) -> Present:
        """Store the directive, a note of the bot's owner; it survives new runs, but not a reset."""
        if len(text) > limits.directive_chars_max:
            what = (
                f"a directive has at most {limits.directive_chars_max} characters, this one has {len(text)}"
            )
            raise BadArgument(what)
        return (await self._answer(key, SetDirective(self._chance.op(), text))).game

    async def list_bots(self, fleet: str, after: str = "", count: int = 100) -> list[BotSummary]:
        """List bots of one fleet in order of their ids, after the id `after`."""
        return await self._patience.ask(lambda: self._store.list_bots(f"{fleet}/", f"{fleet}/{after}", count))

    async def list_all_bots(self, after: str = "", count: int = 100) -> list[BotSummary]:
        """List bots of every fleet in order of their keys, after the key `after`."""
        return await self._patience.ask(lambda: self._store.list_bots("", after, count))

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        """List the best ended runs of the bots whose keys begin with `prefix`, best first.

        The list may come from a replica that lags.

        Raises:
            StoreUnavailable: The store did not answer; the host does not retry, for no turn waits for this.
        """
        return await self._store.best_runs(prefix, count)

    # Requests of operators

    async def tokens_after(self, version: int) -> list[AccessToken]:
        """List the access tokens that changed after `version`; see `Store`.

        Raises:
            StoreUnavailable: The store did not answer; the host does not retry.
        """
        return await self._store.tokens_after(version)

    def is_store_up(self) -> bool:
        """Return True if the store answered the last read, commit and look of this process."""
        return self._patience.store_up and self._store.health().is_answering

    def store_health(self) -> StoreHealth:
        """Return the length of the store's log, and its hazards."""
        return self._store.health()

    def version_in_memory(self, key: str) -> int:
        """Return the version of a bot's row in memory; 0 if it is not there."""
        return self._games.version(key)

    def recent(
        self, count: int, covers: Callable[[str], bool] | None = None, looked_at_max: int | None = None
    ) -> list[Present]:
        """List the games last used in this process, newest first, as in memory: for display only.

        Args:
            count: The greatest number of games.
            covers: Returns True for the keys to list; by default all are.
            looked_at_max: Look at no more than so many games.
        """
        shown: list[Present] = []
        for game in itertools.islice(self._games.latest(), looked_at_max):
            row = game.row
            if row is not None and row.state and (covers is None or covers(game.key)):
                try:
                    shown.append(present(row, self._book))
                except (StoreError, Corrupt):  # newer rules or corrupt: its own bot gets the error
                    continue
                if len(shown) >= count:
                    break
        return shown

    async def write_tokens(self, *, all_of_them: bool = False) -> None:
        """Write the tokens that have waited for long; call this every `daily_tokens.FLUSH_SECONDS`."""
        if self.daily_tokens is not None:
            await self.daily_tokens.write(self._write_tokens, all_of_them=all_of_them)

    async def close(self) -> None:
        """Accept no more requests, and finish the accepted ones."""
        if self.fleet_sizes is not None:
            await self.fleet_sizes.close()
        await self.write_tokens(all_of_them=True)
        await self._queues.close()
        await self._patience.close()

    def traced(self, requests: TracedRequests) -> Self:
        """Return this host for sampled calls: it shares all, and records the stages of its requests."""
        traced = copy.copy(self)
        traced._submit = requests.watching(self._submit)
        self._commits.watch(requests.note_batch)
        self.game_log.trace_of = trace_ids
        return traced

    # Helpers

    async def _answer(
        self, key: str, request: Request, call: str = "", delivery: Delivery | None = None
    ) -> Answer:
        """Carry out a request; with a delivery it is the unnumbered call `call`."""
        if delivery is not None:
            request = self.lost_answers.claim(key, call, request, delivery)
        deadline = self._patience.deadline()
        return await answer_to(lambda tag: self._submit(key, Pending(request, deadline, FUTURES, tag)))

    async def _write_tokens(self, key: str) -> Row | None:
        await self._answer(key, WriteTokens(self._chance.op()))
        game = self._games.get(key)
        return None if game is None else game.row

    def _seeds(self) -> Seeds:
        drawn = Seed(self._chance.seed(), self._chance.nonce())
        return Seeds(drawn, self.daily_seeds.at(self._clock.wall()))

    async def _unknown_save(self, key: str, slot: str) -> DungeonFighterError:
        standing = await self.read(key)
        slots = [save.slot for save in await self.saves(key)]
        there = f"there are: {', '.join(slots)}" if slots else "this bot has none"
        return with_game(UnknownSave(f"there is no save {slot}; {there}"), standing)


def _check_slot(slot: str) -> None:
    if not limits.slot_pattern.match(slot):
        raise BadArgument("slot must be 1 to 32 of a-z, 0-9 and -")


def _summary(standing: Present) -> str:
    hero = standing.state.hero
    return msgspec.json.encode(
        {"name": hero.name, "level": hero.level, "score": standing.rules.score(standing.state) / 100}
    ).decode()
