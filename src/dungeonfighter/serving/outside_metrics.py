"""The metrics of the parts outside of a server that it can do without."""

from __future__ import annotations

from collections.abc import Callable

from dungeonfighter.hosting.ports import Meter
from dungeonfighter.settings import Settings


def declare_outside_metrics(
    settings: Settings, meter: Meter, *, redis_up: Callable[[], bool], push_up: Callable[[], bool]
) -> None:
    """Declare the metrics of the parts outside of a server that it can do without."""
    if settings.redis_url:
        meter.gauge(
            "mcp_redis_up", "1 while Redis answers; only with `REDIS_CONNECTION_STRING`.",
            "0: each replica keeps to its share of the limits on calls, and nobody is refused for it. Look "
            "at Redis and the network.",
            merge="min", read=lambda: int(redis_up()),
        )  # fmt: skip
    if settings.prometheus is not None and settings.prometheus.is_receiver:
        meter.gauge(
            "mcp_metrics_push_up", "1 while the receiver takes the pushed metrics; only if they are pushed.",
            "0: the log says why. The server goes on; the next push that succeeds has all sums.",
            merge="min", read=lambda: int(push_up()),
        )  # fmt: skip
