"""Walks over a whole store in slices of bots, in the order of their keys, and reports every damage.

All parts of a slice are read at one moment, so that servers that play on cause no findings. The memory does
not grow with the store. After an interruption the walk goes on after the last whole slice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.storage.verification.bots import PAGE_ROWS, BotChecks, Counts, Standing, standing_of
from dungeonfighter.storage.verification.checks import (
    UnknownRules,
    problem_of_base,
    problem_of_row,
    problem_of_save,
)
from dungeonfighter.storage.verification.findings import (
    BASES,
    LAST_KEY,
    Columns,
    Damaged,
    Finding,
    Report,
    Source,
)

SLICE_BOTS: Final = 200
_IDENTITIES_MAX: Final = 20
_OTHER: Final = "other rules"


class Verified(Struct):
    """The state of a verification so far.

    Attributes:
        counts: The rows that were read.
        total: The bots of the store at the beginning.
        findings: The number of findings.
        after: The key after which a later verification goes on: all up to it is done.
        unchecked: States under rules that this release does not ship, by these rules.
        is_done: The walk came to its end.
    """

    counts: Counts = field(default_factory=Counts)
    total: int = 0
    findings: int = 0
    after: str = ""
    unchecked: Counter[str] = field(default_factory=Counter)
    is_done: bool = False


class Verification:
    """One walk over a store.

    Args:
        source: The store.
        book: The rules that this release ships.
        report: Receives each finding at once.
        show: Receives the state of the walk after each slice.
        seen: The state at the beginning; `after` says where to begin.
    """

    def __init__(
        self,
        source: Source,
        book: ShippedRules,
        report: Report,
        show: Callable[[Verified], None],
        seen: Verified,
    ) -> None:
        self._source = source
        self._book = book
        self._sink = report
        self._show = show
        self.seen = seen

    async def run(self) -> Verified:
        """Verify all bots after `seen.after`.

        Raises:
            StoreError: The database does not answer.
        """
        self.seen.total = await self._source.count()
        while not self.seen.is_done:
            await self._check_slice()
            self._show(self.seen)
            await asyncio.sleep(0)  # Ctrl-C ends the walk between two slices
        return self.seen

    async def _check_slice(self) -> None:
        after = self.seen.after
        async with self._source.snapshot():
            keys, standings, is_last = await self._check_rows(after)
            last = LAST_KEY if is_last else keys[-1]
            await self._check_saves(after, last)
            await self._check_bases(after, last)
            await BotChecks(self._source, standings, self._report, self.seen.counts).check(after, last)
        self.seen.is_done = is_last
        self.seen.after = keys[-1] if keys else after

    async def _check_rows(self, after: str) -> tuple[list[str], dict[str, Standing | None], bool]:
        """Check the next rows of games; return their keys, their runs, and True if they are the last ones."""
        standings: dict[str, Standing | None] = {}
        try:
            page = await self._source.select("verify_games", after, SLICE_BOTS)
            keys = [columns[0] for columns in page]
            for columns in page:
                standings[columns[0]] = self._standing(columns)
        except Damaged:
            keys = await self._keys(after)
            for key in keys:
                standings[key] = await self._standing_alone(key)
        self.seen.counts.bots += len(keys)
        return keys, standings, len(keys) < SLICE_BOTS

    async def _keys(self, after: str) -> list[str]:
        try:
            return [columns[0] for columns in await self._source.select("verify_keys", after, SLICE_BOTS)]
        except Damaged as error:
            self._report(Finding(after, "games", f"the bots after this one cannot be read: {error}"))
            return []

    async def _standing_alone(self, key: str) -> Standing | None:
        try:
            found = await self._source.select("verify_game", key)
        except Damaged as error:
            self._report(Finding(key, "game", f"its row cannot be read: {error}"))
            return None
        if not found:
            self._report(Finding(key, "game", "the index of the keys names it, and there is no such row"))
            return None
        return self._standing(found[0])

    def _standing(self, columns: Columns) -> Standing | None:
        row = Row(*columns)
        try:
            problem = problem_of_row(row, self._book)
        except UnknownRules as error:
            self._count_unchecked(error)
            return standing_of(row)
        if problem:
            self._report(Finding(row.bot_id, "game", problem))
            return None
        return standing_of(row)

    async def _check_saves(self, after: str, last: str) -> None:
        at = (after, LAST_KEY)
        while True:
            try:
                page = await self._source.select("verify_saves", *at, last, PAGE_ROWS // 10)
            except Damaged as error:
                self._report(Finding(at[0], "saves", f"those after this bot cannot be read: {error}"))
                return
            for key, slot, text in page:
                self.seen.counts.saves += 1
                at = (key, slot)
                try:
                    problem = problem_of_save(key, slot, text, self._book)
                except UnknownRules as error:
                    self._count_unchecked(error)
                    continue
                if problem:
                    self._report(Finding(key, f"save {slot!a}", problem))
            if len(page) < PAGE_ROWS // 10:
                return

    async def _check_bases(self, after: str, last: str) -> None:
        at = (after, 2**31 - 1)
        while True:
            try:
                page = await self._source.select(BASES, *at, last, PAGE_ROWS)
            except Damaged as error:
                self._report(Finding(at[0], "first states", f"those after this bot cannot be read: {error}"))
                return
            for key, episode, base, rules in page:
                self.seen.counts.bases += 1
                try:
                    problem = problem_of_base(base, rules, self._book)
                except UnknownRules as error:
                    self._count_unchecked(error)
                    continue
                if problem:
                    self._report(Finding(key, f"first state of run {episode}", problem))
            if len(page) < PAGE_ROWS or page[-1][:2] <= at:
                return
            at = page[-1][:2]

    def _count_unchecked(self, error: UnknownRules) -> None:
        unchecked, rules = self.seen.unchecked, str(error.args[0])
        unchecked[rules if rules in unchecked or len(unchecked) < _IDENTITIES_MAX else _OTHER] += 1

    def _report(self, finding: Finding) -> None:
        self.seen.findings += 1
        self._sink(finding)
