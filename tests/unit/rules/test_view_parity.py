"""Each figure of the text view is in a named field of the JSON view.

The labels of inputs and other whole texts do not count as named fields. Of what happened in the turn, the
sentences of the JSON view have the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Phase, State
from dungeonfighter.rules.journey import dungeon as dungeon_rules
from dungeonfighter.rules.journey.world import allowance_left
from dungeonfighter.rules.state import Door, Intent, Rank, RoomKind, RoomPhase
from dungeonfighter.rules.views.sentences import narrate
from tests.golden.playthroughs import RUNS, recorded, turns
from tests.unit.rules.position import cleared, combat_state, doors, hub, room, rules, the_dungeon

NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
PLAYED: Final = ((5, "heuristic", 200), (21, "random", 150))
"""Seed, policy and turns of the runs that are played."""
KEPT: Final = 40
"""The states of one kind that are compared."""
TEXTS: Final = frozenset(("label", "recentOutput", "digest", "rules", "seed"))
"""The members that are whole texts or no facts of the game."""
SECONDS: Final = frozenset(
    ("heroActsIn", "enemyActsIn", "comboActsIn", "intentAfterIn", "followUpIn", "period")
)


class Situation(NamedTuple):
    """One state: its kind, its text view without the head and without what happened, and its JSON view."""

    kind: str
    text: str
    happened: str
    view: dict[str, Any]


def kind_of(state: State) -> str:
    if state.phase == Phase.Combat and state.fight is not None:
        return f"fight {Rank(state.fight.rank).name}"
    if state.phase != Phase.Dungeon or state.dungeon is None:
        return Phase(state.phase).name
    phase = RoomPhase(state.dungeon.phase)
    return f"{phase.name} {RoomKind(state.dungeon.kind).name if phase == RoomPhase.offer else ''}"


def played() -> Iterator[State]:
    for run in RUNS:
        yield from (turn.state for turn in turns(rules(), run, recorded(run)))
    for seed, name, count in PLAYED:
        policy = make_policy(name, seed)
        state = rules().new_game(GameOptions(seed=seed, name="Tarn"))
        for _ in range(count):
            yield state
            if state.over:
                break
            state = rules().advance(state, choose(rules(), policy, state)).state


def arranged() -> Iterator[State]:
    """Yield a state for each event, each boss, each shown action of an enemy, and each kind of door."""
    cat = rules().catalogue
    for number, row in enumerate(cat.events):
        if row.kind == "travel":
            state = hub()
            state.world.road = [1, 1, number]
            state.phase = int(Phase.RegionTravel)
        else:
            kind = RoomKind[row.kind]
            state = doors(phase=int(RoomPhase.offer), kind=int(kind), room=1, offer=[number])
        state.hero.health //= 2
        state.hero.scars = 1
        if row.options or row.kind == "trap":
            yield state
    for boss in cat.boss_of_region:
        for low in (False, True):
            yield combat_state(against=boss, rank=Rank.boss, low=low, at=1000)
    for intent in Intent:
        yield combat_state(intent=intent, at=1000, level=3)
        yield combat_state(intent=intent, rank=Rank.guardian, at=1000, talents=("opener_crit",), luck=2)
    for kind in RoomKind:
        state = room(kind)
        state.hero.health //= 2
        the_dungeon(state).ahead = [Door(int(kind), 1, 0)]
        yield state
    state = cleared(rooms=2, level=5)
    for _ in range(2):  # the second time is a repeat
        dungeon = the_dungeon(state)
        dungeon.level, dungeon.room = 5, 2
        state.turn_start = len(state.log)
        dungeon_rules._room_cleared(cat, state, dungeon)
    yield state
    state = hub()  # where the dungeons stir, but have not grown yet
    state.turn = 1000
    state.world.cleared_at = state.turn - 1 - allowance_left(hub())
    yield state


def situation(state: State) -> Situation:
    sentences: list[str] = []
    narrate(rules().catalogue, state.log[state.turn_start :], sentences)
    happened = " ".join(sentences)
    _, _, text = rules().text(state, "e1 t1").partition("|")
    text = text.replace(f"\n{happened}", "", 1) if happened else text
    return Situation(kind_of(state), text, happened, msgspec.to_builtins(rules().observe(state)))


@cache
def corpus() -> tuple[Situation, ...]:
    found = [situation(state) for state in arranged()]
    counts: dict[str, int] = {}
    for state in played():
        kind = kind_of(state)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= KEPT:
            found.append(situation(state))
    return tuple(found)


def leaves(value: object, key: str = "", without: str = "") -> Iterator[tuple[str, object]]:
    """Yield the last member's name and the value of each named figure."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in TEXTS and name != without:
                yield from leaves(inner, name, without)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, key, without)
    else:
        yield key, value


