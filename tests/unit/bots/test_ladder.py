"""The ladder: its means and intervals, its order, its table."""

from __future__ import annotations

import statistics

import pytest

from dungeonfighter.bots import ladder
from dungeonfighter.bots.runner import RunResult


def result(seed: int, score: float, cause: str = "", policy: str = "attack") -> RunResult:
    return RunResult(policy, seed, score, 10, 12, "died" if cause else "inputs", 2, "mace", cause)


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


def test_the_best_policy_is_first_whatever_the_order_of_the_names() -> None:
    results = [result(0, 1.0), result(0, 5.0, policy="auto"), result(0, 3.0, policy="random")]
    names = ["random", "attack", "auto"]
    ranked = ladder.rank(names, results, seeds=range(1), inputs_max=50, seconds=1, complete=True)
    assert [rung.policy for rung in ranked.rungs] == ["auto", "random", "attack"]


def test_the_table_says_in_words_how_the_runs_ended() -> None:
    results = [result(0, 1.0, "elite"), result(1, 2.0), result(2, 6.0, "boss")]
    ranked = ladder.rank(["attack"], results, seeds=range(3), inputs_max=50, seconds=1, complete=True)
    lines = list(ladder.table(ranked))
    assert "attack: 2 died, 1 cut off after 50 inputs" in lines
    assert "  deaths by the rank of the enemy: elite 1, boss 1" in lines
    assert "  mean score by weapon: mace 3.0" in lines
    assert lines[-1].startswith("3 runs in 1.0 s (3.00 runs/s, 30 inputs/s)")
