"""What happened lately on this host, for people who watch: bounded, in memory, never the truth."""

from __future__ import annotations

import heapq
from collections import deque

from dungeonfighter.hosting.ports import EpisodeEnd, RunSummary, Write

_RECENT_MAX = 50
_TOP_MAX = 20


class Feed:
    """Ended runs: the last ones and the best ones."""

    def __init__(self) -> None:
        self.recent_runs: deque[RunSummary] = deque(maxlen=_RECENT_MAX)
        self._top: list[RunSummary] = []

    def run_ended(self, write: Write) -> None:
        """Note the run that this committed write ended."""
        ended = write.ended
        if ended is None:
            return
        line = _line(write.row.bot_id, ended)
        self.recent_runs.append(line)
        heapq.heappush(self._top, line)
        if len(self._top) > _TOP_MAX:
            heapq.heappop(self._top)

    def top_runs(self) -> list[RunSummary]:
        """The best ended runs since this process began, best first."""
        return sorted(self._top, reverse=True)


def _line(key: str, ended: EpisodeEnd) -> RunSummary:
    return RunSummary(ended.score, key, ended.episode, ended.last_turn, ended.result, ended.mode)
