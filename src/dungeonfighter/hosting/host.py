"""BotHost: every bot's game, one request at a time per bot, committed before it is answered.

A request goes through three hands:

1. `_submit` puts it behind the other requests of its bot; the first in line is worked on.
2. `_step` is the fast way: the row is in memory, the plan is a write, the write joins the next batch. No
   task, no await.
3. `_work` is the slow way, a task: load, head check, conflict, settling. It ends in an answer or an error,
   always.

Nothing but a commit or a fresh head may ground an answer: a plan made from memory is only ever sent to the
store, which compares (version, digest); a verdict made from memory (stale turn, illegal input, a repeat, any
read) is checked against a head fetched after the request arrived. The caller's task may be cancelled at any
moment: it only waits on a future.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import (
    BadInput,
    DungeonFighterError,
    NotAllowed,
    OutcomeUnknown,
    Overloaded,
    StoreError,
    StoreUnavailable,
)
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.feed import Feed
from dungeonfighter.hosting.game import Answer, Game, HostStats, NewGame, Present, checked, present
from dungeonfighter.hosting.gather import Gather
from dungeonfighter.hosting.group_commit import GroupCommit, Told
from dungeonfighter.hosting.ports import BotLine, Chance, Clock, Conflict, Failed, Row, Save, Store, Won
from dungeonfighter.hosting.requests import Direct, Load, Planned, Play, Request, Start, Verdict
from dungeonfighter.hosting.rulebook import RuleBook
from dungeonfighter.rules import Mode, canonical

_Result = TypeVar("_Result")

_BACKOFF_FIRST_SECONDS: Final = 0.01
_BACKOFF_MAX_SECONDS: Final = 0.5


class BotHost:
    """Hosts any number of games over one store. Use from one event loop.

    Args:
        store: Where the rows are; opened by the caller.
        rules: The rule sets this release ships.
        clock: Time.
        chance: Operation ids and drawn seeds.
        hot_games_max: How many games stay in memory; the others hibernate in the store, none is refused for
            it.
        commit_timeout_seconds: How long a request may wait for the store before it answers `outcome_unknown`
            or `store_unavailable`.
    """

    def __init__(
        self, *, store: Store, rules: RuleBook, clock: Clock, chance: Chance,
        hot_games_max: int = limits.hot_games_default,
        commit_timeout_seconds: float = limits.commit_timeout_seconds,
    ) -> None:  # fmt: skip
        self._store = store
        self._book = rules
        self._clock = clock
        self._chance = chance
        self._hot_games_max = hot_games_max
        self._commit_timeout_seconds = commit_timeout_seconds
        self._hot: OrderedDict[str, Game] = OrderedDict()
        self._commits = GroupCommit(store)
        self._heads = Gather(store.heads)
        self._loads = Gather(store.load)
        self._settles = Gather(store.settle)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._store_up = True
        self._turns = self._repeated = self._errors = self._conflicts = self._settled = self._ended = 0
        self.feed = Feed()

    # What a bot can ask

    async def play(
        self, key: str, text: str, *, turn: int | None = None, episode: int | None = None
    ) -> Answer:
        """Apply one input, exactly once for this request, and return after it is durable.

        Args:
            key: `<fleet>/<botId>`.
            text: The input; spelling is normalised by `rules.canonical`.
            turn: The turn the caller sees; with it a repeated request is recognised (the retry table).
            episode: The run the caller sees.

        Raises:
            BadInput: bad_argument, illegal_input, stale_turn, future_turn, run_over, unknown_bot; nothing
                changed.
            Overloaded: Too many requests wait for this bot, or the server is draining.
            StoreError: store_unavailable (not applied), outcome_unknown (may be repeated with `turn`),
                newer_rules.
            Corrupt: The stored game does not check.

        Source: product.md, "Retries".
        """
        text = canonical(text)
        return await self._submit(
            key, Play(self._chance.op(), self._deadline(), _future(), text, turn, episode)
        )

    async def start(self, key: str, options: NewGame, *, episode: int | None = None) -> Answer:
        """Begin a new run; the live one, if any, ends as abandoned. The directive is kept.

        Args:
            key: `<fleet>/<botId>`; a bot is made by its first run.
            options: What the caller wants of the run.
            episode: Begin only if this is the next run's number; repeating it is safe.

        Raises:
            BadInput: bad_argument, stale_turn, future_turn, conflict (another request came first; not
                applied).
        """
        seed = self._chance.seed()
        if options.mode == Mode.daily:
            if options.seed is not None:
                raise BadInput("a daily run has the seed of the day; leave seed out", code="bad_argument")
            seed = daily_seed(self._clock.wall())
        return await self._submit(
            key, Start(self._chance.op(), self._deadline(), _future(), options, episode, seed)
        )

    async def reset(self, key: str) -> Answer:
        """Begin a new run with the former name and mode and fresh dice, and clear the directive."""
        standing = await self.read(key)
        daily = standing.state.mode == Mode.daily
        seed = daily_seed(self._clock.wall()) if daily else self._chance.seed()
        request = Start(
            self._chance.op(), self._deadline(), _future(), NewGame(), None, seed, trails.ORIGIN_RESET
        )
        return await self._submit(key, request)

    async def read(self, key: str) -> Present:
        """The game as it is in the store now.

        Raises:
            BadInput: unknown_bot.
            StoreUnavailable: The store could not be asked within the commit timeout.
        """
        return present(await self._fresh_row(key, self._deadline()), self._book)

    async def save(self, key: str, slot: str) -> Present:
        """Write the game as it stands into a save slot; the run goes on unchanged.

        Raises:
            NotAllowed: quota_exceeded, when all slots are taken.
        """
        _check_slot(slot)
        row = await self._fresh_row(key, self._deadline())
        standing = present(row, self._book)
        taken = {
            save.slot for save in await self._patiently(lambda: self._store.list_saves(key), self._deadline())
        }
        if slot not in taken and len(taken) >= limits.save_slots_max:
            slots = ", ".join(sorted(taken))
            what = f"all {limits.save_slots_max} save slots are taken ({slots}); delete_save frees one"
            raise NotAllowed(what, code="quota_exceeded", present=standing)
        save = Save(key, slot, row.state, row.digest, row.rules, row.episode, row.turn, _summary(standing))
        await self._patiently(lambda: self._store.put_save(save), self._deadline())
        return standing

    async def saves(self, key: str) -> list[Save]:
        """The save slots of a bot, by name, without their states."""
        return await self._patiently(lambda: self._store.list_saves(key), self._deadline())

    async def load(self, key: str, slot: str, *, episode: int | None = None) -> Answer:
        """Begin a new run that goes on exactly where the save stands.

        Raises:
            BadInput: unknown_bot, unknown_save, stale_turn, future_turn, conflict.
            NotAllowed: Ironman and daily runs are not loaded.
        """
        _check_slot(slot)
        save = await self._patiently(lambda: self._store.get_save(key, slot), self._deadline())
        if save is None:
            raise await self._unknown_save(key, slot)
        return await self._submit(key, Load(self._chance.op(), self._deadline(), _future(), save, episode))

    async def delete_save(self, key: str, slot: str) -> None:
        """Remove a save slot.

        Raises:
            BadInput: unknown_bot, unknown_save.
        """
        _check_slot(slot)
        if not await self._patiently(lambda: self._store.delete_save(key, slot), self._deadline()):
            raise await self._unknown_save(key, slot)

    async def set_directive(self, key: str, text: str) -> Present:
        """Keep a note of the bot's owner beside the run; it survives new runs."""
        if len(text) > limits.directive_chars_max:
            what = (
                f"a directive has at most {limits.directive_chars_max} characters, this one has {len(text)}"
            )
            raise BadInput(what, code="bad_argument")
        answer = await self._submit(key, Direct(self._chance.op(), self._deadline(), _future(), text))
        return answer.game

    async def list_bots(self, fleet: str, after: str = "", count: int = 100) -> list[BotLine]:
        """Bots of one fleet in order of their ids, after the id `after`."""
        return await self._patiently(
            lambda: self._store.list_bots(f"{fleet}/", f"{fleet}/{after}", count), self._deadline()
        )

    # What an operator can ask

    def stats(self) -> HostStats:
        """Counters and gauges of this process."""
        return HostStats(
            turns=self._turns, repeated=self._repeated, errors=self._errors, conflicts=self._conflicts,
            settled=self._settled, batches=self._commits.batches, rows=self._commits.rows,
            hot_games=len(self._hot), episodes_ended=self._ended, store_up=self._store_up,
        )  # fmt: skip

    def recent(self, count: int) -> list[Present]:
        """The games last played here, newest first, as last committed here: for watching, not for bots."""
        shown: list[Present] = []
        for key in reversed(self._hot):
            row = self._hot[key].row
            if row is not None and row.state:
                shown.append(present(row, self._book))
                if len(shown) >= count:
                    break
        return shown

    async def close(self) -> None:
        """Take nothing more, finish what was taken."""
        self._closing = True
        while self._tasks or self._commits.is_busy:
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._commits.drain()

    # The line of each bot

    async def _submit(self, key: str, request: Request) -> Answer:
        if self._closing:
            raise Overloaded(
                "this server is going down; try again in 3 s", code="draining", retry_after_seconds=3
            )
        game = self._hot.get(key)
        if game is None:
            game = self._hot[key] = Game(key)
            self._hibernate()
        else:
            self._hot.move_to_end(key)
        if game.busy:
            if game.waiting is None:
                game.waiting = deque()
            if len(game.waiting) >= limits.waiting_per_bot_max:
                raise Overloaded(f"{len(game.waiting)} requests already wait for this bot; try again in 1 s")
            game.waiting.append(request)
        else:
            game.busy = True
            self._step(game, request)
        return await request.future

    def _step(self, game: Game, request: Request) -> None:
        """The fast way: from memory straight into the next batch."""
        row = game.row
        if row is None or game.unsettled:
            self._slowly(game, request, None)
            return
        try:
            plan = request.plan(row, self._book)
        except Exception as error:  # noqa: BLE001 (told to the one who asked)
            self._fail(game, request, error)
            return
        if type(plan) is not Planned:
            self._slowly(game, request, None)
            return
        request.tried[plan.write.row.version] = plan.answer

        def tell(told: Told) -> None:
            if type(told) is Won:
                self._won(game, request, plan)
            else:
                self._slowly(game, request, told)

        try:
            self._commits.add(plan.write, tell)
        except Overloaded as error:
            self._fail(game, request, error)

    def _won(self, game: Game, request: Request, plan: Planned) -> None:
        game.row = plan.write.row
        self._turns += 1
        self._store_up = True
        if plan.ended:
            self._ended += 1
            self.feed.run_ended(plan.write)
        self._done(game, request, plan.answer)

    def _done(self, game: Game, request: Request, answer: Answer) -> None:
        if answer.repeated:
            self._repeated += 1
        if not request.future.done():
            request.future.set_result(answer)
        self._next(game)

    def _fail(self, game: Game, request: Request, error: Exception) -> None:
        self._errors += 1
        if not request.future.done():
            request.future.set_exception(error)
        self._next(game)

    def _next(self, game: Game) -> None:
        game.acted_at = self._clock.now()
        if game.waiting:
            self._step(game, game.waiting.popleft())
            return
        game.busy = False
        nothing_known = not game.unsettled and (game.row is None or not game.row.state)
        if nothing_known and self._hot.get(game.key) is game:
            del self._hot[game.key]
        if len(self._hot) > self._hot_games_max:
            self._hibernate()

    def _hibernate(self) -> None:
        """Let the longest idle games go; what they are is in the store."""
        excess = len(self._hot) - self._hot_games_max
        if excess <= 0:
            return
        idle = []
        for key, game in self._hot.items():
            if not game.busy:
                idle.append(key)
                if len(idle) >= excess:
                    break
        for key in idle:
            del self._hot[key]

    # The slow way

    def _slowly(self, game: Game, request: Request, told: Told | None) -> None:
        task = asyncio.get_running_loop().create_task(self._work(game, request, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, game: Game, request: Request, told: Told | None) -> None:
        try:
            answer = await self._resolve(game, request, told)
        except Exception as error:  # noqa: BLE001 (told to the one who asked)
            self._fail(game, request, error)
        else:
            self._done(game, request, answer)

    async def _resolve(self, game: Game, request: Request, told: Told | None) -> Answer:
        """Answer one request whatever it takes: load, check, commit, conflict, settle, again."""
        fresh = False
        for _ in range(limits.attempts_max):
            if told is not None or game.row is None or game.unsettled:
                await self._renew(game, request, told)
                fresh = True
                if request.tried:
                    answer = self._after_attempt(game, request)
                    if answer is not None:
                        return answer
                told = None
            row = _row(game)
            plan = request.plan(row, self._book)
            if isinstance(plan, Verdict):
                if not fresh and not await self._is_head(game, request):
                    game.row = None
                    continue
                return _told(plan)
            request.tried[plan.write.row.version] = plan.answer
            told = await self._commit(plan)
            if isinstance(told, Won):
                game.row = plan.write.row
                self._turns += 1
                self._store_up = True
                if plan.ended:
                    self._ended += 1
                    self.feed.run_ended(plan.write)
                return plan.answer
            fresh = False
        raise OutcomeUnknown(
            "this game is changing faster than the request can be applied; look and try again"
        )

    async def _renew(self, game: Game, request: Request, told: Told | None) -> None:
        """Make the row in memory the truth again, after whatever was told of the last attempt."""
        if isinstance(told, Failed):
            raise StoreError(f"this game could not be saved: {told.reason}")
        if isinstance(told, Conflict):
            self._conflicts += 1
        unknown = isinstance(told, StoreUnavailable) or game.unsettled
        game.unsettled = unknown
        game.row = None
        gather = self._settles if unknown else self._loads
        try:
            row = await self._patiently(lambda: gather.get(game.key), request.deadline)
        except StoreUnavailable as error:
            if request.tried:
                what = (
                    "the store did not say in time whether this was applied; send it again with the same turn"
                )
                raise OutcomeUnknown(what) from error
            raise
        if unknown:
            self._settled += 1
        game.row = checked(game.key, row, self._book)
        game.unsettled = False

    def _after_attempt(self, game: Game, request: Request) -> Answer | None:
        """Whether an earlier attempt of this request had won after all; None: none did, judge again.

        Raises:
            OutcomeUnknown: The trail no longer reaches back to the attempt.
            BadInput: conflict: it did not win, and is not the kind that is applied again.
        """
        row = _row(game)
        trail = trails.decode(row.trail)
        version = trails.version_of(trail, row.version, request.op)
        if version is not None:
            self._turns += 1
            return request.tried.get(version) or Answer(present(row, self._book), repeated=True)
        if not all(trails.covers(trail, row.version, tried) for tried in request.tried):
            what = "so much happened since that it cannot be told whether this was applied; look first"
            raise OutcomeUnknown(what)
        if request.replayable:
            return None
        standing = present(row, self._book) if row.state else None
        what = "another request changed this game first; look at it and decide again"
        raise BadInput(what, code="conflict", present=standing)

    async def _is_head(self, game: Game, request: Request) -> bool:
        row = _row(game)
        head = await self._patiently(lambda: self._heads.get(game.key), request.deadline)
        if head is None:
            return row.version == 0
        return head.version == row.version and head.digest == row.digest

    async def _commit(self, plan: Planned) -> Told:
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._commits.add(plan.write, future.set_result)
        return await future

    async def _fresh_row(self, key: str, deadline: float) -> Row:
        """The row as of a moment after this call began."""
        game = self._hot.get(key)
        row = game.row if game is not None else None
        if row is not None:
            head = await self._patiently(lambda: self._heads.get(key), deadline)
            if head is not None and head.version == row.version and head.digest == row.digest:
                return row
            if head is not None and game is not None and game.row is not None:
                now = game.row
                if head.version == now.version and head.digest == now.digest:
                    return now
        found = checked(key, await self._patiently(lambda: self._loads.get(key), deadline), self._book)
        game = self._hot.get(key)
        if game is not None and not game.busy and not game.unsettled:
            game.row = found
        elif game is None and found.state:
            game = self._hot[key] = Game(key)
            game.row = found
            self._hibernate()
        return found

    async def _patiently(self, ask: Callable[[], Awaitable[_Result]], deadline: float) -> _Result:
        """Ask the store until it answers or the deadline is over: a fail-over is latency, not errors."""
        pause = _BACKOFF_FIRST_SECONDS
        while True:
            try:
                found = await ask()
            except StoreUnavailable:
                self._store_up = False
                if self._clock.now() + pause >= deadline:
                    raise
                await self._clock.sleep(pause * (0.5 + self._chance.uniform()))
                pause = min(pause * 2, _BACKOFF_MAX_SECONDS)
            else:
                self._store_up = True
                return found

    async def _unknown_save(self, key: str, slot: str) -> BadInput:
        standing = await self.read(key)
        slots = [save.slot for save in await self.saves(key)]
        there = f"there are: {', '.join(slots)}" if slots else "this bot has none"
        return BadInput(f"there is no save {slot}; {there}", code="unknown_save", present=standing)

    def _deadline(self) -> float:
        return self._clock.now() + self._commit_timeout_seconds


def daily_seed(wall_seconds: float) -> int:
    """The seed of the day (UTC), the same on every server."""
    day = time.strftime("%Y-%m-%d", time.gmtime(wall_seconds))
    return (
        int.from_bytes(hashlib.blake2b(f"daily {day}".encode(), digest_size=8).digest(), "big")
        & limits.seed_max
    )


def _future() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()


def _row(game: Game) -> Row:
    if game.row is None:  # pragma: no cover (the callers have just loaded it)
        raise StoreUnavailable("the game is not in memory")
    return game.row


def _told(verdict: Verdict) -> Answer:
    if verdict.error is not None:
        raise verdict.error
    if verdict.answer is None:  # pragma: no cover
        raise DungeonFighterError("a verdict without an answer")
    return verdict.answer


def _check_slot(slot: str) -> None:
    if not limits.slot_pattern.match(slot):
        raise BadInput("slot must be 1 to 32 of a-z, 0-9 and -", code="bad_argument")


def _summary(standing: Present) -> str:
    hero = standing.state.hero
    return msgspec.json.encode(
        {"name": hero.name, "level": hero.level, "score": standing.rules.score(standing.state) / 100}
    ).decode()
