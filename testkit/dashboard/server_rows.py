"""The rows about the store, the processes and the limits of the servers."""

from __future__ import annotations

from typing import Final

from testkit.dashboard.panels import GREEN, ORANGE, RED, Panel, Query, Row

STORE: Final = Row(
    "Is the store well?",
    (
        Panel(
            "Store reached", "1 while every worker of the server reaches the database.",
            (Query("mcp_store_up{@}", "{{instance}}"),), alerts=("StoreDown",), decimals=0, top=1,
        ),
        Panel(
            "Connections to the store", "How many of a server's connections work. If all do, requests wait "
            "for one: find out why statements are slow before you raise DB_POOL_SIZE.",
            (
                Query("mcp_store_pool_in_use{@}", "{{instance}} work"),
                Query("mcp_store_pool_size{@}", "{{instance}} in all"),
            ),
            alerts=("StorePoolExhausted",), decimals=0,
        ),
        Panel(
            "Sessions that wait for a standby", "Commits of PostgreSQL that a synchronous standby has not "
            "confirmed for over a second.",
            (Query("mcp_store_sync_waits{@}", "{{instance}}"),), alerts=("CommitsStall",), decimals=0,
        ),
        Panel(
            "Free disk, SQLite", "Free space on the disk of the database. On a full disk no turn can be "
            "played. The disk of PostgreSQL is not shown here.",
            (Query("mcp_store_free_bytes{@}", "{{instance}}"),), alerts=("DiskFilling",), unit="bytes",
        ),
        Panel(
            "Free share of the disk, SQLite", "The same, as a share of the disk.",
            (Query("mcp_store_free_bytes{@} / mcp_store_disk_bytes{@}", "{{instance}}"),),
            alerts=("DiskFilling",), unit="percentunit", steps=((0.05, ORANGE), (0.15, GREEN)), top=1,
        ),
        Panel(
            "Write-ahead log, SQLite", "It stays below some 40 MB. If it grows further, a program holds an "
            "old view of the file.",
            (Query("mcp_wal_bytes{@}", "{{instance}}"),), alerts=("WalGrowing",), unit="bytes",
            steps=((200e6, ORANGE),),
        ),
        Panel(
            "Commits settled", "Games whose last commit was unknown until the store was asked: connections "
            "broke during commits. No turn is lost.",
            (
                Query(
                    "sum by (instance) (rate(mcp_store_settled_total{@}[$__rate_interval]))", "{{instance}}"
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Clock", "How far the clock of a server and that of PostgreSQL are apart.",
            (Query("abs(mcp_clock_skew_seconds{@})", "{{instance}}"),), alerts=("ClockSkew",), unit="s",
            steps=((2, ORANGE),),
        ),
        Panel(
            "Redis reached", "1 while the server reaches Redis.",
            (Query("mcp_redis_up{@}", "{{instance}}"),), alerts=("RedisDown",), decimals=0, top=1,
        ),
        Panel(
            "Age of the last backup", "A saw with a tooth for each backup. No line: there never was one.",
            (Query("time() - (max(mcp_backup_last_success_timestamp_seconds{@}) > 0)", "age"),),
            alerts=("BackupTooOld",), unit="s", steps=((93_600, RED),),
        ),
        Panel(
            "Ranked runs that wait", "Runs that wait to be executed again. It stays near 0.",
            (Query("max(mcp_runs_pending{@})", "waiting"),), alerts=("RunsPendingGrow",), decimals=0,
            steps=((100, ORANGE),),
        ),
        Panel(
            "Ranked runs executed again, a minute", "By result. Any `false`: a row was changed by hand, or "
            "its run was not played by these rules.",
            (
                Query(
                    "60 * sum by (result) (rate(mcp_run_checks_total{@}[$__rate_interval]))", "{{result}}"
                ),
            ),
            alerts=("RunChecksFail",),
        ),
    ),
)  # fmt: skip

PROCESSES: Final = Row(
    "Do the processes have room?",
    (
        Panel(
            "Processors", "Cores that each worker uses. Near 1 a worker has no time left: add workers if "
            "there are cores, machines if not.",
            (
                Query(
                    "rate(process_cpu_seconds_total{@}[$__rate_interval])", "{{instance}} worker {{worker}}"
                ),
            ),
            alerts=("WorkersBusy",), steps=((0.9, ORANGE),),
        ),
        Panel(
            "Processors by server", "Cores that all processes of a server use together.",
            (
                Query(
                    "sum by (instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            is_stacked=True,
        ),
        Panel(
            "Memory", "Memory of each process; workers share a part of it. It grows with games in memory and "
            "open connections, and then stays.",
            (Query("process_resident_memory_bytes{@}", "{{instance}} worker {{worker}}"),), unit="bytes",
        ),
        Panel(
            "Time since the start", "A step back to 0: the process was replaced.",
            (Query("time() - process_start_time_seconds{@}", "{{instance}} worker {{worker}}"),), unit="s",
        ),
        Panel(
            "Workers replaced", "In the last 15 minutes. The log of the parent says how they ended; signal 9 "
            "often comes from the kernel when memory is short.",
            (
                Query("increase(mcp_worker_restarts_total{@}[15m])", "{{instance}}"),
                Query("increase(mcp_verifier_restarts_total{@}[15m])", "{{instance}} verifier"),
            ),
            alerts=("WorkersRestart",), steps=((3, ORANGE),),
        ),
        Panel(
            "Drains", "1 while a server drains: it finishes what it has and takes nothing new.",
            (Query("mcp_draining{@}", "{{instance}}"),), alerts=("DrainStuck",), decimals=0, top=1,
        ),
        Panel(
            "Builds by server", "1 for the build that the server runs; two at once during a rollout.",
            (Query("mcp_build_info{@}", "{{instance}} {{version}} {{build}}"),), alerts=("BuildsDiffer",),
            decimals=0, top=1,
        ),
        Panel(
            "Lines of the log lost", "The reader of the log is too slow or gone, or the disk is full.",
            (Query("rate(mcp_log_lines_lost_total{@}[$__rate_interval])", "{{instance}}"),),
            alerts=("LogLinesLost",), unit="ops",
        ),
        Panel(
            "Traces", "Spans that the collector took, and spans lost by reason. No answer waits for them. "
            "Only with a collector.",
            (
                Query("sum(rate(mcp_spans_sent_total{@}[$__rate_interval]))", "sent"),
                Query(
                    "sum by (reason) (rate(mcp_spans_dropped_total{@}[$__rate_interval]))",
                    "lost: {{reason}}",
                ),
                Query("sum(mcp_traces_waiting{@})", "traces that wait"),
            ),
            alerts=("SpansDropped",),
        ),
    ),
)  # fmt: skip

LIMITS: Final = Row(
    "Who is refused?",
    (
        Panel(
            "Refusals by reason", "rate_limited and quota_exceeded: a limit works. overloaded: the store or "
            "the machine is too slow. unauthorized, bad_host: a client or a proxy is set up wrongly. "
            "header_mismatch, malformed: a client is broken.",
            (Query("sum by (reason) (rate(mcp_rejected_total{@}[$__rate_interval]))", "{{reason}}"),),
            alerts=("RejectionsHigh",), unit="ops", is_stacked=True, width=12,
        ),
        Panel(
            "Share of calls refused", "Among all calls, without those of broken clients.",
            (
                Query(
                    'sum(rate(mcp_rejected_total{@,reason!~"header_mismatch|malformed|body_too_large"}'
                    "[$__rate_interval])) / (sum(rate(mcp_bot_interactions_total{@}[$__rate_interval])) "
                    "+ sum(rate(mcp_rejected_total{@}[$__rate_interval])) > 0)",
                    "refused",
                ),
            ),
            alerts=("RejectionsHigh",), unit="percentunit", steps=((0.05, ORANGE),), width=6,
        ),
        Panel(
            "Near a quota", "Bots that have used 90 % of their tokens of the day, and fleets with 90 % of "
            "their bots.",
            (
                Query("sum(mcp_bots_near_quota{@})", "bots"),
                Query("max(mcp_fleets_near_quota{@})", "fleets"),
            ),
            alerts=("QuotaAlmostUsed",), decimals=0, width=6,
        ),
    ),
)  # fmt: skip
