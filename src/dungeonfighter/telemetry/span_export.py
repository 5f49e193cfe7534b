"""Sends the traces of one process to a collector, in a thread of its own; nothing waits for it.

The event loop appends each trace that has ended to a bounded queue. The thread takes a batch at a time, makes
spans of it and sends them. A batch that the collector does not take is sent again after growing pauses, a few
times; meanwhile the queue fills, and what finds no room is dropped and counted.

Source: docs/traces.md, "When the collector is away".
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dungeonfighter.hosting.call_trace import CallTrace
from dungeonfighter.hosting.instruments import Counter
from dungeonfighter.hosting.ports import Meter

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from dungeonfighter.telemetry.otlp import Sender

logger = logging.getLogger(__name__)

QUEUE_CALLS_MAX: Final = 2048
"""About 4 MB; 200 sampled calls a second fill it in 10 s."""
BATCH_CALLS_MAX: Final = 256
"""About 200 KB: far below the limit of 4 MB of a gRPC server."""
PAUSE_SECONDS: Final = 1.0
"""The longest time that a trace waits for its batch."""
CLOSE_SECONDS: Final = 2.0
"""The longest time that the end of a server waits for its traces: one request of `otlp.SEND_SECONDS_MAX`."""
_RETRY_SECONDS: Final = (1.0, 2.0, 4.0)
REASONS: Final = ("queue_full", "not_sent", "rejected")


class SpanExport:
    """The queue of one process, and the thread that empties it.

    Args:
        sender: The way to the collector.
        resource: The attributes of this process.
        db_system: The kind of the store.
        place: The address of the collector, for the log.
        meter: Creates the metrics.
        queue_calls_max: The capacity of the queue.
    """

    def __init__(
        self, sender: Sender, resource: Mapping[str, str | int], db_system: str, place: str, meter: Meter,
        *, queue_calls_max: int = QUEUE_CALLS_MAX,
    ) -> None:  # fmt: skip
        self._sender = sender
        self._resource = resource
        self._db_system = db_system
        self._place = place
        self._queue: deque[CallTrace] = deque()
        self._queue_calls_max = queue_calls_max
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._is_failing = False
        # Each counter belongs to one thread: the loop counts a full queue, the thread everything else.
        self._sent = meter.counter("mcp_spans_sent_total", "Spans of traces that the collector has accepted.")
        self._dropped: dict[str, Counter] = meter.counters(
            "mcp_spans_dropped_total", "Spans of traces that were lost, by reason.", "reason", REASONS
        )
        meter.gauge("mcp_traces_waiting", "Traces that wait to be sent.", read=self._queue.__len__)
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def offer(self, call: CallTrace) -> None:
        """Queue a trace that has ended, or drop it if the queue is full; never waits."""
        queue = self._queue
        if len(queue) >= self._queue_calls_max:
            self._dropped["queue_full"].add(1 + len(call.stages))
            return
        queue.append(call)
        if len(queue) >= BATCH_CALLS_MAX:
            self._wake.set()

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send other headers from now on."""
        self._sender.use_headers(headers)

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what waits, for so long at most; the event loop goes on meanwhile.

        The thread ends with the process if it does not end in time.
        """
        before = self._lost()
        self._closing.set()
        self._wake.set()
        await asyncio.to_thread(self._thread.join, seconds)
        lost = self._lost() - before + sum(1 + len(call.stages) for call in self._queue.copy())
        if lost or self._thread.is_alive():
            logger.warning("stopping: the last spans (%d at least) were not sent to %s", lost, self._place)

    def _lost(self) -> int:
        return sum(counter.value for counter in self._dropped.values())

    # In the thread

    def _run(self) -> None:
        while True:
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            while self._queue:
                spans = self._spans_of_batch()
                if self._closing.is_set() and self._is_failing:
                    self._dropped["not_sent"].add(len(spans))
                else:
                    self._send(spans)
            if self._closing.is_set():
                break
        self._sender.close()

    def _spans_of_batch(self) -> list[Span]:
        from dungeonfighter.telemetry.spans import spans_of  # noqa: PLC0415 (needs the extra `traces`)

        offset = time.time() - time.monotonic()
        spans: list[Span] = []
        for _ in range(min(len(self._queue), BATCH_CALLS_MAX)):
            spans += spans_of(self._queue.popleft(), self._db_system, offset)
            time.sleep(0)  # lets the event loop have the interpreter: it waits for one call, not for 256
        return spans

    def _send(self, spans: list[Span]) -> None:
        """Send a batch; drop it if the collector refuses it, or does not take it in several attempts."""
        from dungeonfighter.telemetry.otlp import NotSent  # noqa: PLC0415
        from dungeonfighter.telemetry.spans import request_of, resource_of  # noqa: PLC0415

        request = request_of(resource_of(self._resource), spans)
        for pause in (*_RETRY_SECONDS, None):
            try:
                rejected = self._sender.send(request)
            except NotSent as error:
                self._report(str(error))
                if error.may_retry and pause is not None and not self._closing.wait(pause):
                    continue
            except Exception:  # without this thread no trace would be sent any more
                logger.exception("a batch of traces could not be sent")
            else:
                self._report("")
                self._sent.add(len(spans) - rejected)
                self._dropped["rejected"].add(rejected)
                return
            break
        self._dropped["not_sent"].add(len(spans))

    def _report(self, trouble: str) -> None:
        """Log the first failure of a series, and its end."""
        if bool(trouble) == self._is_failing:
            return
        self._is_failing = bool(trouble)
        if trouble:
            logger.warning("the collector of traces at %s does not take them: %s", self._place, trouble)
        else:
            logger.info("the collector of traces at %s takes them again", self._place)
