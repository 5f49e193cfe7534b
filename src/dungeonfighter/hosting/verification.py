"""Verification of ranked runs: claims pending ones, executes them again, and writes the results.

It blocks while it executes, so it belongs into a process that serves nobody.

Source: docs/leaderboard.md, "The verifier".
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from msgspec.structs import replace

from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting.daily_seeds import DailySeeds
from dungeonfighter.hosting.ranked_runs import AS_STORED, FALSE, SET_ASIDE, Check, RankedRun, RankingStore
from dungeonfighter.hosting.run_claims import Finding, Stopped, check_run, claim_of_run, shown_run
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.attestations import Attestations
from dungeonfighter.rules import Mode

logger = logging.getLogger(__name__)

LEASE_SECONDS: Final = 600.0
UNSHIPPED_SECONDS: Final = 86_400.0
"""So long a run waits for a server that has its rules."""
_CLAIMED_MAX: Final = 16
RESULTS: Final = {AS_STORED: "as_stored", FALSE: "false", SET_ASIDE: "set_aside"}
"""The words of the results in metrics."""


class Verification:
    """Checks the pending runs of one store.

    Args:
        store: Open.
        book: The rules of this release.
        daily_seeds: Those of the store.
        attestations: Attests the runs that are as stored.
        is_stopped: Called between turns; after it returned True, `check_some` gives back what it claimed.
        bounded: Wraps each execution; what takes too long there ends the process.
        lease_seconds, unshipped_seconds: See `RankedRuns`; a batch takes half a lease at most.
    """

    def __init__(
        self, store: RankingStore, book: ShippedRules, daily_seeds: DailySeeds, attestations: Attestations, *,
        is_stopped: Callable[[], bool] = lambda: False,
        bounded: Callable[[], AbstractContextManager[object]] = nullcontext,
        lease_seconds: float = LEASE_SECONDS, unshipped_seconds: float = UNSHIPPED_SECONDS,
    ) -> None:  # fmt: skip
        self._store = store
        self._runs = store.ranked
        self._book = book
        self._daily_seeds = daily_seeds
        self._attestations = attestations
        self._is_stopped = is_stopped
        self._bounded = bounded
        self._lease_seconds = lease_seconds
        self._unshipped_seconds = unshipped_seconds
        self._retried = False
        self._left: list[RankedRun] = []
        """Runs that are claimed and have no result yet."""
        self._found: list[tuple[Check, Finding]] = []
        """Results that are not written yet."""
        self.counts: Counter[str] = Counter()
        """The number of each result, by `RESULTS`."""

    async def check_some(self) -> int:
        """Check some pending runs; return the number of those that got a result.

        Runs that were never claimed come in batches. A run whose claim lapsed may have ended the process that
        checked it, so it comes alone.

        Raises:
            StoreError: The store did not answer; the next call writes what this one could not.
        """
        rules = list(self._book.shipped)
        written = await self._write()
        for run in await self._runs.set_runs_aside(rules, self._unshipped_seconds):
            known = run.ended.rules in self._book.shipped
            why = "its checks never ended" if known else f"no server has its rules {run.ended.rules}"
            self._count(run, Finding(SET_ASIDE, why))
        self._left = await self._claim(rules)
        if self._left:
            await self._check_claimed()
            written += await self._write()
        return written

    async def _claim(self, rules: list[str]) -> list[RankedRun]:
        """Claim runs that were never claimed and such that were in turn."""
        for _ in range(2):
            self._retried = not self._retried
            count = 1 if self._retried else _CLAIMED_MAX
            claimed = await self._runs.claim_runs(rules, count, self._lease_seconds, retried=self._retried)
            if claimed:
                return claimed
        return []

    async def _check_claimed(self) -> None:
        end = time.monotonic() + self._lease_seconds / 2
        while self._left and not self._is_stopped() and time.monotonic() < end:
            run = self._left[0]
            try:
                finding = await self._find(run)
            except Stopped:
                return
            self._found.append((self._as_check(run, finding), finding))
            del self._left[0]

    async def _write(self) -> int:
        """Write the results, give back what was claimed and not checked, and return the number of results."""
        if self._left:
            await self._runs.release_runs(self._left)
            self._left = []
        found = self._found
        written = await self._runs.put_checks([check for check, _ in found]) if found else []
        self._found = []
        for (check, finding), is_written in zip(found, written, strict=True):
            if is_written:
                self._count(check.run, finding)
        return sum(written)

    async def _find(self, run: RankedRun) -> Finding:
        key, ended = run.key, run.ended
        try:
            stored = await self._store.stored_run(key, ended.episode)
        except Corrupt as error:
            return Finding(FALSE, str(error))
        first_daily = 0
        if ended.mode == Mode.daily.name:
            first_daily = await self._runs.first_daily_run(key, ended.seed)
        with self._bounded():
            return check_run(run, stored, self._book, self._daily_seeds, first_daily, self._is_stopped)

    def _as_check(self, run: RankedRun, finding: Finding) -> Check:
        if finding.checked != AS_STORED:
            return Check(run, finding.checked)
        claim = claim_of_run(replace(run, inputs_digest=finding.inputs_digest))
        return Check(run, AS_STORED, self._attestations.attest(claim), finding.inputs_digest)

    def _count(self, run: RankedRun, finding: Finding) -> None:
        self.counts[RESULTS[finding.checked]] += 1
        if finding.checked == FALSE:
            logger.warning("%s is false: %s", shown_run(run), finding.reason)
        elif finding.checked == SET_ASIDE:
            logger.warning("%s is set aside: %s", shown_run(run), finding.reason)
        else:
            logger.debug("%s is as stored", shown_run(run))
