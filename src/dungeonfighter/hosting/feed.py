"""The latest and the best ended runs of this host, for the watch page: a bounded copy in memory."""

from __future__ import annotations

import heapq
from collections import deque

from dungeonfighter.hosting.ports import EpisodeEnd, RunSummary, Write

_RECENT_MAX = 50
_TOP_MAX = 20


class Feed:
    """The latest and the best ended runs since this process began."""

    def __init__(self) -> None:
        self.recent_runs: deque[RunSummary] = deque(maxlen=_RECENT_MAX)
        self._top: list[RunSummary] = []

    def run_ended(self, write: Write) -> None:
        """Record the run that this committed write ended."""
        ended = write.ended
        if ended is None:
            return
        run = _summary(write.row.bot_id, ended)
        self.recent_runs.append(run)
        heapq.heappush(self._top, run)
        if len(self._top) > _TOP_MAX:
            heapq.heappop(self._top)

    def top_runs(self) -> list[RunSummary]:
        """Return the best ended runs since this process began, best first."""
        return sorted(self._top, reverse=True)


def _summary(key: str, ended: EpisodeEnd) -> RunSummary:
    return RunSummary(ended.score, key, ended.episode, ended.last_turn, ended.result, ended.mode)