def figures(view: dict[str, Any], without: str = "") -> set[str]:
    """Return the figures of a JSON view in the units of the text view."""
    found: set[str] = set()
    for key, value in leaves(view, without=without):
        if isinstance(value, str):
            found.update(NUMBER.findall(value))
        elif isinstance(value, float):
            found.update((f"{value:g}", f"{value:.2f}"))
        elif isinstance(value, bool) or not isinstance(value, int):
            continue
        elif key in SECONDS:
            found.update((str(value // 1000), f"{value / 1000:.1f}"))
        elif key == "scoreChange":
            found.add(str(max(1, abs(value) // 10)))
        else:
            found.add(str(abs(value)))
    return found


def missing(one: Situation, without: str = "") -> set[str]:
    return set(NUMBER.findall(one.text)) - figures(one.view, without)


def test_the_corpus_has_every_kind_of_situation() -> None:
    kinds = {one.kind for one in corpus()}
    assert kinds >= {
        "WeaponSelection", "GameLoop", "DungeonSelection", "Inventory", "LevelUp", "RegionTravel", "Death",
        "DungeonCompletion", "doors ", "cleared ", "fight normal", "fight elite", "fight guardian",
        "fight boss", *(f"offer {kind.name}" for kind in RoomKind if kind != RoomKind.fight),
    }  # fmt: skip


def test_every_figure_of_the_text_is_in_a_named_field() -> None:
    lacking = [(one.kind, sorted(lacks), one.text) for one in corpus() if (lacks := missing(one))]
    assert not lacking, lacking[0]


def test_every_figure_of_what_happened_is_in_a_sentence() -> None:
    for one in corpus():
        count = one.view["recentNew"]
        sentences = " ".join(one.view["recentOutput"][-count:]) if count else ""
        assert set(NUMBER.findall(one.happened)) <= set(NUMBER.findall(sentences)), one.happened


@pytest.mark.parametrize(
    "field",
    [
        "terms", "cost", "gain", "chance", "costLeast", "risk", "otherwise", "closedActions",
        "wheels", "fleeChance", "stances", "guarded", "incomingExposed", "scoreChange",
        "change", "guardianGrown", "score", "allowanceLeft", "xpNext", "gold", "health",
    ],
)  # fmt: skip
def test_the_comparison_notices_a_field_that_is_gone(field: str) -> None:
    assert any(missing(one, without=field) for one in corpus())


def words(one: Situation, pattern: str) -> int:
    return len(re.findall(pattern, one.text))


def beats(wheels: Iterable[int]) -> tuple[int, int]:
    """Return how many enemies the hero beats on the class wheel, and how many beat the hero."""
    of = list(wheels)
    return sum(by > 0 for by in of), sum(by < 0 for by in of)


def of_kind(*kinds: str) -> list[Situation]:
    found = [one for one in corpus() if one.kind in kinds]
    assert found
    return found


def test_the_hub_names_its_region_and_how_fast_the_dungeons_stir() -> None:
    stirring = 0
    for one in of_kind("GameLoop"):
        view = one.view
        assert f"\n{view['region']}. " in one.text
        pace = f" +{view['stirringStep']}% every {view['stirringTurns']} turns "
        assert ("% every " not in one.text) or pace in one.text
        stirring += pace in one.text
    assert stirring


def test_a_repeat_and_new_items_are_in_both_views() -> None:
    for one in corpus():
        assert words(one, r"\bA repeat: ") == one.view["repeat"]
        assert words(one, r"(?m)^New, bag ") == one.view["newItems"]
    assert any(one.view["repeat"] for one in corpus())
    assert any(one.view["newItems"] for one in corpus())


def test_dungeons_and_doors_tell_whose_class_beats_the_other() -> None:
    for one in of_kind("DungeonSelection", "doors "):
        of = [by for offer in one.view["dungeons"] for by in (*offer["wheels"], offer["guardianWheel"])]
        if one.kind == "doors ":
            of = [door["wheel"] for door in one.view["currentRoom"]["doors"]]
        assert (words(one, r"\(you \+"), words(one, r"\(it \+")) == beats(of), one.text


def test_a_new_level_tells_what_it_brought() -> None:
    for one in of_kind("LevelUp"):
        growth = one.view["growth"]
        heals = f", healed {growth['healed']}%" if growth["healed"] else ""
        expected = [
            f"{growth['stat']} +{growth['statGain']}",
            f"others +{growth['otherGain']}",
            f"max hp +{growth['healthGain']}{heals}",
            *([f"strip slot {growth['slot']}"] if growth["slot"] else []),
            *(f"learned {action['name']} {action['text']}" for action in growth["learned"]),
        ]
        assert f"\nGrown: {', '.join(expected)}." in one.text
        assert growth["words"] == expected


def test_items_have_the_gold_for_dropping_them() -> None:
    for one in of_kind("Inventory"):
        pays = sorted({item["dropGold"] for item in one.view["player"]["bag"]})
        expected = "-".join(map(str, (pays[0], pays[-1])[: len(pays)])) if pays else ""
        assert (f" |drop n: {expected} gold" in one.text) is bool(pays)


def test_inputs_have_the_turns_that_they_take() -> None:
    found = 0
    for one in corpus():
        for choice in one.view["availableActions"] if one.kind in {"GameLoop", "cleared ", "doors "} else ():
            label = re.search(r"(\d+) turns", choice["label"])
            if label is not None:
                assert choice["terms"]["turns"] == int(label[1])
                found += 1
    assert found


def test_actions_have_figures_of_their_own() -> None:
    for one in of_kind("Inventory"):
        for action in one.view["player"]["actions"]:
            assert action["text"].endswith(f" ({action['figures']['text']})")


def test_a_fight_has_the_same_facts_in_fields() -> None:
    seen = dict.fromkeys(("set up", "below half", "changed", "weak", "status", "luck", "critical"), 0)
    for one in of_kind(*(f"fight {rank.name}" for rank in Rank)):
        combat = one.view["combat"]
        first = one.text.split("\n")[0]
        rolls = re.search(r", (\d+)\+(?:/(\d+))? ", first)
        assert rolls is not None
        of_player = one.view["player"]["comboAt"]
        assert (int(rolls[1]), int(rolls[2] or 20)) == (of_player, combat["criticalFrom"])
        assert (f"{combat['nextAction']}+" in first) is ("set up" in combat["bonuses"])
        assert (f", luck {combat['luck']}" in first) is (combat["luck"] > 0)
        assert ("(below half" in one.text) is (bool(combat["changeBelowHalf"]) and not combat["changed"])
        assert (words(one, r"\bweak "), words(one, r"\bstrong ")) == beats([combat["wheel"]])
        struck = combat["followUpDamage"]
        assert not struck or f" {struck} before you" in one.text
        if combat["intent"] == "status":
            assert f": {combat['intentStatus']} {combat['intentAmount']} + " in one.text
        seen["set up"] += "set up" in combat["bonuses"]
        seen["below half"] += bool(combat["changeBelowHalf"]) and not combat["changed"]
        seen["changed"] += combat["changed"]
        seen["weak"] += combat["wheel"] > 0
        seen["status"] += combat["intent"] == "status"
        seen["luck"] += combat["luck"] > 0
        seen["critical"] += combat["criticalFrom"] < 20
    assert all(seen.values()), seen
