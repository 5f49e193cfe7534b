"""The latest and the best ended runs of this host, for the watch page: a bounded copy in memory."""

from __future__ import annotations

import heapq
from collections import Counter, deque

from dungeonfighter.hosting.fleets import FLEETS_MAX, fleet_of
from dungeonfighter.hosting.ports import RunSummary, Write
from dungeonfighter.hosting.run_ends import summary_of

_RECENT_MAX = 50
_TOP_MAX = 20


class EndedRuns:
    """The latest and the best ended runs since this process began, and the number of each result."""

    def __init__(self) -> None:
        self.recent_runs: deque[RunSummary] = deque(maxlen=_RECENT_MAX)
        self.results: Counter[str] = Counter()
        self._top: list[RunSummary] = []

    def add(self, run: RunSummary) -> None:
        """Record a run that has ended."""
        self.results[run.result] += 1
        self.recent_runs.append(run)
        heapq.heappush(self._top, run)
        if len(self._top) > _TOP_MAX:
            heapq.heappop(self._top)

    def top_runs(self) -> list[RunSummary]:
        """Return the best of these runs, best first."""
        return sorted(self._top, reverse=True)


class Feed(EndedRuns):
    """The ended runs of all fleets, and of each if there may be several.

    Args:
        by_fleet: Record the runs of each fleet too, of at most `FLEETS_MAX`.
    """

    def __init__(self, *, by_fleet: bool = False) -> None:
        super().__init__()
        self._by_fleet = by_fleet
        self.fleets: dict[str, EndedRuns] = {}

    def run_ended(self, write: Write) -> None:
        """Record the run that this committed write ended."""
        ended = write.ended
        if ended is None:
            return
        run = summary_of(write.row.bot_id, ended)
        self.add(run)
        if self._by_fleet:
            fleet = fleet_of(run.key)
            if fleet not in self.fleets and len(self.fleets) < FLEETS_MAX:
                self.fleets[fleet] = EndedRuns()
            if fleet in self.fleets:
                self.fleets[fleet].add(run)
