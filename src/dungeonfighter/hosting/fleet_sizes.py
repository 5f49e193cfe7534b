"""The limit on the bots of a fleet.

A process counts the bots of a fleet when somebody begins a new one, and keeps the count for a while, together
with the bots that it began itself. The count stops at the limit, so its cost has a bound. Near the limit
several processes that begin bots at the same moment may exceed it by what they begin within
`KEPT_SECONDS`.

Source: docs/operations.md, "Limits".
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from dungeonfighter.errors import DungeonFighterError, QuotaExceeded
from dungeonfighter.hosting.daily_tokens import NEAR_SHARE
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Clock, Store

KEPT_SECONDS: Final = 5.0
_KEPT_SECONDS_FULL: Final = 1.0
"""A fleet that was full is counted again after so long."""
_FLEETS_MAX: Final = 10_000
RECOUNT_SECONDS: Final = 60.0
_RECOUNTED_MAX: Final = 100
"""The number of fleets near the limit that are counted again at a time."""


class FleetSizes:
    """The counts of bots, by fleet.

    Args:
        patience: Asks the store again while it does not answer.
        store: Counts the bots.
        most: The number of bots that a fleet may have.
        clock: Time.
    """

    def __init__(self, patience: Patience, store: Store, most: int, clock: Clock) -> None:
        self._patience = patience
        self._store = store
        self._most = most
        self._now = clock.now
        self._known: dict[str, tuple[int, float]] = {}
        self._near: dict[str, None] = {}
        """The fleets near the limit, in the order in which they are counted again."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._counting: dict[str, asyncio.Task[None]] = {}

    def when_known(self, key: str, do: Callable[[], None], fail: Callable[[Exception], None]) -> None:
        """Call `do` when the bots of the fleet of `key` are counted, at once if they are.

        Args:
            key: `<fleet>/<botId>`.
            do: May raise only if it is called at once.
            fail: Gets the error of the count, or that of a later call of `do`.
        """
        fleet = key.partition("/")[0]
        if self.is_known(fleet):
            do()
            return

        async def count_first() -> None:
            try:
                await self.learn(fleet)
                do()
            except Exception as error:  # noqa: BLE001 (the caller gets it, as from a submitted request)
                fail(error)

        task = asyncio.get_running_loop().create_task(count_first())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Return when nobody waits for a count any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def is_known(self, fleet: str) -> bool:
        """Return True if the last count of a fleet is still good."""
        count, counted_at = self._known.get(fleet, (0, -KEPT_SECONDS))
        kept = KEPT_SECONDS if count < self._most else _KEPT_SECONDS_FULL
        return self._now() - counted_at < kept

    async def learn(self, fleet: str) -> None:
        """Count the bots of a fleet; all who ask at the same moment share one count.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        counting = self._counting.get(fleet)
        if counting is None:
            counting = self._counting[fleet] = asyncio.ensure_future(self._learn(fleet))
            counting.add_done_callback(lambda _: self._counting.pop(fleet))
        await asyncio.shield(counting)

    async def _learn(self, fleet: str) -> None:
        began = self._now()
        count = await self._patience.ask(lambda: self._store.count_bots(f"{fleet}/", self._most))
        if len(self._known) >= _FLEETS_MAX:
            self._known.clear()
        self._note(fleet, count, began)

    def take(self, fleet: str) -> None:
        """Count one more bot.

        Raises:
            QuotaExceeded: The fleet has as many bots as it may have.
        """
        count, counted_at = self._known.get(fleet, (0, -KEPT_SECONDS))
        if count >= self._most:
            what = (
                f"the fleet {fleet} has all of its {self._most} bots; a new one can begin when its operator"
            )
            raise QuotaExceeded(f"{what} allows more, so play one of those that list_bots shows")
        self._note(fleet, count + 1, counted_at)

    def near_count(self) -> int:
        """Return the number of fleets with `NEAR_SHARE` of their bots."""
        return len(self._near)

    async def recount(self) -> None:
        """Count some of the fleets near the limit; call this every `RECOUNT_SECONDS`."""
        for fleet in list(itertools.islice(self._near, _RECOUNTED_MAX)):
            try:
                await self.learn(fleet)
            except DungeonFighterError:
                return  # the store does not answer; the counts stay as they are

    def _note(self, fleet: str, count: int, counted_at: float) -> None:
        self._known[fleet] = (count, counted_at)
        self._near.pop(fleet, None)
        if count >= self._most * NEAR_SHARE and len(self._near) < _FLEETS_MAX:
            self._near[fleet] = None
