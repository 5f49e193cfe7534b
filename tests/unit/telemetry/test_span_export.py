"""The thread that sends traces: nothing waits for it, its queue is bounded, and what is lost is counted."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dungeonfighter.hosting.call_trace import COMMIT, CallTrace
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.otlp import NotSent
from dungeonfighter.telemetry.span_export import BATCH_CALLS_MAX, SpanExport
from dungeonfighter.telemetry.spans import SpanEncoder

SPANS_OF_CALL = 2


class Collector:
    """A sender that accepts, refuses or holds its batches.

    Attributes:
        sent: The number of spans of each batch that was accepted.
        failures: The errors of the next attempts.
        attempts: The number of attempts.
        rejects: The number of spans that each answer rejects.
    """

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.failures: list[Exception] = []
        self.attempts = 0
        self.rejects = 0
        self.held = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_closed = False

    def send(self, request: ExportTraceServiceRequest) -> int:
        self.attempts += 1
        self.held.set()
        self.may_answer.wait(60)
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(len(request.resource_spans[0].scope_spans[0].spans))
        return self.rejects

    def has_tried(self, attempts: int) -> bool:
        return self.attempts == attempts

    def use_headers(self, headers: Mapping[str, str]) -> None:
        raise AssertionError(headers)

    def close(self) -> None:
        self.is_closed = True


class Exporting:
    """An export to a collector, and its metrics."""

    def __init__(self, collector: Collector, queue_calls_max: int = 1000) -> None:
        self.meter = MeterRegistry()
        encoder = SpanEncoder({"service.name": "tests"}, "memory")
        self.export = SpanExport(
            collector, encoder, "http://collector", self.meter,
            queue_calls_max=queue_calls_max, pause_seconds=0.01,
        )  # fmt: skip

    def offer(self, count: int = 1) -> None:
        for _ in range(count):
            call = CallTrace(b"t" * 16, b"s" * 8, b"", time.monotonic)
            call.add(COMMIT, call.began, call.began, 1)
            call.ended = call.began
            self.export.take(call)

    def value(self, name: str, labels: str = "") -> float:
        return self.meter.collect().value(name, labels)

    def dropped(self, reason: str) -> float:
        return self.value("mcp_spans_dropped_total", f'reason="{reason}"')


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_what_is_offered_is_sent_and_counted() -> None:
    collector = Collector()
    exporting = Exporting(collector)
    exporting.offer(3)
    await exporting.export.close(30)
    assert sum(collector.sent) == 3 * SPANS_OF_CALL == exporting.value("mcp_spans_sent_total")
    assert collector.is_closed


async def test_a_batch_is_bounded() -> None:
    collector = Collector()
    collector.may_answer.clear()
    exporting = Exporting(collector)
    exporting.offer()
    until(collector.held.is_set)
    exporting.offer(BATCH_CALLS_MAX + 1)
    collector.may_answer.set()
    await exporting.export.close(30)
    assert collector.sent == [one * SPANS_OF_CALL for one in (1, BATCH_CALLS_MAX, 1)]


async def test_a_collector_that_does_not_answer_fills_the_queue_and_no_more() -> None:
    collector = Collector()
    collector.may_answer.clear()
    exporting = Exporting(collector, queue_calls_max=10)
    exporting.offer()
    until(collector.held.is_set)
    exporting.offer(1000)
    assert exporting.value("mcp_traces_waiting") == 10
    assert exporting.dropped("queue_full") == 990 * SPANS_OF_CALL
    collector.may_answer.set()
    await exporting.export.close(30)
    assert sum(collector.sent) == 11 * SPANS_OF_CALL


async def test_the_end_waits_no_longer_than_its_time(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector()
    collector.may_answer.clear()
    exporting = Exporting(collector)
    exporting.offer()
    until(collector.held.is_set)
    exporting.offer(5)
    ticks: list[None] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(None)

    ticking = asyncio.create_task(tick())
    await exporting.export.close(0.3)
    ticking.cancel()
    assert ticks  # the event loop went on
    assert "the last spans (10 at least) were not sent" in caplog.text
    collector.may_answer.set()


async def test_a_batch_is_repeated_after_a_failure_that_may_pass() -> None:
    collector = Collector()
    collector.failures = [NotSent("UNAVAILABLE", may_retry=True)]
    exporting = Exporting(collector)
    exporting.offer()
    until(lambda: bool(collector.sent))
    await exporting.export.close(30)
    assert (collector.attempts, collector.sent) == (2, [SPANS_OF_CALL])
    assert exporting.dropped("not_sent") == 0


@pytest.mark.parametrize("failure", [NotSent("status 400", may_retry=False), RuntimeError("planted")])
async def test_a_refused_batch_is_dropped_and_the_next_one_sent(failure: Exception) -> None:
    collector = Collector()
    collector.failures = [failure]
    exporting = Exporting(collector)
    exporting.offer()
    until(lambda: exporting.dropped("not_sent") == SPANS_OF_CALL)
    exporting.offer()
    until(lambda: bool(collector.sent))
    await exporting.export.close(30)
    assert (collector.attempts, collector.sent) == (2, [SPANS_OF_CALL])


async def test_rejected_spans_are_counted() -> None:
    collector = Collector()
    collector.rejects = 1
    exporting = Exporting(collector)
    exporting.offer()
    await exporting.export.close(30)
    assert (exporting.value("mcp_spans_sent_total"), exporting.dropped("rejected")) == (1, 1)


async def test_the_end_makes_one_attempt() -> None:
    collector = Collector()
    collector.failures = [NotSent("away", may_retry=True) for _ in range(100)]
    exporting = Exporting(collector)
    exporting.offer(3 * BATCH_CALLS_MAX)
    until(lambda: bool(collector.attempts))
    await exporting.export.close(30)
    assert collector.attempts == 1
    assert exporting.dropped("not_sent") == 768 * SPANS_OF_CALL


async def test_a_series_of_failures_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    collector = Collector()
    collector.failures = [NotSent("status 500: a\nb", may_retry=False) for _ in range(3)]
    exporting = Exporting(collector)
    for number in range(1, 5):
        exporting.offer()
        until(partial(collector.has_tried, number))
    await exporting.export.close(30)
    assert [record.message for record in caplog.records] == [
        "the collector of traces at http://collector does not take them: status 500: a b",
        "the collector of traces at http://collector takes them again",
    ]
