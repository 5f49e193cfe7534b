"""The count of instructions of the rules alone: the driver, and its figures."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.instructions import Failed
from bench.rule_instructions import figures
from tests.unit.house.sources import ROOT

LOGS = {"7": "==7== I refs: 1,000", "8": "==8== I refs: 1,600"}


def test_a_figure_is_the_difference_of_one_pass_and_two() -> None:
    assert figures("all 1 30 7\nall 2 30 8\n", LOGS) == {"all": (30, 20.0)}


@pytest.mark.parametrize(
    "output", ["", "all 1 30 7\n", "all 1 30 7\nall 2 30 9\n", "Combat 1 3 7\nCombat 2 3 8\n"]
)
def test_incomplete_output_is_a_failure(output: str) -> None:
    with pytest.raises(Failed):
        figures(output, LOGS)


def test_the_driver_counts_every_turn_in_one_phase() -> None:
    command = [sys.executable, "-m", "bench.rule_instructions", "--drive", "--turns=60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:3] for line in lines[:2]] == [["all", "1", "60"], ["all", "2", "60"]]
    assert sum(int(turns) for _, passes, turns, _ in lines[2:] if passes == "1") == 60
    assert len({child for *_, child in lines}) == len(lines)
