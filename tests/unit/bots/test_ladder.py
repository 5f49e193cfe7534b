"""The ladder: its means and intervals, its order, its table."""

from __future__ import annotations

import statistics

import pytest

from dungeonfighter.bots import ladder
from dungeonfighter.bots.runner import RunResult


def result(seed: int, score: float, cause: str = "") -> RunResult:
    return RunResult("attack", seed, score, 10, 12, "died" if cause else "turns", 2, "mace", cause)


def test_the_margin_is_half_the_interval_of_the_mean() -> None:
    scores = [1.0, 2.0, 4.0, 8.0]
    assert ladder.margin(scores) == pytest.approx(1.96 * statistics.stdev(scores) / 2)
    assert ladder.margin([3.0]) == 0.0


def test_results_in_another_order_give_the_same_ladder() -> None:
    results = [result(0, 1.0, "elite"), result(1, 2.0), result(2, 6.0, "elite")]
    forward = ladder.rank(["attack"], results, seeds=range(3), inputs_max=3000, seconds=1, complete=True)
    backward = ladder.rank(
        ["attack"], results[::-1], seeds=range(3), inputs_max=3000, seconds=1, complete=True
    )
    assert forward == backward
    assert (forward.rungs[0].score, forward.rungs[0].causes) == (3.0, {"elite": 2})


def test_an_interrupted_ladder_says_so_and_shows_what_it_has() -> None:
    partial = ladder.rank(
        ["attack", "auto"], [result(0, 1.0)], seeds=range(9), inputs_max=3000, seconds=1, complete=False
    )
    lines = list(ladder.table(partial))
    assert "interrupted" in lines[-1]
    assert any(line.startswith("attack") for line in lines)


def test_processes_give_the_same_results_as_one() -> None:
    jobs = [ladder.Job("attack", seed, 100, -1) for seed in range(3)]
    alone = sorted(ladder.play_all(jobs, 1), key=lambda r: r.seed)
    together = sorted(ladder.play_all(jobs, 2), key=lambda r: r.seed)
    assert alone == together
