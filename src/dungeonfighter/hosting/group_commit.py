"""Group commit: writes queue, and while one batch is being committed, the next batch forms. It uses no timer.

On an idle server a write is sent at the end of the present iteration of the event loop, alone; on a busy one
batches grow to `limits.batch_rows_max`. A bot has at most one write here (its queue keeps the order), so a
batch never holds two rows of one bot.

Source: docs/architecture.md, "Group commit, output gate".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final

from dungeonfighter import limits
from dungeonfighter.errors import Overloaded, StoreUnavailable
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.ports import Clock, Conflict, Failed, Store, Unsettled, Won, Write

_log = logging.getLogger(__name__)

CommitResult = Won | Conflict | Failed | StoreUnavailable
"""The result of one write: an outcome, or `StoreUnavailable` if the outcome is unknown."""
OnResult = Callable[[Any, CommitResult], None]
OnBatch = Callable[[Sequence[Write], float, float], None]
"""Takes the writes of a batch, and the moments when the store got it and when it returned the outcomes."""
_Queued = tuple[str, Write, OnResult, Any]
_bot_id: Final = itemgetter(0)


class GroupCommit:
    """One lane of batches to one store.

    Args:
        store: Commits the batches.
        clock: Measures the time of each commit.
        metrics: Observe the number of writes of each batch and the time of each commit.
        emptied: Called when every queued write has its result.
    """

    def __init__(
        self, store: Store, clock: Clock, metrics: HostMetrics, emptied: Callable[[], None] | None = None
    ) -> None:
        self._store = store
        self._now = clock.now
        self._batch_rows = metrics.batch_rows
        self._commit_seconds = metrics.commit_seconds
        self._active_bots = metrics.active_bots
        self._emptied = emptied
        self.watchers: list[OnBatch] = []
        """Called after each batch, before the results are passed on."""
        self._queue: list[_Queued] = []
        self._sending: asyncio.Task[None] | None = None
        self._scheduled = False

    def add(self, write: Write, on_result: OnResult, tag: Any) -> None:
        """Queue one write; the lane calls `on_result(tag, result)` once, in the event loop.

        `on_result` must not raise.

        Raises:
            Overloaded: The queue is full; nothing was queued.
        """
        if len(self._queue) >= limits.pending_writes_max:
            raise Overloaded("too many turns are waiting to be saved; try again in 1 s")
        self._queue.append((write.row.bot_id, write, on_result, tag))
        if self._sending is None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send_soon)

    @property
    def queued(self) -> int:
        """The number of writes that are not on their way yet."""
        return len(self._queue)

    @property
    def is_busy(self) -> bool:
        """True while a write is queued or on its way."""
        return self._scheduled or self._sending is not None

    async def drain(self) -> None:
        """Return when every queued write has its result."""
        while self.is_busy:
            if self._sending is not None:
                await asyncio.wait([self._sending])
            else:
                await asyncio.sleep(0)

    def _send_soon(self) -> None:
        self._scheduled = False
        if self._queue and self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_batches())

    async def _send_batches(self) -> None:
        batch: list[_Queued] = []
        try:
            while self._queue:
                batch = self._queue[: limits.batch_rows_max]
                del self._queue[: limits.batch_rows_max]
                batch.sort(key=_bot_id)
                self._batch_rows.observe(len(batch))
                handed_over = self._now()
                writes = [queued[1] for queued in batch]
                results = await self._commit(writes)
                committed = self._active_bots.committed_at = self._now()
                self._commit_seconds.observe(committed - handed_over)
                for on_batch in self.watchers:
                    on_batch(writes, handed_over, committed)
                for (_, _, on_result, tag), result in zip(batch, results, strict=True):
                    try:
                        on_result(tag, result)
                    except Exception:  # noqa: BLE001 (logged; the error of one bot must not stop the others)
                        _log.exception("a game could not take the result of its write; the others go on")
                batch = []
        except BaseException:  # cancelled by the loop or a driver: no request may wait for ever
            self._give_up(batch)
            raise
        finally:
            self._sending = None
        if self._emptied is not None:
            self._emptied()

    def _give_up(self, batch: list[_Queued]) -> None:
        left, self._queue = batch + self._queue, []
        for _, _, on_result, tag in left:
            with contextlib.suppress(Exception):  # as above; the loop may be closing
                on_result(tag, StoreUnavailable("the commit was given up"))

    async def _commit(self, writes: list[Write]) -> list[CommitResult]:
        try:
            outcomes = await self._store.commit(writes)
            if len(outcomes) != len(writes):
                _log.error("a store returned %d outcomes of %d writes", len(outcomes), len(writes))
                return [StoreUnavailable("the store did not return every outcome")] * len(writes)
            return [
                StoreUnavailable(outcome.reason) if isinstance(outcome, Unsettled) else outcome
                for outcome in outcomes
            ]
        except StoreUnavailable as error:
            return [error] * len(writes)
        except Exception as error:  # noqa: BLE001 (an unknown error of a driver must end the wait, too)
            _log.exception("a store raised what it should have translated")
            return [StoreUnavailable(f"the store failed: {type(error).__name__}")] * len(writes)


class Lanes:
    """The lanes to one store, one for each commit that it can run in parallel; a bot keeps its lane.

    Args:
        store: Commits the batches.
        clock: Measures the time of each commit.
        metrics: As for `GroupCommit`, shared by all lanes.
        rest: Called in the event loop when no write is left and the answers are sent.
    """

    def __init__(
        self, store: Store, clock: Clock, metrics: HostMetrics, rest: Callable[[], None] | None = None
    ) -> None:
        emptied = None if rest is None else partial(self._rest_soon, rest)
        self._lanes = [GroupCommit(store, clock, metrics, emptied) for _ in range(store.lanes)]
        is_one = len(self._lanes) == 1
        self.add: Callable[[Write, OnResult, Any], None] = self._lanes[0].add if is_one else self._spread
        """Queue one write in its bot's lane; see `GroupCommit.add`."""

    @property
    def queued(self) -> int:
        """The number of writes that are not on their way yet."""
        return sum(lane.queued for lane in self._lanes)

    @property
    def is_busy(self) -> bool:
        """True while a write is queued or on its way."""
        return any(lane.is_busy for lane in self._lanes)

    def watch(self, on_batch: OnBatch) -> None:
        """Call `on_batch` after each batch, too."""
        for lane in self._lanes:
            lane.watchers.append(on_batch)

    async def drain(self) -> None:
        """Return when every queued write has its result."""
        for lane in self._lanes:
            await lane.drain()

    def _spread(self, write: Write, on_result: OnResult, tag: Any) -> None:
        self._lanes[zlib.crc32(write.row.bot_id.encode()) % len(self._lanes)].add(write, on_result, tag)

    def _rest_soon(self, rest: Callable[[], None]) -> None:
        """Call `rest` one loop iteration later, after the replies were flushed, unless a write is left."""
        if not self.is_busy:
            asyncio.get_running_loop().call_soon(rest)
