"""Scenarios are read from their files; an error names the file and the field."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from chaos.faults import FAULTS
from chaos.faults.processes import KillProcess
from chaos.scenario import Begin, End, Play, Range, Scenario, ScenarioError, drawn, kept_seeds, load, names
from tests.unit.house.sources import ROOT

GOOD = """
about: A server is killed and comes back.
bots: 5
steps:
  - play: {from: 1, to: 2}
  - begin: kill-process
    on: [server-1]
  - play: 3
  - end: kill-process
expect: {plays-within: 1.5, errors: {stale_turn: 2, future_turn: null}}
"""


def read(folder: Path, text: str) -> Scenario:
    (folder / "tried.yaml").write_text(text)
    return load("tried", folder)


def test_a_scenario_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.steps == (
        Play(Range(1, 2)),
        Begin("kill-process", KillProcess.Options(on=["server-1"])),
        Play(3.0),
        End("kill-process"),
    )
    assert (found.name, found.bots, found.plan.servers) == ("tried", 5, 3)
    assert found.expect.plays_within == 1.5
    assert found.expect.errors == {"stale_turn": 2, "future_turn": None}
    assert found.faults() == ["kill-process"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bots: 5", "bots: five", "tried.yaml: bots: Expected `int`, got `str`"),
        ("bots: 5", "bats: 5", "tried.yaml: Object contains unknown field `bats`"),
        ("bots: 5", "bots: [5", "tried.yaml: while parsing"),
        ("bots: 5", "servers: {count: 4}", "tried.yaml: servers.count: Expected `int` <= 3"),
        ("bots: 5", "store: sqlite", "tried.yaml: servers.count: a SQLite file has one server"),
        ("comes back.", "comes back", "tried.yaml: about: write a sentence"),
        ("play: 3", "play: -3", "tried.yaml: steps[2].play: Expected"),
        ("from: 1", "from: 4", "tried.yaml: steps[0].play: from is more than to"),
        ("[server-1]", "[server-9]", "tried.yaml: steps[1].on[0]: Expected `str` matching"),
        ("[server-1]", "[]", "tried.yaml: steps[1].on: Expected `array` of length >= 1"),
        ("    on: [server-1]\n", "", "tried.yaml: steps[1]: Object missing required field `on`"),
        ("begin: kill-process", "begin: kill-proces", r"tried.yaml: steps[1]: write play, begin or end; "),
        ("end: kill-process", "end: freeze", "tried.yaml: steps[3].end: freeze has not begun"),
        ("  - end: kill-process\n", "", "tried.yaml: steps: kill-process has no end"),
        ("plays-within", "plays", "tried.yaml: expect: Object contains unknown field `plays`"),
    ],
)
def test_an_error_names_the_file_and_the_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, GOOD.replace(old, new))
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("name", ["no-such", "../tried", "Tried"])
def test_an_unknown_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError, match="there is no scenario"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", names())
def test_every_scenario_of_the_folder_is_right(name: str) -> None:
    plays = [step.play for step in load(name).steps if isinstance(step, Play)]
    assert sum(one.high if isinstance(one, Range) else one for one in plays) <= 60


def test_every_fault_is_used_by_a_scenario() -> None:
    used = {fault for name in names() for fault in load(name).faults()}
    assert used == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_says_what_it_does(name: str) -> None:
    first = (FAULTS[name].__doc__ or "").partition("\n")[0]
    assert first.endswith((".", ";"))
    assert FAULTS[name].name == name


def test_the_kept_seeds_name_scenarios(tmp_path: Path) -> None:
    kept_seeds()
    file = tmp_path / "seeds.yaml"
    file.write_text("- {name: lost-at-a-kill, scenario: kill-server, seed: 7}\n")
    assert [(one.name, one.seed) for one in kept_seeds(file)] == [("lost-at-a-kill", 7)]
    file.write_text("- {name: kill-server, scenario: kill-server, seed: 7}\n")
    with pytest.raises(ScenarioError, match="names a scenario"):
        kept_seeds(file)
    file.write_text("- {name: odd, scenario: no-such, seed: 7}\n")
    with pytest.raises(ScenarioError, match="no scenario 'no-such'"):
        kept_seeds(file)


def test_a_range_is_drawn_by_the_seed() -> None:
    span = Range(2, 5)
    assert drawn(3.5, random.Random(1)) == 3.5
    assert drawn(span, random.Random(1)) == drawn(span, random.Random(1)) != drawn(span, random.Random(2))
    assert all(2 <= drawn(span, random.Random(seed)) <= 5 for seed in range(20))


def test_every_scenario_has_its_row_in_the_document() -> None:
    text = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    table = text.partition("## The scenarios")[2].partition("## Write a scenario")[0]
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE) == names()


def test_the_scenario_of_the_document_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    found = read(tmp_path, text.partition("```yaml\n")[2].partition("```")[0])
    assert found.faults() == ["freeze"]
