"""The ladder: its statistics, its table, its command."""

from __future__ import annotations

import argparse
import json
import statistics

import pytest

from dungeonfighter.bots import ladder
from dungeonfighter.bots.runner import RunResult


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ladder.add_arguments(parser)
    return parser.parse_args(words)


def result(seed: int, score: float, cause: str = "") -> RunResult:
    return RunResult("attack", seed, score, 10, 12, "died" if cause else "turns", 2, "mace", cause)


def test_the_interval_is_that_of_the_mean() -> None:
    scores = [1.0, 2.0, 4.0, 8.0]
    assert ladder.margin(scores) == pytest.approx(1.96 * statistics.stdev(scores) / 2)
    assert ladder.margin([3.0]) == 0.0


def test_results_in_another_order_give_the_same_ladder() -> None:
    args = arguments("--seeds", "3")
    results = [result(0, 1.0, "elite"), result(1, 2.0), result(2, 6.0, "elite")]
    there = ladder.rank(["attack"], results, seconds=1, args=args, complete=True)
    back = ladder.rank(["attack"], results[::-1], seconds=1, args=args, complete=True)
    assert there == back
    assert (there.rungs[0].score, there.rungs[0].causes) == (3.0, {"elite": 2})


def test_an_interrupted_ladder_says_so_and_shows_what_it_has() -> None:
    args = arguments("--seeds", "9")
    half = ladder.rank(["attack", "auto"], [result(0, 1.0)], seconds=1, args=args, complete=False)
    lines = list(ladder.table(half))
    assert "interrupted" in lines[-1]
    assert any(line.startswith("attack") for line in lines)


def test_the_command_plays_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = ladder.run(
        arguments(
            "--seeds", "2", "--policies", "attack,random", "--max-inputs", "60", "--jobs", "1", "--json"
        )
    )
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [rung["policy"] for rung in shown["rungs"]] == ["attack", "random"]
    assert shown["complete"]


def test_processes_give_the_same_results_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    work = [ladder.Job("attack", seed, 100, -1) for seed in range(3)]
    alone = sorted(ladder.play_all(work, 1), key=lambda r: r.seed)
    together = sorted(ladder.play_all(work, 2), key=lambda r: r.seed)
    assert alone == together


def test_an_unknown_policy_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.run(arguments("--policies", "genius")) == 2
    assert "genius" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--seeds=0", "--seeds=-2", "--first-seed=-1", "--max-inputs=0", "--jobs=0"])
def test_numbers_out_of_range_are_refused(word: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        arguments(word)
    assert refusal.value.code == 2


def test_a_ladder_of_no_policies_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.run(arguments("--policies", ",")) == 2
    assert capsys.readouterr().err.startswith("ladder: --policies")
