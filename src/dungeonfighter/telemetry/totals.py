"""What is counted: the share of one process, and the sum over all workers of a server.

Counters never fall: when a worker ends, what it counted last is kept. What it counted after that (a second's
worth at most, when it is killed) is not in the sum; the store has it all the same.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter.hosting.game import HostStats
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import RunSummary

RUNS_TOLD_MAX: Final = 10
_NO_GAUGES: Final[dict[str, Any]] = {
    "hot_games": 0,
    "store_up": True,
    "store_log_bytes": 0,
    "store_unsafe": False,
}
"""What a worker that ended adds to the gauges."""
_NOTHING: Final = HostStats(**{name: _NO_GAUGES.get(name, 0) for name in HostStats.__struct_fields__})


class Totals(Struct, frozen=True):
    """Counters and gauges of one process or of all, at one moment.

    `at` is the monotonic clock, which all processes of a machine share. `results` counts ended runs; `top`
    are the best of them, best first, and `recent` the last, newest last: `RUNS_TOLD_MAX` each at most.
    """

    at: float
    stats: HostStats
    results: dict[str, int]
    top: list[RunSummary]
    recent: list[RunSummary]

    @property
    def runs_ended(self) -> int:
        return sum(self.results.values())


def of_host(host: BotHost, now: float) -> Totals:
    """The share of this process."""
    feed = host.feed
    return Totals(
        at=now, stats=host.stats(), results=dict(feed.results),
        top=feed.top_runs()[:RUNS_TOLD_MAX], recent=list(feed.recent_runs)[-RUNS_TOLD_MAX:],
    )  # fmt: skip


class Ledger:
    """Adds up the shares of workers that come and go."""

    def __init__(self) -> None:
        self._shares: dict[int, Totals] = {}
        self._former = _NOTHING
        self._former_results: Counter[str] = Counter()
        self._former_top: list[RunSummary] = []
        self._recent: deque[RunSummary] = deque(maxlen=RUNS_TOLD_MAX)

    def note(self, worker: int, share: Totals) -> None:
        """Take a worker's newest share in place of its former one."""
        known = self._shares[worker].runs_ended if worker in self._shares else 0
        if share.runs_ended > known:
            self._recent.extend(share.recent[known - share.runs_ended :])
        self._shares[worker] = share

    def retire(self, worker: int) -> None:
        """Keep the counters of a worker that ended; its gauges ended with it."""
        share = self._shares.pop(worker, None)
        if share is not None:
            stats = msgspec.structs.replace(share.stats, **_NO_GAUGES)
            self._former = _sum([self._former, stats])
            self._former_results.update(share.results)
            self._former_top = _best([self._former_top, share.top])

    def totals(self, now: float) -> Totals:
        """The sum; the store counts as up if every worker reaches it."""
        shares = list(self._shares.values())
        results = Counter(self._former_results)
        for share in shares:
            results.update(share.results)
        return Totals(
            at=now, stats=_sum([self._former, *(share.stats for share in shares)]),
            results=dict(results), top=_best([self._former_top, *(share.top for share in shares)]),
            recent=list(self._recent),
        )  # fmt: skip


def _sum(every: list[HostStats]) -> HostStats:
    fields = [name for name in HostStats.__struct_fields__ if not name.startswith("store_")]
    sums = {name: sum(getattr(stats, name) for stats in every) for name in fields}
    return HostStats(
        **sums,
        store_up=all(stats.store_up for stats in every),
        store_log_bytes=max(stats.store_log_bytes for stats in every),  # the workers share one log
        store_unsafe=any(stats.store_unsafe for stats in every),
    )


def _best(lists: Iterable[list[RunSummary]]) -> list[RunSummary]:
    return heapq.nlargest(RUNS_TOLD_MAX, (line for lines in lists for line in lines))
