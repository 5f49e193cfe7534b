"""Prunes a database by age while servers play, in transactions so short that players do not notice.

What goes, if it is older than the cutoff: ended runs with their inputs, saves, and the game of a bot that has
not changed. What never goes: the run of a bot that is not idle, a ranked run, a run from which one that stays
goes on, and what cannot be read.

Source: docs/decisions/043-copy-and-prune.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.hosting.deleted_rows import emptied, is_removable
from dungeonfighter.hosting.ports import Chance, Row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.storage.copying.copy import Reporter
from dungeonfighter.storage.pruning.removal import Removal, Removed, Run

PAGE_BOTS: Final = 2000
_BOTS_AT_ONCE: Final = 100
_STEP_SECONDS: Final = 0.02
"""A transaction that took longer makes the next one smaller."""
_PAUSE_SHARE: Final = 1.0
"""The pause after a transaction, as a share of its time: half of the time belongs to the players."""
_SIZE_LEAST: Final = 8
_SIZE_MOST: Final = 500
_BUSY_ROUNDS: Final = 5
_FREED_PAGES: Final = 256


class Pruned(Struct):
    """The result of pruning.

    Attributes:
        removed: What went.
        looked_at: The number of bots.
        kept: Idle bots that stay, because their run is ranked, or cannot be read.
        busy: Bots that were played each time; the next pruning finds them.
        given_back: True if the file became smaller.
    """

    removed: Removed
    looked_at: int = 0
    kept: int = 0
    busy: int = 0
    given_back: bool = False


class Pruner:
    """One pass over all bots.

    Args:
        removal: The database.
        book: The rules, to see which runs are ranked.
        chance: Draws the operation ids of the emptied rows.
        reporter: Hears of the progress with each step.
        cutoff: What did not change since then may go, in seconds since 1970.
        is_trial: Change nothing, and count what would go.
        now: Returns monotonic seconds.
    """

    def __init__(
        self, removal: Removal, book: ShippedRules, chance: Chance, reporter: Reporter, cutoff: float, *,
        is_trial: bool = False, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._removal = removal
        self._book = book
        self._chance = chance
        self._reporter = reporter
        self._cutoff = cutoff
        self._is_trial = is_trial
        self._now = now
        self._size = _SIZE_LEAST
        self._forked: dict[str, set[int]] = {}
        """The runs from which runs of other bots go on, by key."""
        self.pruned = Pruned(Removed())

    async def run(self) -> Pruned:
        """Look at every bot once; a repeat after an interruption begins anew and finds what is left."""
        async for runs in self._removal.forked():
            for key, episode in runs:
                self._forked.setdefault(key, set()).add(episode)
            self._show("looking for forks")
        last = ""
        while found := await self._removal.candidates(last, self._cutoff, PAGE_BOTS):
            last = found[-1].key
            self.pruned.looked_at += len(found)
            idle = [bot.key for bot in found if bot.is_idle]
            emptied: dict[str, int] = {}
            for keys in _parts(idle):
                emptied |= await self._remove_bots(keys)
            if self._is_trial:
                await self._count([bot.key for bot in found if bot.has_old or bot.key in emptied], emptied)
            else:
                await self._prune([bot.key for bot in found if bot.has_old])
            self._show(f"{self.pruned.looked_at} bots looked at, up to {last}")
            await asyncio.sleep(0)  # lets a Ctrl-C through, which cancels the pruning
        if not self._is_trial:
            while await self._timed_give_back():
                self.pruned.given_back = True
        return self.pruned

    async def _remove_bots(self, keys: Sequence[str]) -> dict[str, int]:
        """Empty the rows of idle bots; return them with their runs, in a trial without a change."""
        rows = await self._removal.load(keys)
        pairs: list[tuple[Row, Row]] = []
        for row in rows.values():
            if row is None or row.updated_at >= self._cutoff:
                self.pruned.kept += row is None
            elif is_removable(row, self._book):
                pairs.append((row, emptied(row, self._chance.op())))
            else:
                self.pruned.kept += 1
        runs = {row.bot_id: row.episode for row, _ in pairs}
        if self._is_trial:
            return runs
        while pairs:
            part, pairs = pairs[: self._size], pairs[self._size :]
            began = self._now()
            self.pruned.removed.add(await self._removal.empty(part))
            await self._pace(began)
        return runs

    async def _count(self, keys: list[str], emptied: dict[str, int]) -> None:
        for part in _parts(keys):
            part_emptied = {key: emptied[key] for key in part if key in emptied}
            step = await self._removal.trial(part, self._cutoff, part_emptied, self._forked_of(part))
            self.pruned.removed.add(step.removed)
            await asyncio.sleep(0)  # lets a Ctrl-C through, which cancels the pruning

    async def _prune(self, keys: list[str]) -> None:
        """Remove the old runs and saves of some bots; ask again for those that are being played."""
        for _ in range(_BUSY_ROUNDS):
            busy: list[str] = []
            for part in _parts(keys):
                has_more = True
                while has_more:
                    began = self._now()
                    step = await self._removal.prune(part, self._cutoff, self._size, self._forked_of(part))
                    self.pruned.removed.add(step.removed)
                    busy += step.busy
                    has_more = step.has_more
                    part = [key for key in part if key not in step.busy]  # noqa: PLW2901
                    await self._pace(began)
            keys = busy
            if not keys:
                return
        self.pruned.busy += len(keys)

    async def _timed_give_back(self) -> bool:
        began = self._now()
        has_more = await self._removal.give_back(_FREED_PAGES)
        await self._pace(began)
        return has_more

    async def _pace(self, began: float) -> None:
        """Fit the size of the next transaction to the time of this one, and leave the players some time."""
        seconds = self._now() - began
        self._size = max(_SIZE_LEAST, self._size // 2) if seconds > _STEP_SECONDS else self._size * 2
        self._size = min(self._size, _SIZE_MOST)
        await asyncio.sleep(seconds * _PAUSE_SHARE)

    def _forked_of(self, keys: Sequence[str]) -> list[Run]:
        return [(key, episode) for key in keys for episode in self._forked.get(key, ())]

    def _show(self, stage: str) -> None:
        gone = self.pruned.removed
        self._reporter.progress(f"{stage}: {gone.bots} bots, {gone.runs} runs, {gone.saves} saves")


def _parts(keys: list[str]) -> list[list[str]]:
    return [keys[begin : begin + _BOTS_AT_ONCE] for begin in range(0, len(keys), _BOTS_AT_ONCE)]
