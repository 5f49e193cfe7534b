"""The metrics of a host: this module declares each, and the code that causes an event counts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.hosting.active_bots import ActiveBots
from dungeonfighter.hosting.daily_tokens import DailyTokens
from dungeonfighter.hosting.fleet_sizes import FleetSizes
from dungeonfighter.hosting.fleets import FleetTurns
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.hosting.store_health import StoreHealth

TURNS: Final = "mcp_turns_total"
BATCH_SIZE: Final = "mcp_commit_batch_size"
HOT_GAMES: Final = "mcp_hot_games"
CONFLICTS: Final = "mcp_store_conflicts_total"
STORE_UP: Final = "mcp_store_up"
EPISODES: Final = "mcp_episodes_total"
ACTIVE_BOTS: Final = "mcp_active_bots"
"""The metrics that the watch page shows or the parent of the workers computes, too."""
REASONS: Final = (
    "rate_limited", "quota_exceeded", "overloaded", "draining", "body_too_large", "bad_host", "bad_origin",
    "unauthorized", "header_mismatch", "malformed", "too_many_connections",
)  # fmt: skip
"""The reasons for which a server refuses requests."""
RESULTS: Final = ("won", "died", "turns", "abandoned")
"""Every way in which a run can end (`EpisodeEnd.result`)."""


def _declare_store(meter: Meter, store_up: Callable[[], bool], health: Callable[[], StoreHealth]) -> None:
    meter.gauge(
        STORE_UP, "1 while every worker reaches the store.",
        "0: no turn can be played. Look at the database server, its network, and the log of this server.",
        merge="min", read=lambda: int(store_up()),
    )  # fmt: skip
    meter.gauge(
        "mcp_store_pool_size", "Connections to the store that this server may use.",
        "It is `DB_POOL_SIZE` for each worker; with SQLite it is fixed.",
        read=lambda: health().pool_size,
    )  # fmt: skip
    meter.gauge(
        "mcp_store_pool_in_use", "Connections to the store that work at the moment.",
        "If it stays at `mcp_store_pool_size`, requests wait for a connection: find out why statements "
        "are slow before you raise `DB_POOL_SIZE`.",
        read=lambda: health().pool_in_use,
    )  # fmt: skip
    meter.gauge(
        "mcp_store_unsafe", "1 while a setting of the store can lose acknowledged turns.",
        "1: the log and the watch page name the setting; correct it before you rely on the store.",
        merge="max", read=lambda: int(bool(health().hazards)),
    )  # fmt: skip
    meter.gauge(
        "mcp_backup_last_success_timestamp_seconds",
        "When a backup of the store last succeeded, in seconds since 1970; 0 if none ever did.",
        "Alert on its age. 0 or old: take a backup, and look at the job that should.",
        merge="max", read=lambda: health().backup_at,
    )  # fmt: skip
    meter.gauge(
        "mcp_clock_skew_seconds",
        "How far the clock of this server is ahead of PostgreSQL's, less the uncertainty; 0 with SQLite.",
        "Beyond some 2 s, either way: look at the time service (NTP) of both machines. Expiry of tokens, "
        "days of quotas and of daily runs follow these clocks.",
        merge="max", read=lambda: health().clock_skew_seconds,
    )  # fmt: skip
    meter.gauge(
        "mcp_store_sync_waits",
        "Sessions of this server's user that have waited for a synchronous standby for over a second.",
        "Above 0: no commit returns until a standby confirms it. Start the standby, or take it out of "
        "`synchronous_standby_names`.",
        merge="max", read=lambda: health().sync_waits,
    )  # fmt: skip
    if health().wal_bytes is None:
        return  # the database server keeps the files
    meter.gauge(
        "mcp_wal_bytes", "Size of the write-ahead log of SQLite.",
        "It stays below some 40 MB. If it grows further, a program holds an old view of the file; the "
        "log of this server says so. End that program.",
        merge="max", read=lambda: health().wal_bytes or 0,
    )  # fmt: skip
    meter.gauge(
        "mcp_store_free_bytes", "Free space on the disk of the database.",
        "Before it is 0, make room or move the database: on a full disk no turn can be played.",
        merge="min", read=lambda: health().free_bytes or 0,
    )  # fmt: skip
    meter.gauge(
        "mcp_store_disk_bytes", "Size of the disk of the database.",
        "`mcp_store_free_bytes` divided by it is the free share, for alerts.",
        merge="max", read=lambda: health().disk_bytes or 0,
    )  # fmt: skip


def declare_quotas(meter: Meter, daily_tokens: DailyTokens | None, fleet_sizes: FleetSizes | None) -> None:
    """Declare the metrics of quotas that are nearly used up; without a quota they stay 0."""
    meter.gauge(
        "mcp_bots_near_quota",
        "Bots that have used 90 % of `TOKENS_PER_BOT_PER_DAY` today, as seen since this server started.",
        "They are refused soon, until 00:00 UTC: `bots list --by tokens` names them. Look for an agent in a "
        "loop, or raise the quota. Each worker at which such a bot played counts it.",
        read=lambda: 0 if daily_tokens is None else daily_tokens.near_count(),
    )  # fmt: skip
    meter.gauge(
        "mcp_fleets_near_quota",
        "Fleets with 90 % of `BOTS_PER_FLEET`, of those that began a bot since this server started.",
        "New bots of theirs are refused soon. `db prune` and `bots delete` make room; or raise the quota.",
        merge="max", read=lambda: 0 if fleet_sizes is None else fleet_sizes.near_count(),
    )  # fmt: skip


class HostMetrics:
    """The instruments of one host, registered with its meter.

    Args:
        meter: Creates the instruments.
        now: Returns the present time in seconds.
        hot_games: Returns the number of games in memory.
        store_up: Returns True if the store answered the last read and the last commit.
        health: Returns the result of `Store.health`.
        by_fleet: Count the turns of each fleet too.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        now: Callable[[], float],
        hot_games: Callable[[], int],
        store_up: Callable[[], bool],
        health: Callable[[], StoreHealth],
        by_fleet: bool = False,
    ) -> None:
        self.fleet_turns = FleetTurns() if by_fleet else None
        self.active_bots = ActiveBots(now)
        self.queue_lengths: Callable[[], dict[str, int]] = dict
        """Returns the lengths of the host's queues by name; the queues set it."""
        self.turns = meter.counter(
            TURNS, "Inputs and new runs that were committed, each once.",
            "This is the work that the server does. If it falls while `mcp_active_bots` stays, look at "
            "`mcp_rejected_total` and `mcp_commit_seconds`.",
        )  # fmt: skip
        meter.gauge(
            ACTIVE_BOTS, "Bots with a turn in the last 60 s, each counted once over all workers.",
            "A sudden fall: clients cannot reach the server, or it refuses them; compare "
            "`mcp_rejected_total`. Bots of a worker that was killed count again with their next turn.",
            read=self.active_bots.count,
        )  # fmt: skip
        self.hot_games = meter.gauge(
            HOT_GAMES, "Games in memory.",
            "It stays at `MAX_BOTS_PER_INSTANCE` when more bots play. Then each turn of a bot that is not in "
            "memory reads its game first; raise the setting if there is memory.",
            read=hot_games,
        )  # fmt: skip
        self.rejected = meter.counters(
            "mcp_rejected_total", "Requests, steps and connections refused, by reason.", "reason", REASONS,
            "rate_limited, quota_exceeded: a limit works; docs/operations.md, \"Limits\". overloaded: the "
            "store or this machine is too slow for the load. unauthorized, bad_host, bad_origin: a client or "
            "a proxy is set up wrongly. header_mismatch, malformed, body_too_large: a client is broken. "
            "too_many_connections: raise the file limit, or `CONNECTIONS_PER_ADDRESS`.",
        )  # fmt: skip
        self.episodes = meter.counters(
            EPISODES, "Runs that ended, by result.", "result", RESULTS,
            "Many `abandoned`: clients start runs anew instead of playing them.",
        )  # fmt: skip
        _declare_store(meter, store_up, health)
        self._declare_commits(meter)

    def _declare_commits(self, meter: Meter) -> None:
        self.batch_rows = meter.summary(
            BATCH_SIZE, "Rows per commit: sum of rows, count of commits.",
            "The mean grows with the load by itself. At 256 the store is the bottleneck.",
        )  # fmt: skip
        self.commit_seconds = meter.histogram(
            "mcp_commit_seconds", "Time from a batch handed to the store until its outcome.",
            "It grows when the disk, the database server or its standby is slow; every answer waits for it.",
        )  # fmt: skip
        self.conflicts = meter.counter(
            CONFLICTS, "Commits lost to another writer, then judged again.",
            "A few are normal after a change of replicas. Many: two clients play one bot, or the balancer "
            "does not keep bots on their replica.",
        )  # fmt: skip
        self.settled = meter.counter(
            "mcp_store_settled_total", "Games whose last commit was unknown until the store settled it.",
            "Connections to the store broke during commits. No turn is lost; look at the database server "
            "and the network.",
        )  # fmt: skip
