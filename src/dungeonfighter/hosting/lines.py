"""Each bot's line: one request at a time per bot, committed before it is answered.

A request goes through three hands:

1. `submit` puts it behind the other requests of its bot; the first in line is worked on.
2. `_step` is the fast way: the row is in memory (of a bot whose first run is begun there should be none),
   the plan is a write, the write joins the next batch. No task, no await. What came in one turn of the event
   loop is read first and then planned together: the two in turns drive each other out of the processor's
   caches.
3. `_resolve` is the slow way, a task: load, head check, conflict, settling. It ends in an answer or an error,
   always.

Nothing but a commit or a fresh head may ground an answer: a plan made from memory is only ever sent to the
store, which compares (version, digest); a verdict made from memory (stale turn, illegal input, a repeat, any
read) is checked against a head fetched after the request arrived. Whoever asked may be gone at any moment: it
is only told.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import (
    BadInput,
    Corrupt,
    DungeonFighterError,
    NewerRules,
    NotWritten,
    OutcomeUnknown,
    Overloaded,
    StoreError,
    StoreUnavailable,
)
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.feed import Feed
from dungeonfighter.hosting.game import Answer, absent, checked, present
from dungeonfighter.hosting.gather import Gather
from dungeonfighter.hosting.group_commit import Lanes, Told
from dungeonfighter.hosting.hot_game import Game
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Clock, Conflict, Failed, Row, Store, Won
from dungeonfighter.hosting.requests import Attempt, Planned, Request, Verdict
from dungeonfighter.hosting.shipped_rules import ShippedRules

_LOOKED_AT_MAX: Final = 8
"""Games looked at for hibernation each time one more comes: more than one, so that an excess shrinks."""


class Lines:
    """The hot games and who waits for each; the longest idle ones hibernate beyond `hot_games_max`."""

    def __init__(
        self, store: Store, rules: ShippedRules, patience: Patience, hot_games_max: int,
        clock: Clock, counters: HostMetrics, rest: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._book = rules
        self._patience = patience
        self._hot_games_max = hot_games_max
        self._heads = Gather(store.heads)
        self._loads = Gather(store.load)
        self._settles = Gather(store.settle)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._ready: list[tuple[Game, Request]] = []
        self.hot: OrderedDict[str, Game] = OrderedDict()
        self.commits = Lanes(store, clock, counters.batch_rows, counters.commit_seconds, rest)
        self._add = self.commits.add
        self.counters = counters
        self.feed = Feed()

    def submit(self, key: str, request: Request) -> None:
        """Have one request answered through its `asker`, after those of its bot that came before it.

        Raises:
            Overloaded: draining, or too many requests wait for this bot; nobody will be told.
        """
        if self._closing:
            what = "this server is going down; try again in 3 s"
            raise Overloaded(what, code="draining", retry_after_seconds=3)
        game = self.hot.get(key)
        if game is None:
            game = self.hot[key] = Game(key)
        else:
            self.hot.move_to_end(key)
        if game.busy:
            if game.waiting is None:
                game.waiting = deque()
            if len(game.waiting) >= limits.waiting_per_bot_max:
                raise Overloaded(f"{len(game.waiting)} requests already wait for this bot; try again in 1 s")
            game.waiting.append(request)
        else:
            game.busy = True
            if len(self.hot) > self._hot_games_max:
                self._hibernate()
            if not self._ready:
                asyncio.get_running_loop().call_soon(self._step_ready)
            self._ready.append((game, request))

    async def fresh_row(self, key: str) -> Row:
        """The row of a bot as of a moment after this call began; version 0 when there is none.

        Raises:
            StoreUnavailable: The store could not be asked in time.
            Corrupt, NewerRules: The row cannot be judged here.
        """
        deadline = self._patience.deadline()
        game = self.hot.get(key)
        row = game.row if game is not None else None
        if row is not None and game is not None and game.trouble is None:
            head = await self._patience.ask(lambda: self._heads.get(key), deadline)
            for told in (row, game.row):  # the second: its line may have gone on meanwhile
                if head is not None and told is not None and head.is_of(told):
                    return told
        known = game.row if game is not None else None
        gather = self._settles if game is not None and game.unsettled else self._loads
        found = checked(key, await self._patience.ask(lambda: gather.get(key), deadline), self._book)
        self._adopt(key, known, found)
        return found

    async def close(self) -> None:
        """Take nothing more, finish what was taken."""
        self._closing = True
        while self._ready or self._tasks or self.commits.is_busy:
            if self._ready:
                await asyncio.sleep(0)
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self.commits.drain()

    # The fast way

    def _step_ready(self) -> None:
        ready, self._ready = self._ready, []
        for game, request in ready:
            self._step(game, request)

    def _step(self, game: Game, request: Request) -> None:
        row = game.row
        if row is None and request.begins_anew and request.episode == 1:
            row = absent(game.key)  # nearly always: a bot's first run
        may_try = request.replayable or request.episode is not None  # else a head check makes a conflict rare
        if row is None or game.unsettled or game.trouble is not None or not may_try:
            self._slowly(game, request, None)
            return
        try:
            plan = request.plan(row, self._book)
        except Exception:  # noqa: BLE001 (it comes again the slow way)
            self._slowly(game, request, None)
            return
        if type(plan) is not Planned:
            self._slowly(game, request, None)
            return
        try:
            answer, write = plan.answer, plan.write
            attempt = Attempt(write, request.asker.show(request.tag, answer), answer.applied)
            request.tried = {write.row.version: attempt}  # `Request.trying`, the first time, without the call
            if not request.replayable:
                request.is_from_memory = True
            self._add(write, self._told, (game, request, attempt))
        except Exception as error:  # noqa: BLE001 (nothing is on its way: told to the one who asked)
            self._fail(game, request, error)

    def _told(self, sent: tuple[Game, Request, Attempt], told: Told) -> None:
        game, request, attempt = sent
        if type(told) is not Won:
            self._slowly(game, request, told)
            return
        write = attempt.write
        if write.ended is not None or not self._patience.store_writes:
            self._won(game, attempt)
        else:  # nearly always: the same, without the calls
            game.row, game.trouble = write.row, None
            self.counters.turns.value += attempt.applied
        request.asker.tell(request.tag, attempt.shown)
        self._next(game)

    def _plan(
        self, request: Request, row: Row, trouble: DungeonFighterError | None = None
    ) -> Planned | Verdict:
        if trouble is not None and not request.begins_anew:
            return Verdict(error=trouble)
        try:
            return request.plan(row, self._book)
        except Exception as error:  # noqa: BLE001 (told to the one who asked, once the row is known to be the truth)
            return Verdict(error=trouble or error)

    def _won(self, game: Game, attempt: Attempt) -> None:
        game.row = attempt.write.row
        game.trouble = None
        self._count(attempt)

    def _count(self, attempt: Attempt) -> None:
        self.counters.turns.add(attempt.applied)
        self._patience.wrote()
        if attempt.write.ended is not None:
            self.counters.episodes[attempt.write.ended.result].add()
            self.feed.run_ended(attempt.write)

    def _fail(self, game: Game, request: Request, error: Exception) -> None:
        self.counters.errors.add()
        request.asker.tell(request.tag, error)
        self._next(game)

    def _next(self, game: Game) -> None:
        if game.waiting:
            self._step(game, game.waiting.popleft())
            return
        game.busy = False
        nothing_known = not game.unsettled and (game.row is None or not game.row.state)
        if nothing_known and self.hot.get(game.key) is game:
            del self.hot[game.key]
        if len(self.hot) > self._hot_games_max:
            self._hibernate()

    def _hibernate(self) -> None:
        """Let the longest idle games go; what they are is in the store.

        Those at work, or waiting to be settled, go to the end; a bounded number is looked at, so that a
        crowd of busy games costs nothing here.
        """
        for _ in range(min(_LOOKED_AT_MAX, len(self.hot))):
            if len(self.hot) <= self._hot_games_max:
                return
            key, game = next(iter(self.hot.items()))
            if game.busy or game.unsettled:
                self.hot.move_to_end(key)
            else:
                del self.hot[key]

    def _adopt(self, key: str, known: Row | None, found: Row) -> None:
        """Remember a row that was read, unless its line has gone on meanwhile."""
        game = self.hot.get(key)
        if game is not None:
            if not game.busy and game.row is known:
                game.row, game.unsettled, game.trouble = found, False, None
        elif found.state:
            self.hot[key] = Game(key)
            self.hot[key].row = found
            self._hibernate()

    # The slow way

    def _slowly(self, game: Game, request: Request, told: Told | None) -> None:
        task = asyncio.get_running_loop().create_task(self._work(game, request, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, game: Game, request: Request, told: Told | None) -> None:
        try:
            shown = await self._resolve(game, request, told)
        except Exception as error:  # noqa: BLE001 (told to the one who asked)
            self._fail(game, request, error)
        else:
            request.asker.tell(request.tag, shown)
            self._next(game)

    async def _resolve(self, game: Game, request: Request, told: Told | None) -> Any:
        """Answer one request whatever it takes: load, check, commit, conflict, settle, again.

        Returns:
            The answer as the request shows it.
        """
        fresh = False
        for _ in range(limits.attempts_max):
            if told is not None or game.row is None or game.unsettled:
                row = await self._renew(game, request, told)
                settled = self._after_attempt(row, request) if request.tried else None
                if isinstance(settled, Attempt):
                    return settled.shown
                if settled is not None:
                    return self._shown(request, settled)
                if isinstance(told, StoreUnavailable):
                    await self._patience.pause_after(told, request.deadline)
                fresh = not isinstance(told, StoreUnavailable)
                told = None
                continue
            row = game.row
            if not (request.replayable or fresh or await self._is_head(row, request)):
                game.row = None  # only a real race is a conflict, not a replica that slept
                continue
            plan = self._plan(request, row, game.trouble)
            if isinstance(plan, Verdict):
                if fresh or await self._is_head(row, request):
                    return self._shown(request, plan.told())
                game.row = None
                continue
            attempt = request.trying(plan)
            told = await self._commit(attempt)
            if isinstance(told, Won):
                self._won(game, attempt)
                return attempt.shown
        raise OutcomeUnknown("this game changes faster than the request can be applied; look and try again")

    async def _renew(self, game: Game, request: Request, told: Told | None) -> Row:
        """Make the row in memory the truth again, after whatever was told of the last attempt."""
        if isinstance(told, Failed):
            raise StoreError(f"this game could not be saved: {told.reason}")
        if isinstance(told, Conflict):
            self.counters.conflicts.add()
        unknown = game.unsettled
        if isinstance(told, StoreUnavailable):
            self._patience.could_not_write(told)
            if not isinstance(told, NotWritten):
                request.not_told()
                unknown = True
        game.row, game.unsettled = None, unknown
        gather = self._settles if unknown else self._loads
        try:
            row = await self._patience.ask(lambda: gather.get(game.key), request.deadline)
        except StoreUnavailable as error:
            if not request.unsure:
                raise
            what = "the store did not say in time whether this was applied; send it again with the same turn"
            raise OutcomeUnknown(what) from error
        if unknown:
            self.counters.settled.add()
        game.row, game.unsettled, game.trouble = row or absent(game.key), False, None
        try:
            checked(game.key, row, self._book)
        except (Corrupt, NewerRules) as trouble:
            game.trouble = trouble
            if type(game.row.version) is not int:  # nothing can be counted from there
                game.row = msgspec.structs.replace(game.row, version=-1)
        return game.row

    def _after_attempt(self, row: Row, request: Request) -> Attempt | Answer | None:
        """The attempt of this request that had won after all, or else what to answer; None: judge again.

        Raises:
            OutcomeUnknown: The trail no longer reaches back to the attempt.
            BadInput: conflict: another request came first, and this is not the kind that is applied again.
        """
        trail = trails.readable(row.trail)
        version = trails.version_of(trail, row.version, request.op)
        if version is not None:
            won = request.tried.get(version)
            if won is None:
                return Answer(present(row, self._book), repeated=True)
            self._count(won)
            return won
        if not all(trails.covers(trail, row.version, tried) for tried in request.unsure):
            what = "so much happened since that it cannot be told whether this was applied; look first"
            raise OutcomeUnknown(what)
        request.unsure = frozenset()
        if request.replayable or request.is_from_memory or request.was_planned_from(row):
            request.is_from_memory = False
            return None
        plan = self._plan(request, row)
        if isinstance(plan, Verdict):
            return plan.told()
        standing = present(row, self._book) if row.state else None
        what = "another request changed this game first; look at it and decide again"
        raise BadInput(what, code="conflict", present=standing)

    async def _is_head(self, row: Row, request: Request) -> bool:
        head = await self._patience.ask(lambda: self._heads.get(row.bot_id), request.deadline)
        return head.is_of(row) if head is not None else row.version == 0

    async def _commit(self, attempt: Attempt) -> Told:
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self.commits.add(attempt.write, _settle, future)
        return await future

    def _shown(self, request: Request, answer: Answer) -> Any:
        """What is told of an answer that is no attempt's."""
        if answer.repeated:
            self.counters.repeated.add()
        return request.asker.show(request.tag, answer)


def _settle(future: asyncio.Future[Told], told: Told) -> None:
    future.set_result(told)
