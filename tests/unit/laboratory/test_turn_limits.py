"""Limits of turns: what a run has at each, and the tokens that tell players apart."""

from __future__ import annotations

import json

import pytest

from dungeonfighter import cli
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.turn_limits import LimitJob, Passed, limits_of, table
from dungeonfighter.rules import load_rules


def test_a_run_is_measured_at_each_limit_and_keeps_its_last_figures() -> None:
    far = LimitJob(Player("attack"), 3, (10, 20, 3000, 4000), len).perform(load_rules())
    near = LimitJob(Player("attack"), 3, (20,), len).perform(load_rules())
    assert far.tokens[1] == near.tokens[0]
    assert 0 < far.tokens[0] < far.tokens[1] < far.tokens[2] == far.tokens[3]
    assert 0 <= far.scores[0] <= far.scores[1] <= far.scores[2] == far.scores[3] > 0


def test_the_cost_of_a_limit_is_that_of_the_pairs_that_tell_neighbours_apart() -> None:
    found = [
        Passed("weak", 0, (1.0, 1.0), (100, 200)), Passed("weak", 1, (3.0, 1.0), (300, 400)),
        Passed("good", 0, (5.0, 1.0), (1000, 2000)), Passed("good", 1, (9.0, 1.0), (3000, 4000)),
    ]  # fmt: skip
    near, far = limits_of((50, 60), ("weak", "good"), found)
    assert (near.scores, near.tokens) == ({"weak": 2.0, "good": 7.0}, {"weak": 200.0, "good": 2000.0})
    assert near.seeds == {"good": 1}
    assert near.total == 2200
    assert far.seeds["good"] > 1000
    lines = list(table([near, far]))
    assert lines[1].split()[-2:] == ["1;", "2,200"]
    assert " -; " in lines[2]


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lab", "limits", "--seeds", "0-1", "--player", "random", "attack", "--turns", "20,10"]
    assert cli.main([*words, "--processes", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["turns"] for row in shown["rows"]] == [10, 20]
    assert shown["rows"][0]["tokens"].keys() == {"random", "attack"}


@pytest.mark.parametrize("text", ["", "0", "a", "10,", "-5", "999999"])
def test_wrong_limits_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["lab", "limits", f"--turns={text}"])
    assert refused.value.code == 2
    assert "list of turns" in capsys.readouterr().err
