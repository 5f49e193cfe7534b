"""Estimates from samples."""

from __future__ import annotations

import statistics

import pytest

from dungeonfighter.laboratory.estimates import deviation, estimate, percentile, seeds_needed, share


def test_an_estimate_has_the_interval_of_the_mean() -> None:
    found = estimate([1.0, 2.0, 4.0, 8.0])
    assert found.mean == 3.75
    assert found.high - found.low == pytest.approx(2 * 3.18 * statistics.stdev([1, 2, 4, 8]) / 2)
    assert estimate([1.0, 3.0]).margin == pytest.approx(12.71)
    many = [1.0, 3.0] * 500
    assert estimate(many).margin == pytest.approx(1.96 * statistics.stdev(many) / 1000**0.5, rel=0.002)
    assert str(estimate([2.0, 2.0])) == "2.00 +- 0.00"
    assert estimate([]).size == 0


def test_the_deviation_is_that_of_the_sample() -> None:
    assert deviation([1.0, 2.0, 4.0, 8.0]) == pytest.approx(statistics.stdev([1, 2, 4, 8]))
    assert deviation([3.0]) == 0


def test_percentiles_lie_between_their_neighbours() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([4, 1, 3, 2], 0) == 1
    assert percentile([4, 1, 3, 2], 100) == 4
    assert percentile([], 50) == 0


def test_a_share_of_none_has_an_interval() -> None:
    assert share(0, 0).size == 0
    assert 0.01 < share(0, 100).margin < 0.05
    assert share(50, 100).margin == pytest.approx(0.096, abs=0.001)


def test_more_scatter_needs_more_seeds() -> None:
    few, many = [1.0, -1.0] * 20, [10.0, -10.0] * 20
    assert seeds_needed(few) == 1
    assert seeds_needed(many) == pytest.approx((2.8 * 10.13 / 5) ** 2, abs=2)
    assert seeds_needed(many, apart=1.0) > 20 * seeds_needed(many)
