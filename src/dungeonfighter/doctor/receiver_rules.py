"""Judges whether the receiver of metrics and the collector of traces take what a server sends."""

from __future__ import annotations

from typing import Final

from dungeonfighter.doctor.findings import Findings
from dungeonfighter.doctor.servers import ServerAnswers

RECENT_SECONDS: Final = 3600.0
"""A warning or an error counts for so long."""
_PUSH_UP: Final = "mcp_metrics_push_up"
_SPANS_LOGGER: Final = "dungeonfighter.telemetry.span_export"
_COLLECTOR: Final = (
    "check that the collector runs and that OTEL_EXPORTER_OTLP_ENDPOINT, its protocol and its headers are "
    "right; games go on meanwhile"
)


def judge_receivers(answers: ServerAnswers, findings: Findings) -> None:
    """Add the findings about both receivers of one server."""
    report = answers.report
    processes = report.processes if report is not None else []
    if 0 in (answers.metrics.get(_PUSH_UP), *(one.gauges.get(_PUSH_UP) for one in processes)):
        findings.problem(
            answers.url,
            "the receiver of metrics does not take them, so its graphs have a gap",
            "check that the receiver runs and that PROMETHEUS_ENDPOINT is right; games go on meanwhile",
        )
    _judge_collector(answers, findings)


def _judge_collector(answers: ServerAnswers, findings: Findings) -> None:
    """Name a recent warning about the collector, or else the spans that were lost.

    The log has one warning for a whole series of failures, so spans may be lost long after it.
    """
    report = answers.report
    if report is not None:
        recent = [
            trouble
            for process in report.processes
            for trouble in process.troubles
            if trouble.logger == _SPANS_LOGGER and report.answered_at - trouble.at < RECENT_SECONDS
        ]
        if recent:
            newest = max(recent, key=lambda one: one.at)
            findings.problem(answers.url, f"{newest.message} (within the last hour)", _COLLECTOR)
            return
    lost = answers.metrics.get("mcp_spans_dropped_total", 0.0)
    if not lost > 0:
        return
    text = f"{lost:.0f} spans of traces were lost since the server began"
    if answers.metrics.get("mcp_spans_sent_total", 0.0) > 0:
        findings.note(answers.url, text, f"if it grows: {_COLLECTOR}")
    else:
        findings.problem(answers.url, f"{text}, and the collector took none", _COLLECTOR)
