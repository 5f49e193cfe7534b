"""Coverage: what occurs in a run is counted as one of the things, and what never occurs is named."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from dungeonfighter import cli
from dungeonfighter.laboratory.coverage import (
    CASUAL,
    Covered,
    CoverJob,
    Thing,
    Watcher,
    players_of,
    things,
)
from dungeonfighter.laboratory.coverage_table import kinds_of, table
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import RoomKind, Stance
from tests.unit.rules import position

CAT = load_rules().catalogue
LISTED = list(things(CAT))
BOAR = next(n for n, row in enumerate(CAT.enemies) if row.id == "mud_boar")


@cache
def covered(policy: str, seed: int = 1) -> Covered:
    return CoverJob(seed, (Player(policy),), 100).perform(load_rules())


def counted(found: Covered) -> dict[Thing, int]:
    return {thing: count for thing, count in zip(LISTED, found.counts, strict=True) if count}


def test_each_thing_is_listed_once() -> None:
    assert len(set(LISTED)) == len(LISTED)
    kinds = Counter(kind for kind, _ in LISTED)
    ordinary = sum(row.rank == "normal" for row in CAT.enemies)
    assert kinds["enemy"] == 3 * ordinary + len(CAT.enemies) - ordinary
    rolled = sum(bool(option.roll) for row in CAT.events for option in row.options)
    assert kinds["option"] == sum(len(row.options) for row in CAT.events) + rolled
    assert kinds["consumable"] == 2 * len(CAT.consumables)


@pytest.mark.parametrize("policy", ["random", "attack", "curious"])
def test_all_that_occurs_is_among_the_things(policy: str) -> None:
    assert covered(policy).others == {}
    found = counted(covered(policy))
    assert found["turn event", "RunBegan"] == found["turn event", "WeaponChosen"] == 2
    assert any(kind == "enemy" for kind, _ in found)
    assert any(kind == "item" for kind, _ in found)
    assert 10 < covered(policy).inputs <= 100 + 100 * CASUAL[1][1]


def test_a_turn_is_counted_by_its_events_and_its_state() -> None:
    counts: Counter[Thing] = Counter()
    watcher = Watcher(load_rules(), 0, counts)
    state = position.combat_state(against=BOAR, faces=(20,))
    before = position.rules().encode(state)
    watcher.watch(state, [[Event.FightBegan, BOAR, 2, 3]])
    assert counts["enemy", "mud_boar guardian"] == 1
    watcher.watch(state, [[Event.HeroAttacked, Stance.attack, 20, 4, 3, 0, 50]])
    assert counts["action", CAT.actions[3].id] == 1
    assert position.rules().encode(state) == before


def test_an_option_is_counted_as_won_or_lost() -> None:
    counts: Counter[Thing] = Counter()
    watcher = Watcher(load_rules(), 0, counts)
    state = position.room(RoomKind.shrine)
    number = next(n for n, row in enumerate(CAT.events) if row.id == "idle_press")
    for die in (14, 13, 20):
        watcher.watch(state, [[Event.OptionRolled, number, 1, die, 0]])
    watcher.watch(state, [[Event.OptionTaken, number, 0]])
    assert counts["option", "idle_press: reach in won"] == 2
    assert counts["option", "idle_press: reach in lost"] == 1
    assert counts["option", "idle_press: work it"] == 1


def test_what_never_occurs_is_named_and_the_rarest_comes_first() -> None:
    listed = [("item", "a"), ("item", "b"), ("item", "c"), ("hazard", "d")]
    found = [Covered(0, ("x",), 9, (5, 0, 1, 2)), Covered(1, ("x",), 9, (1, 0, 1, 0))]
    items, hazards = kinds_of(listed, found)
    assert items.counts == {"b": 0, "c": 2, "a": 6}
    assert (items.never, hazards.never) == (["b"], [])
    lines = list(table([items, hazards], ["item z"]))
    assert lines[1].split() == ["item", "3", "2", "1", "c", "2,", "a", "6"]
    assert "never: item b" in lines
    assert "not among the things: item z" in lines


def test_no_runs_give_a_table_of_what_is_missing() -> None:
    assert [len(kind.never) for kind in kinds_of(LISTED[:3], [])] == [3]


def test_each_seed_has_nine_players_and_all_seeds_together_have_all() -> None:
    assert {len(players_of(seed)) for seed in range(200)} == {9}
    names = {player.name for seed in range(200) for player in players_of(seed)}
    assert {"random", "attack", "auto", "search", "curious", "farm", "heuristic always weapon=wand"} <= names
    assert {f"heuristic always talent={row.name}" for row in CAT.talents} <= names


@pytest.mark.long
def test_ten_runs_meet_most_of_the_content() -> None:
    """A floor: each of twelve seeds met 652 to 802 of the 1,077 things."""
    found = CoverJob(1, players_of(1)).perform(load_rules())
    assert found.others == {}
    assert len(counted(found)) >= 600
    reached = {kind for kind, _ in counted(found)}
    assert reached == {kind for kind, _ in LISTED}


@pytest.mark.long
def test_the_command_goes_on_where_it_was_and_fails_while_anything_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "coverage.jsonl"
    words = ["lab", "coverage", "--max-inputs", "60", "--results", str(kept), "--processes", "1"]
    assert cli.main([*words, "--seeds", "3"]) == 1
    assert "never: enemy hollow_king boss" in capsys.readouterr().out
    kept.write_bytes(kept.read_bytes() + b'{"origin":')
    assert cli.main([*words, "--seeds", "3-4", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seeds"], shown["runs"], shown["complete"], shown["others"]) == (2, 20, True, [])
    assert shown["never"] == sum(not count for kind in shown["kinds"] for count in kind["counts"].values())
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 2
