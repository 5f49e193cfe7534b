"""The number of active bots: those of the last minute, each once over all processes."""

from __future__ import annotations

import pytest

from dungeonfighter.hosting.active_bots import (
    ACTIVE_SECONDS,
    SAMPLE_MAX,
    ActiveBots,
    ActiveSample,
    count_distinct,
)


class Worker:
    """The active bots of a worker with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.bots = ActiveBots(lambda: self.now)

    def play(self, *numbers: int) -> None:
        for number in numbers:
            self.bots.note(f"local/bot-{number}")


def test_a_bot_is_active_for_a_minute_after_its_last_turn() -> None:
    worker = Worker()
    worker.play(1, 2)
    worker.now += ACTIVE_SECONDS - 1
    worker.play(1)
    assert worker.bots.count() == 2
    worker.now += 1
    assert worker.bots.count() == 1
    assert worker.bots.sample().count == len(worker.bots.sample().hashes) == 1
    worker.now += ACTIVE_SECONDS
    assert worker.bots.count() == 0
    assert worker.bots.sample() == ActiveSample()


def test_a_bot_that_plays_on_several_workers_counts_once() -> None:
    workers = [Worker() for _ in range(3)]
    workers[0].play(*range(10))
    workers[1].play(*range(5, 15))
    assert count_distinct(worker.bots.sample() for worker in workers) == 15
    assert count_distinct([]) == 0


@pytest.mark.parametrize(("shared", "expected"), [(0, 40_000), (10_000, 30_000), (20_000, 20_000)])
def test_of_many_bots_the_sample_tells_how_many_play_on_several_workers(shared: int, expected: int) -> None:
    first, second = Worker(), Worker()
    first.play(*range(20_000))
    second.play(*range(20_000 - shared, 40_000 - shared))
    samples = [first.bots.sample(), second.bots.sample()]
    assert all(len(one.hashes) <= SAMPLE_MAX for one in samples)
    assert abs(count_distinct(samples) - expected) <= 0.05 * expected


def test_samples_of_unequal_workers_are_compared_below_the_lower_limit() -> None:
    large, small = Worker(), Worker()
    large.play(*range(20_000))
    small.play(*range(500))
    assert abs(count_distinct([large.bots.sample(), small.bots.sample()]) - 20_000) <= 400


def test_after_all_bots_have_left_small_numbers_are_exact() -> None:
    worker = Worker()
    worker.play(*range(5_000))
    worker.now += ACTIVE_SECONDS
    assert worker.bots.count() == 0
    worker.play(1, 2, 3)
    assert len(worker.bots.sample().hashes) == 3
