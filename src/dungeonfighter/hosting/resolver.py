"""The slow way of a request: load, head check, commit, conflict, settling, until there is an answer.

Only a commit or a fresh head may ground an answer. A plan made from memory goes to the store, which compares
(version, digest, tail). A verdict made from memory (stale turn, illegal input, a repeat, any read) needs a
head that a fetch after the arrival of the request returned.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import (
    Corrupt,
    DungeonFighterError,
    NewerRules,
    NotWritten,
    OutcomeUnknown,
    RequestConflict,
    StoreError,
    StoreUnavailable,
)
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.attempts import Attempt, Pending
from dungeonfighter.hosting.call_trace import CURRENT, LOAD
from dungeonfighter.hosting.feed import Feed
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.game_log import GameLog
from dungeonfighter.hosting.gather import Found, Gather
from dungeonfighter.hosting.group_commit import CommitResult, Lanes
from dungeonfighter.hosting.hot_games import HotGame, HotGames
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Conflict, Failed, Row, Store, Won
from dungeonfighter.hosting.requests import Planned
from dungeonfighter.hosting.rows import absent, checked, present
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict

_UNKNOWN: Final = (
    "the store did not say in time whether this was applied; send it again with the same turn, or read the "
    "game if it named none"
)


class Resolver:
    """Carries out requests that left the hot way, until each has its answer or its error."""

    def __init__(
        self, store: Store, rules: ShippedRules, patience: Patience, games: HotGames, commits: Lanes,
        metrics: HostMetrics,
    ) -> None:  # fmt: skip
        self._book = rules
        self._patience = patience
        self._games = games
        self._commits = commits
        self._heads = Gather(store.heads)
        self._loads = Gather(store.load)
        self._settles = Gather(store.settle)
        self.metrics = metrics
        self.game_log = GameLog(patience.now, patience.timeout_seconds)
        self.feed = Feed(by_fleet=metrics.fleet_turns is not None)
        self._reading = 0

    async def resolve(self, game: HotGame, pending: Pending, result: CommitResult | None) -> Any:
        """Carry out one request: load, check and commit; retry after a conflict or an unknown outcome.

        Args:
            game: The game; no other request of its bot is under way.
            pending: The request.
            result: The result of its last attempt; None if there was no attempt.

        Returns:
            The answer as the request's responder rendered it.
        """
        is_fresh = False
        for _ in range(limits.attempts_max):
            if result is not None or game.row is None or game.unsettled:
                row = await self._renew(game, pending, result)
                settled = self._settle_attempts(game, row, pending) if pending.last is not None else None
                if isinstance(settled, Attempt):
                    return settled.rendered
                if settled is not None:
                    return self._rendered(pending, settled)
                if isinstance(result, StoreUnavailable):
                    await self._patience.pause_after(result, pending.deadline)
                is_fresh = not isinstance(result, StoreUnavailable)
                result = None
                continue
            row = game.row
            if not (pending.request.is_replayable or is_fresh or await self._is_head(row, pending)):
                game.row = None  # an old row in memory must not count as a conflict
                continue
            plan = self._plan(pending, row, game.trouble)
            if isinstance(plan, Verdict):
                if is_fresh or await self._is_head(row, pending):
                    return self._rendered(pending, plan.answer_or_raise())
                game.row = None
                continue
            attempt = pending.begin_attempt(plan)
            result = await self._commit(attempt, pending)
            if isinstance(result, Won):
                self.record_win(game, attempt)
                return attempt.rendered
        raise OutcomeUnknown(
            "this game changes faster than the request can be applied; read it and decide again"
        )

    async def fresh_row(self, key: str) -> Row:
        """Return the row of a bot as of a moment after this call began; version 0 when there is none.

        Raises:
            Overloaded: Too many reads wait already.
            StoreUnavailable: The store did not answer in time.
            Corrupt, NewerRules: As `rows.checked`.
        """
        if self._reading >= limits.reads_max:
            raise self._patience.overloaded(f"{self._reading} reads already wait for this server")
        self._reading += 1
        call = CURRENT.call
        began = 0.0 if call is None else call.now()
        try:
            return await self._fresh_row(key)
        finally:
            self._reading -= 1
            if call is not None:
                call.add(LOAD, began, call.now())

    async def _fresh_row(self, key: str) -> Row:
        deadline = self._patience.deadline()
        game = self._games.get(key)
        row = game.row if game is not None else None
        if row is not None and game is not None and game.trouble is None:
            head = await self._patience.ask(lambda: self._heads.get(key), deadline)
            for candidate in (row, game.row):  # the second: a request may have changed the game meanwhile
                if head is not None and candidate is not None and head.is_of(candidate):
                    return candidate
        known = game.row if game is not None else None
        gather = self._settles if game is not None and game.unsettled else self._loads
        found = checked(key, await self._patience.ask(lambda: gather.get(key), deadline), self._book)
        self._games.adopt(key, known, found)
        return found

    def record_win(self, game: HotGame, attempt: Attempt) -> None:
        """Replace the row in memory by that of a winning write, and count the inputs of the write."""
        game.row = attempt.write.row
        game.trouble = None
        self._count(game, attempt)

    def _count(self, game: HotGame, attempt: Attempt) -> None:
        self.metrics.turns.add(attempt.applied)
        if attempt.applied:
            self.metrics.active_bots.note(attempt.write.row.bot_id)
        if self.metrics.fleet_turns is not None:
            self.metrics.fleet_turns.add(attempt.write.row.bot_id, attempt.applied)
        self._patience.wrote()
        if attempt.write.ended is not None:
            self.metrics.episodes[attempt.write.ended.result].add()
            self.feed.run_ended(attempt.write)
        if attempt.write.ended is not None or attempt.begun is not None:
            self.game_log.write_won(game, attempt)

    def _plan(self, pending: Pending, row: Row, trouble: DungeonFighterError | None) -> Planned | Verdict:
        request = pending.request
        if trouble is not None and not request.replaces_unreadable:
            return Verdict(error=trouble)
        try:
            return request.plan(row, self._book)
        except Exception as error:  # noqa: BLE001 (an error is a verdict, too, and needs a fresh head)
            return Verdict(error=trouble or error)

    async def _renew(self, game: HotGame, pending: Pending, result: CommitResult | None) -> Row:
        """Reload the row, or settle it if the outcome of its last write is unknown."""
        if isinstance(result, Failed):
            raise StoreError(f"this game could not be saved: {result.reason}")
        if isinstance(result, Conflict):
            self.metrics.conflicts.add()
        is_unknown = game.unsettled
        if isinstance(result, StoreUnavailable):
            self._patience.could_not_write(result)
            if not isinstance(result, NotWritten):
                pending.mark_unknown()
                is_unknown = True
        game.row, game.unsettled = None, is_unknown
        gather = self._settles if is_unknown else self._loads
        try:
            row = await self._ask(gather, game.key, pending)
        except StoreUnavailable as error:
            if not pending.unknown:
                raise
            raise OutcomeUnknown(_UNKNOWN) from error
        if is_unknown:
            self.metrics.settled.add()
        game.row, game.unsettled, game.trouble = row or absent(game.key), False, None
        try:
            checked(game.key, row, self._book)
        except (Corrupt, NewerRules) as trouble:
            game.trouble = trouble
            if type(game.row.version) is not int:  # no version can follow this value
                game.row = msgspec.structs.replace(game.row, version=-1)
        return game.row

    def _settle_attempts(self, game: HotGame, row: Row, pending: Pending) -> Attempt | Answer | None:
        """Return the attempt that won, or an answer of no attempt; None if the request needs a new plan.

        Raises:
            OutcomeUnknown: The trail no longer reaches back to the attempt.
            RequestConflict: Another request came first, and this kind of request is not applied after it.
        """
        trail = trails.readable(row.trail)
        version = trails.version_of(trail, row.version, pending.request.op)
        if version is not None:
            won = None if pending.request.has_copies else pending.attempt_of(version)
            if won is None:
                return pending.request.repeated(row, self._book)
            self._count(game, won)
            return won
        if not all(trails.covers(trail, row.version, tried) for tried in pending.unknown):
            what = (
                "too many turns were played since to see if this was applied; read the game before you go on"
            )
            raise OutcomeUnknown(what)
        pending.unknown = frozenset()
        if pending.request.is_replayable or pending.is_from_memory or pending.was_planned_from(row):
            pending.is_from_memory = False
            return None
        plan = self._plan(pending, row, None)
        if isinstance(plan, Verdict):
            return plan.answer_or_raise()
        standing = present(row, self._book) if row.state else None
        what = "another request changed this game first; read it and decide again"
        raise with_game(RequestConflict(what), standing)

    async def _is_head(self, row: Row, pending: Pending) -> bool:
        head = await self._ask(self._heads, row.bot_id, pending)
        return head.is_of(row) if head is not None else row.version == 0

    async def _ask(self, gather: Gather[Found], key: str, pending: Pending) -> Found:
        """Read from the store for a request; a sampled call records it as `load`."""
        began = self.game_log.now()
        try:
            return await self._patience.ask(lambda: gather.get(key), pending.deadline)
        finally:
            ended = self.game_log.now()
            pending.read_seconds += ended - began
            if pending.request.call is not None:
                pending.request.call.add(LOAD, began, ended)

    async def _commit(self, attempt: Attempt, pending: Pending) -> CommitResult:
        future: asyncio.Future[CommitResult] = asyncio.get_running_loop().create_future()
        began = self.game_log.now()
        self._commits.add(attempt.write, _set_result, future)
        result = await future
        pending.commit_seconds += self.game_log.now() - began
        return result

    def _rendered(self, pending: Pending, answer: Answer) -> Any:
        """Render an answer that belongs to no attempt."""
        return pending.responder.render(pending.tag, answer)


def _set_result(future: asyncio.Future[CommitResult], result: CommitResult) -> None:
    future.set_result(result)
