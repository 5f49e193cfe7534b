"""What is counted, in the text format of Prometheus. Bot ids are never labels.

Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.telemetry.totals import Totals

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
RESULTS: Final = ("won", "died", "turns", "abandoned")


def render(totals: Totals) -> bytes:
    """Every metric of a server; each series is there from the start, so that rates need no special case."""
    stats = totals.stats
    outcomes = {"ok": stats.turns, "repeated": stats.repeated, "error": stats.errors}
    results = {name: totals.results.get(name, 0) for name in RESULTS} | totals.results
    families = (
        ("mcp_bot_interactions_total", "counter", "Playing requests answered, by outcome.",
         {f'{{outcome="{name}"}}': count for name, count in outcomes.items()}),
        ("mcp_commit_batch_size", "summary", "Rows per commit: sum of rows, count of commits.",
         {"_sum": stats.rows, "_count": stats.batches}),
        ("mcp_hot_games", "gauge", "Games in memory.", {"": stats.hot_games}),
        ("mcp_store_conflicts_total", "counter", "Commits lost to another writer, then judged again.",
         {"": stats.conflicts}),
        ("mcp_store_up", "gauge", "1 while every worker reaches the store.", {"": int(stats.store_up)}),
        ("mcp_store_log_bytes", "gauge", "Bytes of the store's log that are not yet moved into its file.",
         {"": stats.store_log_bytes}),
        ("mcp_store_unsafe", "gauge", "1 while a setting of the store can lose acknowledged turns.",
         {"": int(stats.store_unsafe)}),
        ("mcp_episodes_total", "counter", "Runs that ended, by result.",
         {f'{{result="{name}"}}': count for name, count in results.items()}),
    )  # fmt: skip
    lines: list[str] = []
    for name, kind, purpose, values in families:
        lines += [f"# HELP {name} {purpose}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{rest} {value}" for rest, value in values.items()]
    return ("\n".join(lines) + "\n").encode()
