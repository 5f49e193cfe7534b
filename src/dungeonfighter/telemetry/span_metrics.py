"""The metrics of a server that sends traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.hosting.instruments import Counter
from dungeonfighter.hosting.ports import Meter

QUEUE_CALLS_MAX: Final = 2048
"""About 4 MB; 200 sampled calls a second fill it in 10 s."""
REASONS: Final = ("queue_full", "not_sent", "rejected")


def declare_span_metrics(meter: Meter, waiting: Callable[[], int]) -> tuple[Counter, dict[str, Counter]]:
    """Declare the metrics; return the counter of sent spans, and those of dropped spans by reason.

    Args:
        meter: Gets the metrics.
        waiting: Returns the number of traces that wait.
    """
    sent = meter.counter(
        "mcp_spans_sent_total", "Spans of traces that the collector has accepted; only with a collector.",
        "0 while bots play: the collector refuses them, or no call is sampled.",
    )  # fmt: skip
    dropped = meter.counters(
        "mcp_spans_dropped_total", "Spans of traces that were lost, by reason; only with a collector.",
        "reason", REASONS,
        "It grows: the collector is away, too slow, or refuses the spans; the log says which. No answer "
        "waits for it.",
    )  # fmt: skip
    meter.gauge(
        "mcp_traces_waiting", "Traces that wait to be sent; only with a collector.",
        f"Near {QUEUE_CALLS_MAX}: the collector is too slow for the sampled part of the calls.", read=waiting,
    )  # fmt: skip
    return sent, dropped
