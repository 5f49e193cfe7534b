"""The rows of the dashboard, in the order in which an operator reads: is it healthy, then why not."""

from __future__ import annotations

from typing import Final

from testkit.dashboard.outside_rows import BALANCER, INGRESS
from testkit.dashboard.panels import GREEN, ORANGE, RED, Panel, Query, Row
from testkit.dashboard.server_rows import LIMITS, PROCESSES, STORE

OUR_FAULT: Final = "store_unavailable|outcome_unknown|overloaded|internal|corrupt_state|newer_rules"
"""The codes of answers that failed by the fault of the service, as in deploy/prometheus/rules.yml."""
ANSWERS: Final = "sum(rate(mcp_bot_interactions_total{@}[$__rate_interval]))"
TOKENS: Final = "rate(mcp_response_tokens_total{@}[$__rate_interval])"
BUCKETS: Final = "sum by (le) (rate(mcp_response_time_seconds_bucket{@}[$__rate_interval]))"
FAILED: Final = f'sum(rate(mcp_errors_total{{@,code=~"{OUR_FAULT}"}}[$__rate_interval]))'


def fast_share(bound: str) -> str:
    """Return the share of answers within a bound, which must be one of the buckets."""
    fast = f'sum(rate(mcp_response_time_seconds_bucket{{@,le="{bound}"}}[$__rate_interval]))'
    return f"{fast} / (sum(rate(mcp_response_time_seconds_count{{@}}[$__rate_interval])) > 0)"


HEALTH: Final = Row(
    "Is it healthy?",
    (
        Panel(
            "Alerts firing", "How many alerts of this Prometheus fire. The runbook has a section for each.",
            (Query('sum(ALERTS{alertstate="firing"}) or vector(0)'),),
            steps=((1, RED),), decimals=0, is_stat=True, width=4, height=4,
        ),
        Panel(
            "Servers that answer", "How many of the chosen servers answer their scrapes.",
            (Query("sum(up{@})", "up"), Query("count(up{@})", "of")),
            alerts=("ServerAbsent", "NoServerAnswers"), decimals=0, is_stat=True, width=4, height=4,
        ),
        Panel(
            "Store", "Whether every server reaches its database. While one does not, its bots cannot play.",
            (Query("min(mcp_store_up{@})"),), alerts=("StoreDown",),
            words=(("0", "down", RED), ("1", "up", GREEN)), is_stat=True, width=4, height=4,
        ),
        Panel(
            "Answers that did not fail",
            "The share of answers that did not fail by our fault. The goal is 99.9 % over 30 days. "
            "Mistakes of bots do not count.",
            (Query(f"1 - ({FAILED} or vector(0)) / ({ANSWERS} > 0)"),),
            alerts=("AvailabilityBurnsFast", "AvailabilityBurnsSlowly"), unit="percentunit",
            steps=((0.99, ORANGE), (0.999, GREEN)), empty="no calls", decimals=2,
            is_stat=True, width=4, height=4,
        ),
        Panel(
            "Answers within 0.25 s",
            "The share of answers that took at most 0.25 s. The goal is 99 % over 30 days.",
            (Query(fast_share("0.25")),), alerts=("LatencyBurnsFast", "LatencyBurnsSlowly"),
            unit="percentunit", steps=((0.95, ORANGE), (0.99, GREEN)), empty="no calls", decimals=2,
            is_stat=True, width=4, height=4,
        ),
        Panel(
            "Last backup",
            "How long ago a backup of the store last succeeded. Backups are `dungeonfighter db backup`; "
            "other programs do not report here.",
            (Query("time() - (max(mcp_backup_last_success_timestamp_seconds{@}) > 0)"),),
            alerts=("BackupTooOld",), unit="s", steps=((90_000, ORANGE), (93_600, RED)),
            empty="none yet", decimals=0, is_stat=True, width=4, height=4,
        ),
        Panel(
            "Turns a second", "Inputs and new runs that were committed, each once: the work that is done.",
            (Query("sum(rate(mcp_turns_total{@}[$__rate_interval]))"),), unit="ops",
            is_stat=True, width=4, height=4,
        ),
        Panel(
            "Bots that play", "Bots with a turn in the last 60 s. A sudden fall: clients cannot reach the "
            "servers, or are refused.",
            (Query("sum(mcp_active_bots{@})"),), alerts=("ActiveBotsFall",), decimals=0,
            is_stat=True, width=4, height=4,
        ),
        Panel(
            "Redis", "Whether every server reaches Redis. Without it each keeps to its share of the limits.",
            (Query("min(mcp_redis_up{@})"),), alerts=("RedisDown",), empty="not used",
            words=(("0", "down", ORANGE), ("1", "up", GREEN)), is_stat=True, width=4, height=4,
        ),
        Panel(
            "Servers that drain", "Servers that finish what they have and take nothing new, as in a rollout.",
            (Query("sum(mcp_draining{@})"),), alerts=("DrainStuck",), steps=((1, ORANGE),), decimals=0,
            is_stat=True, width=4, height=4,
        ),
        Panel(
            "Safety of the store", "Whether a setting of the database can lose turns that were acknowledged.",
            (Query("max(mcp_store_unsafe{@})"),), alerts=("StoreUnsafe",),
            words=(("0", "safe", GREEN), ("1", "unsafe", RED)), is_stat=True, width=4, height=4,
        ),
        Panel(
            "Builds", "How many different builds serve. Two for long: a rollout was not finished.",
            (Query("count(count by (build) (mcp_build_info{@}))"),), alerts=("BuildsDiffer",),
            steps=((2, ORANGE),), decimals=0, is_stat=True, width=4, height=4,
        ),
        Panel(
            "Alerts by name", "Which alerts fired when, stacked.",
            (
                Query(
                    'sum by (alertname) (ALERTS{alertstate="firing"}) '
                    'or label_replace(vector(0), "alertname", "none", "", "")',
                    "{{alertname}}",
                ),
            ),
            is_stacked=True, decimals=0, width=12,
        ),
        Panel(
            "Instances", "Targets that answer their scrapes, by name. A gap: the server was away.",
            (Query("up{@}", "{{instance}}"),), alerts=("ServerAbsent",), decimals=0, top=1, width=12,
        ),
    ),
)  # fmt: skip

