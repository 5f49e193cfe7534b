"""Sends the traces of one process to a collector, in a thread of its own; nothing waits for it.

The event loop appends each trace that has ended to a bounded queue. The thread takes a batch at a time, makes
spans of it and sends them. A batch that the collector does not take is sent again after growing pauses, a few
times; meanwhile the queue fills, and what finds no room is dropped and counted.

Only a process that sends spans imports this module.

Source: docs/traces.md, "When the collector is away".
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dungeonfighter.hosting.call_trace import CallTrace
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.telemetry.otlp import NotSent, Sender
from dungeonfighter.telemetry.span_metrics import QUEUE_CALLS_MAX, declare_span_metrics
from dungeonfighter.telemetry.spans import SpanEncoder

logger = logging.getLogger(__name__)

BATCH_CALLS_MAX: Final = 256
"""About 200 KB: far below the limit of 4 MB of a gRPC server."""
PAUSE_SECONDS: Final = 1.0
"""The longest time that a trace waits for its batch."""
CLOSE_SECONDS: Final = 2.0
"""The longest time that the end of a server waits for its traces: one request of `otlp.SEND_SECONDS_MAX`."""
_RETRY_SECONDS: Final = (1.0, 2.0, 4.0)


class SpanExport:
    """The queue of one process, and the thread that empties it.

    Args:
        sender: The way to the collector.
        encoder: Makes the messages.
        place: The address of the collector, for the log.
        meter: Creates the metrics.
        queue_calls_max: The capacity of the queue.
        pause_seconds: The time in which a batch collects.
    """

    def __init__(
        self, sender: Sender, encoder: SpanEncoder, place: str, meter: Meter,
        *, queue_calls_max: int = QUEUE_CALLS_MAX, pause_seconds: float = PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        self._sender = sender
        self._encoder = encoder
        self._place = place
        self._queue: deque[CallTrace] = deque()
        self._queue_calls_max = queue_calls_max
        self._pause_seconds = pause_seconds
        self._wake = threading.Event()
        """Set when the queue is empty no more; until then the thread costs nothing."""
        self._full = threading.Event()
        """Set when a whole batch waits; else the thread collects for `PAUSE_SECONDS`."""
        self._closing = threading.Event()
        self._is_failing = False
        # Each counter belongs to one thread: the loop counts a full queue, the thread everything else.
        self._sent, self._dropped = declare_span_metrics(meter, self._queue.__len__)
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def take(self, call: CallTrace) -> None:
        """Queue a trace that has ended, or drop it if the queue is full; never waits."""
        queue = self._queue
        if len(queue) >= self._queue_calls_max:
            self._dropped["queue_full"].add(1 + len(call.stages))
            return
        queue.append(call)
        if len(queue) == 1:
            self._wake.set()
        elif len(queue) == BATCH_CALLS_MAX:
            self._full.set()

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send other headers from now on."""
        self._sender.use_headers(headers)

    async def close(self, seconds: float) -> None:
        """Send what waits, for so long at most; the event loop goes on meanwhile.

        The thread ends with the process if it does not end in time.
        """
        before = self._lost()
        self._closing.set()
        self._full.set()
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
            self._wake.wait()
            self._wake.clear()
            self._full.wait(self._pause_seconds)
            self._full.clear()
            while self._queue:
                self._send_batch()
            if self._closing.is_set():
                break
        self._sender.close()

    def _send_batch(self) -> None:
        """Send a batch; drop it if the collector refuses it, or does not take it in several attempts."""
        offset = time.time() - time.monotonic()
        request, count = self._encoder.new_request(), 0
        for _ in range(min(len(self._queue), BATCH_CALLS_MAX)):
            call = self._queue.popleft()
            self._encoder.add(request, call, offset)
            count += 1 + len(call.stages)
            time.sleep(0)  # lets the event loop have the interpreter: it waits for one call, not for 256
        try:
            if self._closing.is_set() and self._is_failing:
                raise NotSent("the server ends", may_retry=False)
            rejected = self._send(request)
        except NotSent:
            self._dropped["not_sent"].add(count)
        except Exception:  # without this thread no trace would be sent any more
            logger.exception("a batch of traces could not be sent")
            self._dropped["not_sent"].add(count)
        else:
            self._sent.add(count - rejected)
            self._dropped["rejected"].add(rejected)

    def _send(self, request: ExportTraceServiceRequest) -> int:
        """Send a batch in several attempts; once the end has come, in one."""
        for pause in (*_RETRY_SECONDS, 0):
            try:
                rejected = self._sender.send(request)
            except NotSent as error:
                self._report(str(error))
                if not error.may_retry or not pause or self._closing.wait(pause):
                    raise
            else:
                self._report("")
                return rejected
        raise AssertionError("the last attempt returns or raises")

    def _report(self, trouble: str) -> None:
        """Log the first failure of a series, and its end."""
        if bool(trouble) == self._is_failing:
            return
        self._is_failing = bool(trouble)
        if trouble:
            logger.warning("the collector of traces at %s does not take them: %s", self._place, trouble)
        else:
            logger.info("the collector of traces at %s takes them again", self._place)
