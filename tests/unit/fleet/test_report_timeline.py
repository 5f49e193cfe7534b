"""The course of a load is complete, and bounded however long the load is."""

from __future__ import annotations

import pytest

from dungeonfighter.fleet import report_timeline
from dungeonfighter.fleet.latency import Histogram
from dungeonfighter.fleet.progress import MEASURED, WARM_UP, Progress
from dungeonfighter.fleet.report_timeline import Timeline


def progress(seconds: int, *, turns: int, errors: int = 0, latency: float = 0.0) -> Progress:
    latencies = Histogram()
    latencies.add_all([latency] * 10 if latency else [])
    phase = WARM_UP if seconds <= 2 else MEASURED
    return Progress(float(seconds), phase, 5, 5, turns, 0, 2 * errors, errors, latencies.buckets())


def test_each_moment_has_the_growth_of_its_second() -> None:
    timeline = Timeline()
    timeline.add(progress(1, turns=0))
    timeline.add(progress(2, turns=30, latency=0.01))
    timeline.add(progress(4, turns=90, errors=3, latency=0.02))
    first, second, third = timeline.moments()
    assert (first.turns_per_second, first.p50_ms) == (0, None)
    assert (second.turns_per_second, second.phase) == (30, WARM_UP)
    assert second.p50_ms == pytest.approx(10, rel=0.02)
    assert (third.turns_per_second, third.errors, third.troubles, third.phase) == (30, 3, 6, MEASURED)


def test_a_long_load_has_fewer_moments_and_loses_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_timeline, "MOMENTS_MAX", 8)
    timeline = Timeline()
    for second in range(1, 101):
        timeline.add(progress(second, turns=7 * second, errors=second // 50, latency=0.01))
    moments = timeline.moments()
    assert len(moments) <= 9
    assert moments[-1].seconds == 100
    assert sum(moment.errors for moment in moments) == 2
    assert {round(moment.turns_per_second) for moment in moments} == {7}
    assert all(moment.p50_ms == pytest.approx(10, rel=0.02) for moment in moments)


def test_the_beginning_is_known_from_the_first_progress() -> None:
    timeline = Timeline()
    assert timeline.began == 0
    timeline.add(progress(1, turns=0))
    began = timeline.began
    timeline.add(progress(3, turns=0))
    assert timeline.began == began > 0
