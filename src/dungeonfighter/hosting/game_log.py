"""The lines that a host writes to the log: the beginning and the end of each run, slow turns, and each turn.

A record has two attributes for formatters besides its message: `action`, a constant name of the event, and
`fields`, the values by name. `outcome` and `seconds` have a meaning of their own in some formats. No field
and no message holds a text of a player: no input, no name of a hero, no directive. The seed of a run is in
none either, because that of a ranked run is secret while the run lives.

A turn that is not logged costs one comparison. The deadline of a request is its arrival plus a constant, so
each batch of writes makes one bound, and the requests with an earlier deadline are slow.

Source: docs/logs.md; docs/decisions/033-logs.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.attempts import Attempt, Pending
from dungeonfighter.hosting.hot_games import HotGame
from dungeonfighter.hosting.ports import EpisodeEnd, Write

_log = logging.getLogger(__name__)

RUN_STARTED: Final = "run-started"
RUN_ENDED: Final = "run-ended"
TURN: Final = "turn"
SLOW_TURN: Final = "slow-turn"
_MILLISECONDS: Final = 1000

TraceIds = tuple[str, str]
"""The ids of a trace and of a span in it, in hexadecimal digits."""


def _no_trace(_pending: Pending) -> TraceIds | None:
    return None


class GameLog:
    """Logs the runs and turns of one host.

    Args:
        now: Returns monotonic seconds.
        timeout_seconds: The time from the arrival of a request to its deadline.

    Attributes:
        logged_before: The requests with an earlier deadline must be passed to `turn_answered`.
        trace_of: Returns the trace of a request, if it has one; whoever traces requests sets it.
    """

    def __init__(self, now: Callable[[], float], timeout_seconds: float) -> None:
        self.now = now
        self._timeout_seconds = timeout_seconds
        self._slow_seconds = math.inf
        self._logs_turns = False
        self._handed_over = self._committed = 0.0
        self._rows = 0
        self.logged_before = -math.inf
        self.trace_of: Callable[[Pending], TraceIds | None] = _no_trace

    def watch_turns(self, slow_seconds: float) -> None:
        """Log the turns that take longer than this, and all of them if the log is at level debug.

        Args:
            slow_seconds: 0 for no limit.
        """
        self._slow_seconds = slow_seconds or math.inf
        self._logs_turns = _log.isEnabledFor(logging.DEBUG)
        if self._logs_turns:
            self.logged_before = math.inf

    def batch_committed(self, writes: Sequence[Write], handed_over: float, committed: float) -> None:
        """Take the times of a batch, in the clock's seconds, before its requests are answered."""
        self._handed_over, self._committed, self._rows = handed_over, committed, len(writes)
        if not self._logs_turns:
            self.logged_before = committed + self._timeout_seconds - self._slow_seconds

    def note_commit(self, pending: Pending) -> None:
        """Add the time of the last batch to the parts of a request that goes on to another attempt."""
        pending.commit_seconds += self._committed - self._handed_over

    def turn_answered(self, game: HotGame, pending: Pending, attempt: Attempt) -> None:
        """Log a request that the last batch answered, if it is slow or each is logged."""
        self.note_commit(pending)
        self.request_answered(game, pending, "ok", attempt.write.row.turn)

    def request_answered(
        self, game: HotGame, pending: Pending, outcome: str | Exception, turn: int | None = None
    ) -> None:
        """Log a request, whatever way it took, if it is slow or each is logged.

        Args:
            game: The game; its row is the one after the request.
            pending: The request.
            outcome: ok, or the error that answered it.
            turn: The turn after the request; None if it has none.
        """
        seconds = self.now() - (pending.deadline - self._timeout_seconds)
        is_slow = seconds > self._slow_seconds
        if not (is_slow or self._logs_turns):
            return
        if isinstance(outcome, Exception):
            outcome = outcome.code if isinstance(outcome, DungeonFighterError) else "internal"
        fields: dict[str, object] = _place(game.key)
        if turn is not None and game.row is not None:
            fields |= {"episode": game.row.episode, "turn": turn}
        elsewhere = max(seconds - pending.read_seconds - pending.commit_seconds, 0.0)
        fields |= {
            "request": pending.request.kind,
            "outcome": outcome,
            "seconds": seconds,
            "wait_milliseconds": _rounded(elsewhere),
            "read_milliseconds": _rounded(pending.read_seconds),
            "commit_milliseconds": _rounded(pending.commit_seconds),
            "batch_rows": self._rows,
        }
        extra: dict[str, object] = {"action": SLOW_TURN if is_slow else TURN, "fields": fields}
        trace = self.trace_of(pending)
        if trace is not None:
            extra["trace_id"], extra["span_id"] = trace
        _log.log(
            logging.WARNING if is_slow else logging.DEBUG,
            "%s %s of %s: %s after %.0f ms (%.0f waiting, %.0f reading the store, %.0f in the commit)",
            "slow" if is_slow else "request", pending.request.kind, game.key, outcome,
            seconds * _MILLISECONDS, elsewhere * _MILLISECONDS, pending.read_seconds * _MILLISECONDS,
            pending.commit_seconds * _MILLISECONDS, extra=extra,
        )  # fmt: skip

    def write_won(self, game: HotGame, attempt: Attempt) -> None:
        """Log the run that a durable write ended, and the one that it began."""
        ended, begun = attempt.write.ended, attempt.begun
        if ended is not None:
            self._run_ended(game, ended)
        if begun is None:
            return
        game.begun_episode, game.begun_at = attempt.write.row.episode, self.now()
        if _log.isEnabledFor(logging.INFO):
            fields = _place(game.key) | {
                "episode": game.begun_episode,
                "mode": begun.mode,
                "ranked": begun.ranked,
                "origin": begun.origin,
                "parent_episode": begun.parent_episode,
            }
            _log.info(
                "run %d of %s started: %s, %s", game.begun_episode, game.key, begun.mode, begun.origin,
                extra={"action": RUN_STARTED, "fields": fields},
            )  # fmt: skip

    def _run_ended(self, game: HotGame, ended: EpisodeEnd) -> None:
        if not _log.isEnabledFor(logging.INFO):
            return
        turns, score = ended.last_turn - ended.first_turn, ended.score / 100
        fields: dict[str, object] = _place(game.key) | {
            "episode": ended.episode,
            "mode": ended.mode,
            "ranked": ended.ranked,
            "result": ended.result,
            "score": score,
            "turns": turns,
        }
        took = ""
        if game.begun_episode == ended.episode:
            seconds = fields["seconds"] = self.now() - game.begun_at
            took = f" in {seconds:.1f} s"
        _log.info(
            "run %d of %s ended: %s, %.2f points, %d turns%s",
            ended.episode, game.key, ended.result, score, turns, took,
            extra={"action": RUN_ENDED, "fields": fields},
        )  # fmt: skip


def _place(key: str) -> dict[str, object]:
    fleet, _, bot = key.partition("/")
    return {"fleet": fleet, "bot": bot}


def _rounded(seconds: float) -> float:
    return round(seconds * _MILLISECONDS, 3)
