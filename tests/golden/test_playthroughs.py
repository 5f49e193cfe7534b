"""The recorded runs still read the same; if that is meant to change, run `make golden` and read the diff."""

from __future__ import annotations

import difflib

import pytest

from dungeonfighter.rules import load_rules
from tests.golden.playthroughs import RUNS, Recorded, recorded_inputs, tell, text_file

RULES = load_rules()


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_the_run_reads_as_recorded(run: Recorded) -> None:
    told = tell(RULES, run, recorded_inputs(run))
    recorded = text_file(run).read_text()
    if told != recorded:
        diff = difflib.unified_diff(
            recorded.split("\n"), told.split("\n"), "recorded", "now", lineterm="", n=2
        )
        pytest.fail(
            "behaviour or wording moved; `make golden`, then read the diff\n" + "\n".join([*diff][:60])
        )
