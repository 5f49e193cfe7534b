"""Group commit: writes queue, and while one batch is being committed the next one forms by itself. No timers.

Idle, a write goes out at the end of the present turn of the event loop, alone; busy, batches grow to
`limits.batch_rows_max`. A bot has at most one write here (the host keeps each bot's order), so a batch never
holds two rows of one bot.

Source: docs/architecture.md, "Group commit, output gate".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, Final

from dungeonfighter import limits
from dungeonfighter.errors import Overloaded, StoreUnavailable
from dungeonfighter.hosting.instruments import Histogram
from dungeonfighter.hosting.ports import Clock, Conflict, Failed, Store, Unsettled, Won, Write

_log = logging.getLogger(__name__)

Told = Won | Conflict | Failed | StoreUnavailable
"""What a writer is told: an outcome, or that nothing is known."""
Tell = Callable[[Any, Told], None]
_Queued = tuple[str, Write, Tell, Any]
_bot_id: Final = itemgetter(0)


class GroupCommit:
    """One lane of batches to one store.

    Args:
        store: Where they are written.
        clock: Time.
        batch_rows: Observes how many writes each batch has.
        commit_seconds: Observes the time from a batch handed to the store until its outcome.
        emptied: Called when all that was queued has been told.
    """

    def __init__(
        self, store: Store, clock: Clock, batch_rows: Histogram, commit_seconds: Histogram,
        emptied: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._now = clock.now
        self._batch_rows = batch_rows
        self._commit_seconds = commit_seconds
        self._emptied = emptied
        self._queue: list[_Queued] = []
        self._flying: asyncio.Task[None] | None = None
        self._scheduled = False

    def add(self, write: Write, tell: Tell, about: Any) -> None:
        """Queue one write; `tell(about, outcome)` is called once, in the event loop. It must not raise.

        Raises:
            Overloaded: The queue is full; nothing was queued.
        """
        if len(self._queue) >= limits.pending_writes_max:
            raise Overloaded("too many turns are waiting to be saved; try again in 1 s")
        self._queue.append((write.row.bot_id, write, tell, about))
        if self._flying is None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._take_off)

    @property
    def is_busy(self) -> bool:
        """Whether anything is queued or on its way."""
        return self._scheduled or self._flying is not None

    async def drain(self) -> None:
        """Return when everything queued has been told."""
        while self.is_busy:
            if self._flying is not None:
                await asyncio.wait([self._flying])
            else:
                await asyncio.sleep(0)

    def _take_off(self) -> None:
        self._scheduled = False
        if self._queue and self._flying is None:
            self._flying = asyncio.get_running_loop().create_task(self._fly())

    async def _fly(self) -> None:
        batch: list[_Queued] = []
        try:
            while self._queue:
                batch = self._queue[: limits.batch_rows_max]
                del self._queue[: limits.batch_rows_max]
                batch.sort(key=_bot_id)
                self._batch_rows.observe(len(batch))
                handed_over = self._now()
                told = await self._commit([queued[1] for queued in batch])
                self._commit_seconds.observe(self._now() - handed_over)
                for (_, _, tell, about), outcome in zip(batch, told, strict=True):
                    try:
                        tell(about, outcome)
                    except Exception:  # noqa: BLE001 (logged; one bot's trouble is not the batch's)
                        _log.exception("a game could not take its outcome; the others go on")
                batch = []
        except BaseException:  # given up by the loop or a driver: nobody may wait for ever
            self._give_up(batch)
            raise
        finally:
            self._flying = None
        if self._emptied is not None:
            self._emptied()

    def _give_up(self, batch: list[_Queued]) -> None:
        left, self._queue = batch + self._queue, []
        for _, _, tell, about in left:
            with contextlib.suppress(Exception):  # as above; the loop may be going down
                tell(about, StoreUnavailable("the commit was given up"))

    async def _commit(self, writes: list[Write]) -> list[Told]:
        try:
            outcomes = await self._store.commit(writes)
            if len(outcomes) != len(writes):
                _log.error("a store told %d outcomes of %d writes", len(outcomes), len(writes))
                return [StoreUnavailable("the store did not tell every outcome")] * len(writes)
            return [
                StoreUnavailable(outcome.reason) if isinstance(outcome, Unsettled) else outcome
                for outcome in outcomes
            ]
        except StoreUnavailable as error:
            return [error] * len(writes)
        except Exception as error:  # noqa: BLE001 (nobody may wait for ever because a driver raised something new)
            _log.exception("a store raised what it should have translated")
            return [StoreUnavailable(f"the store failed: {type(error).__name__}")] * len(writes)


class Lanes:
    """Several lanes to one store, as many as it can write side by side; a bot always takes the same one.

    Args:
        store: Where batches are written.
        clock: Time.
        batch_rows, commit_seconds: As those of `GroupCommit`, for all lanes.
        rest: Called in the event loop when nothing is left to write and the answers are on their way.
    """

    def __init__(
        self, store: Store, clock: Clock, batch_rows: Histogram, commit_seconds: Histogram,
        rest: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        emptied = None if rest is None else partial(self._rest_soon, rest)
        self._lanes = [
            GroupCommit(store, clock, batch_rows, commit_seconds, emptied) for _ in range(store.lanes)
        ]
        is_one = len(self._lanes) == 1
        self.add: Callable[[Write, Tell, Any], None] = self._lanes[0].add if is_one else self._spread
        """Queue one write in its bot's lane; see `GroupCommit.add`."""

    @property
    def is_busy(self) -> bool:
        """Whether anything is queued or on its way."""
        return any(lane.is_busy for lane in self._lanes)

    async def drain(self) -> None:
        """Return when everything queued has been told."""
        for lane in self._lanes:
            await lane.drain()

    def _spread(self, write: Write, tell: Tell, about: Any) -> None:
        self._lanes[zlib.crc32(write.row.bot_id.encode()) % len(self._lanes)].add(write, tell, about)

    def _rest_soon(self, rest: Callable[[], None]) -> None:
        """Rest in the next turn of the loop: what was told now is sent at the end of this one."""
        if not self.is_busy:
            asyncio.get_running_loop().call_soon(rest)
