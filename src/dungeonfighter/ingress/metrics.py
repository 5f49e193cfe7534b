"""The metrics of an ingress process; it also has those of its host.

Source: docs/metrics.md, which `make docs` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dungeonfighter.hosting.ports import Meter
from dungeonfighter.ingress.messages import REASONS
from dungeonfighter.ingress.partitions import STREAMS

OUTCOMES: Final = ("ok", "repeated", "error", "dead")


class IngressMetrics:
    """The counters of an ingress process, and gauges over its queue.

    Args:
        meter: Creates them.
        lag: The messages that are not answered, by stream; the newest figures.
        is_up: Returns True while the queue answers.
        streams_held: Returns the number of streams that this process holds.
    """

    def __init__(
        self, meter: Meter, *, lag: Mapping[int, int], is_up: Callable[[], bool],
        streams_held: Callable[[], int],
    ) -> None:  # fmt: skip
        self.messages = meter.counters(
            "mcp_ingress_messages_total",
            "Messages of the queue that are done, by outcome (of `dungeonfighter ingress`).",
            "outcome", OUTCOMES,
            "Many `error`: the producers play wrongly. Many `repeated`: producers repeat too early, or "
            "consumers die. `dead`: see mcp_ingress_dead_letters_total.",
        )  # fmt: skip
        self.dead_letters = meter.counters(
            "mcp_ingress_dead_letters_total",
            "Messages that went to the dead letters, by reason (of `dungeonfighter ingress`).",
            "reason", REASONS,
            "Alert on an increase: `dungeonfighter ingress dead-letters list` shows the messages; correct "
            "the producer, or send them once more.",
        )  # fmt: skip
        meter.read_gauges(
            "mcp_ingress_lag",
            "Messages of each stream that are not answered yet (of `dungeonfighter ingress`).",
            ("stream",),
            {(str(stream),): _reader(lag, stream) for stream in range(STREAMS)},
            "Alert when it grows for minutes: the consumers are down, too few or too slow, or the store is. "
            "Every ingress reports all streams: take the highest value over processes, not the sum.",
            merge="max",
        )
        meter.gauge(
            "mcp_ingress_up",
            "1 while the queue of this `dungeonfighter ingress` answers.",
            "Alert on 0: messages wait in the producers or in the queue; look at Redis or RabbitMQ.",
            merge="min", read=lambda: int(is_up()),
        )  # fmt: skip
        meter.gauge(
            "mcp_ingress_streams_held",
            "Streams that this `dungeonfighter ingress` reads now; the sum over all of them is 16.",
            "A sum below 16 for more than some seconds: no consumer takes over, so messages wait.",
            read=streams_held,
        )


def _reader(lag: Mapping[int, int], stream: int) -> Callable[[], float]:
    return lambda: lag.get(stream, 0)
