"""The recorded runs still read the same. After an intended change, run `make golden` and read the diff."""

from __future__ import annotations

import difflib

import pytest

from dungeonfighter.rules import load_rules
from tests.golden.playthroughs import RUNS, Recorded, narrate, recorded_inputs, text_file

RULES = load_rules()


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_the_run_reads_as_recorded(run: Recorded) -> None:
    text = narrate(RULES, run, recorded_inputs(run))
    recorded = text_file(run).read_text()
    if text != recorded:
        diff = difflib.unified_diff(
            recorded.split("\n"), text.split("\n"), "recorded", "now", lineterm="", n=2
        )
        pytest.fail(
            "behaviour or wording moved; `make golden`, then read the diff\n" + "\n".join([*diff][:60])
        )
