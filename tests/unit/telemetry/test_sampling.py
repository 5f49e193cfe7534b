"""Which calls are sampled: a fixed part of those without a context, and flagged ones up to a rate."""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random

import pytest

from dungeonfighter.telemetry.sampling import Sampler
from dungeonfighter.telemetry.trace_context import Parent

FLAGGED = Parent(b"t" * 16, b"s" * 8, True)
UNFLAGGED = Parent(b"t" * 16, b"s" * 8, False)


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


def sampler(ratio: float, flagged_per_second: float = 0.0, time: Time | None = None) -> Sampler:
    return Sampler(ratio, flagged_per_second, (time or Time()).now, Random(7).random)


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.25, 0.9])
def test_the_ratio_is_that_of_many_calls(ratio: float) -> None:
    one = sampler(ratio)
    count = 400_000
    sampled = sum(one.draw() for _ in range(count))
    deviation = (count * ratio * (1 - ratio)) ** 0.5
    assert abs(sampled - count * ratio) < 4 * deviation


def test_all_calls_or_none() -> None:
    assert all(sampler(1).draw() for _ in range(1000))
    none = sampler(0)
    assert not any(none.draw() for _ in range(1000))


def test_the_distances_between_sampled_calls_vary() -> None:
    one = sampler(0.1)
    at = [number for number in range(10_000) if one.draw()]
    assert len({after - before for before, after in pairwise(at)}) > 20


def test_a_caller_that_does_not_sample_is_not_sampled() -> None:
    one = sampler(1, 1000)
    assert not any(one.follows(UNFLAGGED) for _ in range(1000))


def test_flagged_calls_count_up_to_a_rate() -> None:
    time = Time()
    one = sampler(0, 10, time)
    assert sum(one.follows(FLAGGED) for _ in range(10_000)) == 10
    time.seconds += 0.5
    assert sum(one.follows(FLAGGED) for _ in range(10_000)) == 5
    time.seconds += 3600
    assert sum(one.follows(FLAGGED) for _ in range(10_000)) == 10


def test_a_rate_below_one_still_lets_calls_through() -> None:
    time = Time()
    one = sampler(0, 0.25, time)
    assert sum(one.follows(FLAGGED) for _ in range(100)) == 1
    time.seconds += 4
    assert sum(one.follows(FLAGGED) for _ in range(100)) == 1


def test_beyond_the_rate_a_flagged_call_is_one_of_many() -> None:
    one = sampler(0.01, 10)
    sampled = sum(one.follows(FLAGGED) for _ in range(100_000))
    assert 800 < sampled < 1250


def test_no_trace_id_forces_a_decision() -> None:
    """A sampler by trace id would sample all of these."""
    one = sampler(0.01, 0)
    crafted = [Parent(os.urandom(8) + bytes(8), b"s" * 8, True) for _ in range(10_000)]
    assert sum(one.follows(parent) for parent in crafted) < 200
