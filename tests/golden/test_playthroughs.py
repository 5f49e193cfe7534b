"""The recorded runs still read the same. After an intended change, run `make golden` and read the diff."""

from __future__ import annotations

import difflib

import pytest

from dungeonfighter.rules import load_rules
from tests.golden.contents import THINGS
from tests.golden.playthroughs import RUNS, Recorded, narrate, recorded, text_file, things

RULES = load_rules()


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_the_run_reads_as_recorded(run: Recorded) -> None:
    text = narrate(RULES, run, recorded(run))
    former = text_file(run).read_text()
    if text != former:
        diff = difflib.unified_diff(former.split("\n"), text.split("\n"), "recorded", "now", lineterm="", n=2)
        pytest.fail(
            "behaviour or wording moved; `make golden`, then read the diff\n" + "\n".join([*diff][:60])
        )


def test_the_runs_show_both_regions_and_every_kind_of_choice() -> None:
    """If one is missing after a change of figures, `python -m tests.golden --record` looks for other runs."""
    shown = {thing for run in RUNS for thing in things(RULES, run, recorded(run))}
    assert shown == THINGS
