"""The metrics of a host: this module declares each, and the code that causes an event counts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.hosting.fleets import FleetTurns
from dungeonfighter.hosting.ports import Meter, StoreHealth

INTERACTIONS: Final = "mcp_bot_interactions_total"
BATCH_SIZE: Final = "mcp_commit_batch_size"
HOT_GAMES: Final = "mcp_hot_games"
CONFLICTS: Final = "mcp_store_conflicts_total"
STORE_UP: Final = "mcp_store_up"
EPISODES: Final = "mcp_episodes_total"
"""The metrics that the watch page shows, too."""
REASONS: Final = (
    "rate_limited", "quota_exceeded", "overloaded", "draining", "body_too_large", "bad_host", "bad_origin",
    "unauthorized", "header_mismatch", "malformed", "too_many_connections",
)  # fmt: skip
"""The reasons for which a server refuses requests."""
RESULTS: Final = ("won", "died", "turns", "abandoned")
"""Every way in which a run can end (`EpisodeEnd.result`)."""


class HostMetrics:
    """The instruments of one host, registered with its meter.

    Args:
        meter: Creates the instruments.
        hot_games: Returns the number of games in memory.
        store_up: Returns True if the store answered the last read and the last commit.
        health: Returns the result of `Store.health`.
        by_fleet: Count the turns of each fleet too.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        hot_games: Callable[[], int],
        store_up: Callable[[], bool],
        health: Callable[[], StoreHealth],
        by_fleet: bool = False,
    ) -> None:
        self.fleet_turns = FleetTurns() if by_fleet else None
        outcomes = meter.counters(
            INTERACTIONS, "Playing requests answered, by outcome.", "outcome", ("ok", "repeated", "error")
        )
        self.turns, self.repeated, self.errors = outcomes["ok"], outcomes["repeated"], outcomes["error"]
        self.batch_rows = meter.summary(BATCH_SIZE, "Rows per commit: sum of rows, count of commits.")
        self.commit_seconds = meter.histogram(
            "mcp_commit_seconds", "Time from a batch handed to the store until its outcome."
        )
        self.hot_games = meter.gauge(HOT_GAMES, "Games in memory.", read=hot_games)
        self.conflicts = meter.counter(CONFLICTS, "Commits lost to another writer, then judged again.")
        self.settled = meter.counter(
            "mcp_store_settled_total", "Games whose last commit was unknown until the store settled it."
        )
        self.queue_lengths: Callable[[], dict[str, int]] = dict
        """Returns the lengths of the host's queues by name; the queues set it."""
        self.store_up = meter.gauge(
            STORE_UP, "1 while every worker reaches the store.", merge="min", read=lambda: int(store_up())
        )
        self.store_log_bytes = meter.gauge(
            "mcp_store_log_bytes", "Bytes of the store's log that are not yet moved into its file.",
            merge="max", read=lambda: health().log_bytes,  # the workers share one log
        )  # fmt: skip
        self.store_unsafe = meter.gauge(
            "mcp_store_unsafe", "1 while a setting of the store can lose acknowledged turns.",
            merge="max", read=lambda: int(bool(health().hazards)),
        )  # fmt: skip
        self.episodes = meter.counters(EPISODES, "Runs that ended, by result.", "result", RESULTS)
        self.rejected = meter.counters(
            "mcp_rejected_total", "Requests, steps and connections refused, by reason.", "reason", REASONS
        )