TRAFFIC: Final = Row(
    "What do the bots do?",
    (
        Panel(
            "Turns by server", "Committed inputs and new runs. It falls while bots still play: look at the "
            "refusals and at the time of commits.",
            (Query("sum by (instance) (rate(mcp_turns_total{@}[$__rate_interval]))", "{{instance}}"),),
            unit="ops", is_stacked=True,
        ),
        Panel(
            "Calls by tool", "The ten tools that are called most. Each step of step_many is a call.",
            (
                Query(
                    "topk(10, sum by (tool) (rate(mcp_bot_interactions_total{@}[$__rate_interval])))",
                    "{{tool}}",
                ),
            ),
            unit="ops", is_stacked=True,
        ),
        Panel(
            "Calls by outcome", "`repeated`: clients did not get their answers in time, and asked again.",
            (
                Query(
                    "sum by (outcome) (rate(mcp_bot_interactions_total{@}[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Bots", "Bots with a turn in the last 60 s, and games in memory. Games stay at "
            "MAX_BOTS_PER_INSTANCE when more bots play.",
            (
                Query("sum by (instance) (mcp_active_bots{@})", "play at {{instance}}"),
                Query("sum by (instance) (mcp_hot_games{@})", "in memory of {{instance}}"),
            ),
            alerts=("ActiveBotsFall",), decimals=0,
        ),
        Panel(
            "Tokens of an answer",
            "What a model pays for an answer in the mean, estimated. It rises when agents ask for view=json.",
            (
                Query(f"sum({TOKENS}) / ({ANSWERS} > 0)", "all tools"),
                Query(
                    f"topk(5, sum by (tool) ({TOKENS}) "
                    "/ (sum by (tool) (rate(mcp_bot_interactions_total{@}[$__rate_interval])) > 0))",
                    "{{tool}}",
                ),
            ),
        ),
        Panel(
            "Runs that ended, a minute", "By result. Many `abandoned`: clients start anew, and play none on.",
            (
                Query(
                    "60 * sum by (result) (rate(mcp_episodes_total{@}[$__rate_interval]))", "{{result}}"
                ),
            ),
            is_stacked=True,
        ),
        Panel(
            "Errors by code", "illegal_input, stale_turn and unknown_bot are mistakes of agents; "
            "docs/tools.md has the others.",
            (Query("sum by (code) (rate(mcp_errors_total{@}[$__rate_interval]))", "{{code}}"),),
            alerts=("InternalErrors", "NewerRules"), unit="ops",
        ),
        Panel(
            "Share of errors", "Answers with an error among all; and those that failed by our fault.",
            (
                Query(
                    f"sum(rate(mcp_errors_total{{@}}[$__rate_interval])) / ({ANSWERS} > 0)", "any error"
                ),
                Query(f"{FAILED} / ({ANSWERS} > 0)", "our fault"),
            ),
            alerts=("AvailabilityBurnsFast", "AvailabilityBurnsSlowly"), unit="percentunit",
        ),
        Panel(
            "Conflicts", "Commits that lost to another writer, among the turns. Many: two clients play one "
            "bot, or the balancer does not keep bots on their server.",
            (
                Query(
                    "sum by (instance) (rate(mcp_store_conflicts_total{@}[$__rate_interval])) "
                    "/ (sum by (instance) (rate(mcp_turns_total{@}[$__rate_interval])) > 0)",
                    "{{instance}}",
                ),
            ),
            alerts=("CommitConflictsHigh",), unit="percentunit", steps=((0.05, ORANGE),),
        ),
    ),
)  # fmt: skip

LATENCY: Final = Row(
    "How fast is it?",
    (
        Panel(
            "Time of an answer", "From a whole request until its answer is handed over: half, nine of ten, "
            "and 99 of 100 answers are quicker.",
            tuple(
                Query(f"histogram_quantile({quantile}, {BUCKETS})", name)
                for quantile, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
            ),
            alerts=("LatencyBurnsFast", "LatencyBurnsSlowly"), unit="s", steps=((0.25, ORANGE),),
        ),
        Panel(
            "Answers within a bound", "The share of answers that took at most so long. Alerts look at this, "
            "not at a percentile.",
            (Query(fast_share("0.05"), "0.05 s"), Query(fast_share("0.25"), "0.25 s")),
            alerts=("LatencyBurnsFast", "LatencyBurnsSlowly"), unit="percentunit", top=1,
        ),
        Panel(
            "Slowest tools", "The five tools with the highest p99.",
            (
                Query(
                    "topk(5, histogram_quantile(0.99, sum by (le, tool) "
                    "(rate(mcp_response_time_seconds_bucket{@}[$__rate_interval]))) >= 0)",
                    "{{tool}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "p99 by server", "One server above the others: its machine is busy, or its connections are.",
            (
                Query(
                    "histogram_quantile(0.99, sum by (le, instance) "
                    "(rate(mcp_response_time_seconds_bucket{@}[$__rate_interval])))",
                    "{{instance}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Time of a commit", "From a batch handed to the store until its outcome. Every answer waits for "
            "it: if it grew with the time of answers, the store is slow.",
            tuple(
                Query(
                    f"histogram_quantile({quantile}, sum by (le) "
                    "(rate(mcp_commit_seconds_bucket{@}[$__rate_interval])))",
                    name,
                )
                for quantile, name in ((0.5, "p50"), (0.99, "p99"))
            ),
            alerts=("CommitsStall",), unit="s",
        ),
        Panel(
            "Rows of a commit", "In the mean. It grows with the load by itself; at 256 the store is the "
            "bottleneck.",
            (
                Query(
                    "sum by (instance) (rate(mcp_commit_batch_size_sum{@}[$__rate_interval])) "
                    "/ (sum by (instance) (rate(mcp_commit_batch_size_count{@}[$__rate_interval])) > 0)",
                    "{{instance}}",
                ),
            ),
            steps=((256, ORANGE),),
        ),
    ),
)  # fmt: skip

ROWS: Final = (HEALTH, TRAFFIC, LATENCY, STORE, PROCESSES, LIMITS, INGRESS, BALANCER)
