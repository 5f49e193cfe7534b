"""The histogram is compared with sorted lists of the same durations."""

from __future__ import annotations

import random

import pytest

from dungeonfighter.fleet.latency import Histogram


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 0.999, 1.0])
def test_percentiles_are_within_two_percent_of_the_exact_ones(share: float) -> None:
    dice = random.Random(5)
    durations = [dice.lognormvariate(-6, 2) for _ in range(5000)]
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    exact = sorted(durations)[max(0, round(share * len(durations)) - 1)]
    assert histogram.percentile(share) == pytest.approx(exact, rel=0.02, abs=2e-6)


def test_no_percentile_is_above_the_maximum() -> None:
    histogram = Histogram()
    histogram.add(0.1)
    assert histogram.percentile(0.5) == histogram.max_seconds == 0.1


def test_a_percentile_of_an_empty_histogram_is_zero() -> None:
    assert Histogram().percentile(0.99) == 0.0


def test_one_slow_call_in_a_hundred_shows_above_p99_only() -> None:
    histogram = Histogram()
    for _ in range(99):
        histogram.add(0.001)
    histogram.add(5.0)
    assert histogram.percentile(0.99) == pytest.approx(0.001, rel=0.02)
    assert histogram.percentile(0.999) == pytest.approx(5.0, rel=0.02)


def test_histograms_of_parts_add_up_to_that_of_the_whole() -> None:
    dice = random.Random(9)
    whole, sum_of_parts = Histogram(), Histogram()
    for _ in range(3):
        part = Histogram()
        for _ in range(500):
            seconds = dice.lognormvariate(-6, 3)
            whole.add(seconds)
            part.add(seconds)
        sum_of_parts.merge(part.buckets(), part.max_seconds)
    assert sum_of_parts.counts == whole.counts
    assert (sum_of_parts.count, sum_of_parts.max_seconds) == (whole.count, whole.max_seconds)


def test_buckets_since_a_moment_hold_only_later_counts() -> None:
    histogram = Histogram()
    histogram.add(0.001)
    before = histogram.counts[:]
    histogram.add(2.0)
    later = Histogram()
    later.merge(histogram.buckets(before), 2.0)
    assert later.count == 1
    assert later.percentile(0.5) == pytest.approx(2.0, rel=0.02)


def test_a_list_of_durations_counts_like_single_ones() -> None:
    dice = random.Random(3)
    durations = [dice.choice([-1.0, 0.0, 1e12, 7e-6, 64e-6, 0.001]) for _ in range(100)]
    durations += [dice.lognormvariate(-6, 3) for _ in range(2000)]
    single, together = Histogram(), Histogram()
    for seconds in durations:
        single.add(seconds)
    together.add_all(durations[:700])
    together.add_all(durations[700:])
    together.add_all([])
    assert together.counts == single.counts
    assert (together.count, together.max_seconds) == (single.count, single.max_seconds)


def test_a_duration_below_zero_or_beyond_the_last_bucket_is_counted() -> None:
    histogram = Histogram()
    histogram.add(-1.0)
    histogram.add(1e12)
    assert histogram.count == sum(histogram.counts) == 2
    assert histogram.counts[0] == 1
