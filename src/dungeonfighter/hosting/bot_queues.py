"""The queue of each bot: one request at a time, committed before it is answered.

A request takes one of two ways:

1. The hot way, `_start`: the row is in memory (or the request begins the first run of a bot, which should
   have no row), the plan is a write, and the write joins the next batch. This takes no task and no await. The
   requests of one iteration of the event loop are planned together, after all of them were read: in
   alternation, reading and planning would evict each other from the processor's caches.
2. The slow way, a task of `resolver.Resolver`: load, head check, conflict, settling. The task always ends in
   an answer or an error.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from dungeonfighter import limits
from dungeonfighter.errors import Draining, Overloaded
from dungeonfighter.hosting.attempts import Attempt, Pending
from dungeonfighter.hosting.game_errors import without_frames
from dungeonfighter.hosting.group_commit import CommitResult, Lanes
from dungeonfighter.hosting.hot_games import HotGame, HotGames
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Won
from dungeonfighter.hosting.requests import Planned
from dungeonfighter.hosting.resolver import Resolver
from dungeonfighter.hosting.rows import absent
from dungeonfighter.hosting.shipped_rules import ShippedRules

DRAINING_RETRY_SECONDS: Final = 3


class BotQueues:
    """A queue of requests for each bot; at most one request of a bot is under way."""

    def __init__(
        self, rules: ShippedRules, patience: Patience, games: HotGames, commits: Lanes, resolver: Resolver
    ) -> None:
        self._book = rules
        self._patience = patience
        self._games = games
        self._by_key = games.by_key
        # Direct references save a call for each request.
        self._find, self._mark_used = games.by_key.get, games.by_key.move_to_end
        self._commits = commits
        self._add = commits.add
        self._resolver = resolver
        self._turns = resolver.metrics.turns
        self._active_bots = resolver.metrics.active_bots
        self._last_turns = self._active_bots.last_turns
        self._fleet_turns = resolver.metrics.fleet_turns
        self._game_log = resolver.game_log
        commits.watch(resolver.game_log.batch_committed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready: list[tuple[HotGame, Pending]] = []
        self._unanswered = 0
        self._is_closing = False
        resolver.metrics.queue_lengths = self._lengths

    def submit(self, key: str, pending: Pending) -> None:
        """Queue one request behind those of its bot; its responder gets the answer.

        Raises:
            Overloaded: The server is draining, or too many requests wait for this bot or altogether; nothing
                was queued.
        """
        if self._unanswered >= limits.unanswered_max:
            raise self._patience.overloaded(f"{self._unanswered} requests already wait for this server")
        if self._is_closing:
            what = f"this server is going down; try again in {DRAINING_RETRY_SECONDS} s"
            raise Draining(what, retry_after_seconds=DRAINING_RETRY_SECONDS)
        game = self._find(key)
        if game is None:
            game = self._games.add(key)
        else:
            self._mark_used(key)
        if game.busy:
            if game.waiting is None:
                game.waiting = deque()
            if len(game.waiting) >= limits.waiting_per_bot_max:
                raise Overloaded(f"{len(game.waiting)} requests already wait for this bot; try again in 1 s")
            game.waiting.append(pending)
            self._unanswered += 1
            return
        game.busy = True
        if len(self._by_key) > self._games.games_max:
            self._games.evict()
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._start_ready)
        self._ready.append((game, pending))
        self._unanswered += 1

    async def close(self) -> None:
        """Accept no more requests, and finish the accepted ones."""
        self._is_closing = True
        while self._ready or self._tasks or self._commits.is_busy:
            if self._ready:
                await asyncio.sleep(0)
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._commits.drain()

    def _lengths(self) -> dict[str, int]:
        return {
            "requests without an answer": self._unanswered,
            "requests that load or retry": len(self._tasks),
            "writes before a commit": self._commits.queued,
        }

    def _start_ready(self) -> None:
        ready, self._ready = self._ready, []
        for game, pending in ready:
            self._start(game, pending)

    def _start(self, game: HotGame, pending: Pending) -> None:
        row, request = game.row, pending.request
        if row is None and request.expects_no_row:
            row = absent(game.key)
        may_try = request.is_replayable or request.episode is not None  # else a head check comes first
        if row is None or game.unsettled or game.trouble is not None or not may_try:
            self._resolve_soon(game, pending, None)
            return
        try:
            plan = request.plan(row, self._book)
        except Exception:  # noqa: BLE001 (the slow way plans again and reports it)
            self._resolve_soon(game, pending, None)
            return
        if type(plan) is not Planned:
            self._resolve_soon(game, pending, None)
            return
        try:
            answer, write = plan.answer, plan.write
            rendered = pending.responder.render(pending.tag, answer)
            attempt = Attempt(write, rendered, answer.applied, plan.begun)
            pending.last = attempt  # as `Pending.begin_attempt` does at first, without the call
            if not request.is_replayable:
                pending.is_from_memory = True
            self._add(write, self._on_result, (game, pending, attempt))
        except Exception as error:  # noqa: BLE001 (no write was queued: the caller gets the error)
            self._fail(game, pending, error)

    def _on_result(self, sent: tuple[HotGame, Pending, Attempt], result: CommitResult) -> None:
        game, pending, attempt = sent
        if type(result) is not Won:
            self._game_log.note_commit(pending)
            self._resolve_soon(game, pending, result)
            return
        write = attempt.write
        if write.ended is not None or attempt.begun is not None or not self._patience.store_writes:
            self._resolver.record_win(game, attempt)
        else:  # nearly always; does the same as `record_win`, without its calls
            game.row, game.trouble = write.row, None
            if applied := attempt.applied:
                self._turns.value += applied
                if self._last_turns.pop(game.key, None) is None:
                    self._active_bots.enter(game.key)
                self._last_turns[game.key] = self._active_bots.committed_at
            if self._fleet_turns is not None:
                self._fleet_turns.add(game.key, attempt.applied)
        self._unanswered -= 1
        pending.responder.deliver(pending.tag, attempt.rendered)
        if pending.deadline < self._game_log.logged_before:
            self._game_log.turn_answered(game, pending, attempt)
        self._next(game)

    def _resolve_soon(self, game: HotGame, pending: Pending, result: CommitResult | None) -> None:
        task = asyncio.get_running_loop().create_task(self._resolve(game, pending, result))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, game: HotGame, pending: Pending, result: CommitResult | None) -> None:
        try:
            rendered = await self._resolver.resolve(game, pending, result)
        except Exception as error:  # noqa: BLE001 (the caller gets the error)
            self._fail(game, pending, error)
        else:
            self._unanswered -= 1
            pending.responder.deliver(pending.tag, rendered)
            row = game.row
            self._game_log.request_answered(game, pending, "ok", None if row is None else row.turn)
            self._next(game)

    def _fail(self, game: HotGame, pending: Pending, error: Exception) -> None:
        self._unanswered -= 1
        pending.responder.deliver(pending.tag, without_frames(error))
        self._game_log.request_answered(game, pending, error)
        self._next(game)

    def _next(self, game: HotGame) -> None:
        if game.waiting:
            self._start(game, game.waiting.popleft())
            return
        game.busy = False
        row = game.row
        if (row is None or not row.state) and not game.unsettled:
            self._games.drop(game)
        if len(self._by_key) > self._games.games_max:
            self._games.evict()
