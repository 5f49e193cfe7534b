"""Heroes of every vintage become runs that the rules accept, and no field of a save is lost silently."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dungeonfighter import limits
from dungeonfighter.rules import GameOptions, Phase, Rules, State, Weapon, load_rules, tables
from dungeonfighter.rules.journey import world
from dungeonfighter.rules.state import Ending, Slot
from dungeonfighter.storage.saves_import.heroes import MappedHero, legal_name, map_hero
from dungeonfighter.storage.saves_import.hostile_json import BadSave, parse
from dungeonfighter.storage.saves_import.ledger import Entry, Ledger, child_path
from tests.unit.house.sources import ROOT
from tests.unit.storage.save_samples import VINTAGES, Json, encoded, new_item, old_item, sample

RULES: Final = load_rules()
ITEM: Final = re.compile(
    r"(?:characterJson\.)?(?:inventory\[\d+\]|weapon|head|body|legs|feet)", re.IGNORECASE
)
REAL: Final = Path(os.environ.get("ORIGINAL_SAVES", ROOT.parent / "shared" / "data" / "saves"))
"""The folder of real saves of the original game, which are no part of this repository."""


def imported(save: Any, *, is_tombstone: bool = False, seed: int = 7) -> MappedHero:
    return map_hero(RULES, parse(encoded(save)), seed, is_tombstone=is_tombstone)


def entry(entries: list[Entry], path: str) -> Entry:
    (found,) = (each for each in entries if each.path == path)
    return found


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each value of a file that is no object and no array, and of each empty one."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(each, child_path(path, key))
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from leaves(each, f"{path}[{place}]")
    else:
        yield path


def uncovered(save: Json, ledger: Ledger) -> list[str]:
    """Return the leaves without an entry of their own or of a part around them; an item is no such part."""
    moved = {each.path for each in ledger.repaired if ITEM.fullmatch(each.path)}
    covering = {each.path for each in (*ledger.kept, *ledger.repaired, *ledger.dropped)} - moved
    covering |= set(ledger.empty)
    content = save
    if isinstance(save.get("characterJson"), str):
        content = save | {"characterJson": json.loads(save["characterJson"])}
    return [
        path
        for path in leaves(content)
        if path not in covering and not any(path.startswith((f"{each}.", f"{each}[")) for each in covering)
    ]


def play(rules: Rules, state: State, seed: int, inputs: int = 300) -> None:
    """Play legal inputs; every state is one that the rules accept."""
    choice = random.Random(seed)
    for _ in range(inputs):
        state = rules.decode(rules.encode(state))
        legal = [each.input for each in rules.legal_inputs(state)]
        if state.over:
            assert legal == []
            return
        assert "1" in legal
        rules.text(state, "e1")
        rules.observe(state)
        state = rules.apply(state, choice.choice(legal)).state


@pytest.mark.parametrize("vintage", VINTAGES)
def test_a_hero_of_each_vintage_is_recognised_and_accounted_for(vintage: str) -> None:
    save = sample(vintage)
    mapped = imported(save)
    assert mapped.vintage == vintage
    assert mapped.name == "Tamsin Reed"
    assert not mapped.is_dead
    assert uncovered(save, mapped.ledger) == []
    hero = mapped.state.hero
    assert (hero.name, hero.level, list(hero.stats)) == ("Tamsin Reed", 6, [8, 18, 8, 8])
    assert list(hero.class_points) == [0, 5, 0, 0]
    assert mapped.state.phase == Phase.GameLoop
    assert RULES.score(mapped.state) == 0


@pytest.mark.parametrize("vintage", VINTAGES)
@pytest.mark.parametrize("seed", range(3))
def test_a_hero_of_each_vintage_plays_on(vintage: str, seed: int) -> None:
    play(RULES, imported(sample(vintage), seed=seed).state, seed)


@pytest.mark.parametrize("vintage", VINTAGES)
def test_equal_files_make_equal_runs(vintage: str) -> None:
    one, other = imported(sample(vintage)), imported(sample(vintage))
    assert RULES.encode(one.state) == RULES.encode(other.state)


def test_experience_of_another_era_ends_before_the_next_level() -> None:
    mapped = imported(sample("v1"))
    assert mapped.state.hero.xp == 1499
    found = entry(mapped.ledger.repaired, "XP")
    assert (found.was, found.now) == (4316, 1499)


def test_a_hero_has_the_consumables_and_the_clock_of_a_new_run() -> None:
    mapped = imported(sample("v6"))
    new = RULES.new_game(GameOptions(seed=1, weapon=0))
    assert mapped.state.hero.consumables == new.hero.consumables
    assert entry(mapped.ledger.added, "consumables").now == "2 Potion, 1 Bomb, 1 Ration"
    allowance = tables.STALE_BASE + tables.STALE_ROOM * tables.rooms_of(mapped.state.world.frontier)
    assert world.allowance_left(mapped.state) == allowance
    assert mapped.state.world.potions_left == new.world.potions_left


def test_health_of_another_era_keeps_its_share() -> None:
    mapped = imported(sample("v2"))
    most = mapped.state.hero.figures.health_max
    assert mapped.state.hero.health == most * 45 // 60
    assert entry(mapped.ledger.repaired, "maxHealth").now == most
    assert entry(mapped.ledger.repaired, "currentHealth").was == 45


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"isDead": True}, ""),
        ({"currentHealth": 0, "isDead": None}, ""),
        ({"currentHealth": -3}, "gone"),
        ({}, "dead"),
    ],
)
def test_a_dead_hero_is_a_finished_run(changes: Json, name: str) -> None:
    save = sample("v6") | changes
    if name == "gone":
        del save["isDead"]
    mapped = imported(save, is_tombstone=name == "dead")
    state = RULES.decode(RULES.encode(mapped.state))
    assert mapped.is_dead
    assert (state.over, state.ending, state.phase, state.hero.health) == (True, Ending.died, Phase.Death, 0)
    assert RULES.legal_inputs(state) == ()
    RULES.text(state, "e1")
    RULES.observe(state)


def test_a_hero_that_lives_by_its_flag_lives_without_health() -> None:
    mapped = imported(sample("v6") | {"currentHealth": 0})
    assert not mapped.is_dead
    assert mapped.state.hero.health == 1
    assert entry(mapped.ledger.repaired, "currentHealth").now == 1


@pytest.mark.parametrize(
    ("weapon", "kind"),
    [
        (old_item("weapon", "Mace"), Weapon.mace),
        (old_item("weapon", "Rusty Longsword of the Hammer"), Weapon.sword),
        (old_item("weapon", "Splinter"), Weapon.sword),  # the hero's class points
        (new_item("weapon", "Branch", weaponType=2), Weapon.mace),
        (new_item("weapon", "Branch", weaponType=9), Weapon.sword),
        (new_item("weapon", "Thing", weaponType="Wand"), Weapon.wand),
    ],
)
def test_the_class_is_that_of_the_weapon_in_hand(weapon: Json, kind: Weapon) -> None:
    mapped = imported(sample("v2") | {"weapon": weapon})
    assert mapped.state.hero.kind == kind
    held = mapped.state.hero.worn[Slot.weapon]
    assert held is not None
    assert RULES.catalogue.item_weapon[held.base] == kind


def test_a_clone_without_its_weapon_gets_the_first_one_of_its_class() -> None:
    mapped = imported(sample("v6") | {"weapon": None, "head": None, "body": None, "feet": None})
    held = mapped.state.hero.worn[Slot.weapon]
    assert mapped.state.hero.kind == Weapon.sword
    assert held is not None
    assert RULES.catalogue.items[held.base].tier == 1
    play(RULES, mapped.state, 1)


def test_a_hero_without_weapon_and_points_chooses_its_class_first() -> None:
    save = sample("v6") | {"weapon": None, "warriorPoints": 0, "pendingPreWeaponTrainingGround": True}
    mapped = imported(save)
    assert mapped.state.phase == Phase.WeaponSelection
    after = RULES.apply(mapped.state, "1").state
    assert (after.phase, after.hero.level, after.hero.health) == (
        Phase.GameLoop,
        6,
        after.hero.figures.health_max,
    )
    assert len(after.hero.bag) == len(mapped.state.hero.bag)
    play(RULES, mapped.state, 2)


def test_a_full_bag_turns_further_items_into_gold() -> None:
    save = sample("v2")
    save["inventory"] = [old_item("feet", f"Boots {number}") for number in range(23)]
    mapped = imported(save)
    assert len(mapped.state.hero.bag) == limits.bag_items_max
    assert mapped.state.hero.gold > 40
    assert str(entry(mapped.ledger.repaired, "inventory[22]").now).endswith(" gold")
    assert uncovered(save, mapped.ledger) == []


def test_an_item_worn_at_another_place_lies_in_the_bag() -> None:
    mapped = imported(sample("v2") | {"head": old_item("feet", "Boots")})
    assert mapped.state.hero.worn[Slot.head] is None
    assert entry(mapped.ledger.repaired, "head").now == "in the bag"


def test_the_region_of_a_file_waits_for_its_boss() -> None:
    mapped = imported(sample("v6"))
    assert mapped.state.world.region == 0
    assert entry(mapped.ledger.repaired, "currentRegionId").now == "forest"
    assert imported(sample("v6") | {"currentRegionId": "forest"}).ledger.repaired != mapped.ledger.repaired


def test_levels_below_the_hero_are_cleared_without_points() -> None:
    world = imported(sample("v2") | {"level": 40}).state.world
    assert (world.frontier, world.first_clears, world.bosses) == (31, 0, 0)


def test_the_strip_of_a_lab_file_is_kept_as_far_as_the_hero_knows_it() -> None:
    save = sample("lab")
    hero = json.loads(save["characterJson"]) | {"roguePoints": 5, "warriorPoints": 0}
    mapped = imported(save | {"characterJson": json.dumps(hero)})
    actions = [RULES.catalogue.actions[number].name for number in mapped.state.hero.strip]
    assert actions[:2] == ["Stab", "Venom Nick"]
    assert entry(mapped.ledger.dropped, "comboStripActionNames[2]").was == "HAYMAKER"
    assert entry(mapped.ledger.dropped, "notes").was == "with three actions"


def test_unknown_fields_are_dropped_by_name() -> None:
    save = sample("v6") | {"mount": {"name": "Pony"}, "odd key": 3, "future": 0}
    save["weapon"]["runes"] = ["fire"]
    save["inventory"][-1]["statBonuses"][0]["glow"] = "blue"
    ledger = imported(save).ledger
    assert entry(ledger.dropped, "mount").was == '{"name": "Pony"}'
    assert entry(ledger.dropped, '["odd key"]').was == 3
    assert entry(ledger.dropped, "weapon.runes").was == '["fire"]'
    assert entry(ledger.dropped, "inventory[2].statBonuses[0].glow").was == "blue"
    assert "future" in ledger.empty


def test_of_a_repeated_key_the_last_value_counts_and_the_others_are_reported() -> None:
    raw = encoded(sample("v6"))[:-1] + b', "Level": 9, "LEVEL": 8}'
    mapped = map_hero(RULES, parse(raw), 7)
    assert mapped.state.hero.level == 8
    assert [(each.path, each.was) for each in mapped.ledger.dropped if each.path.lower() == "level"] == [
        ("level", 6),
        ("Level", 9),
    ]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0, 1),
        (-5, 1),
        (101, 100),
        (10**400, 100),
        (7.9, 7),
        ("12", 12),
        (None, 1),
        ([1], 1),
        (True, 1),
        ("high", 1),
    ],
)
def test_a_level_of_any_kind_is_repaired(value: Any, level: int) -> None:
    mapped = imported(sample("v6") | {"level": value})
    assert mapped.state.hero.level == level
    assert entry([*mapped.ledger.repaired, *mapped.ledger.kept], "level").now == level
    play(RULES, mapped.state, 3, 30)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("", "Hero"),
        ("  Ada \t Byron ", "Ada Byron"),
        ("Bartholomew Stormbringer Jr.", "Bartholomew Stormbringer"),
        ("\x00\u202e\ud800", "Hero"),
        ("名前", "名前"),
        ("a\nb", "a b"),
    ],
)
def test_a_name_becomes_a_legal_one(given: str, name: str) -> None:
    assert legal_name(given) == name


@pytest.mark.parametrize("content", [[], 3, {}, {"name": "a", "level": 3}, {"Actions": []}, {"player": 3}])
def test_json_without_a_hero_is_refused(content: Any) -> None:
    with pytest.raises(BadSave, match="no save"):
        imported(content)


@pytest.mark.parametrize("key", ["character", "Player", "saveData"])
def test_a_hero_inside_another_object_is_found(key: str) -> None:
    mapped = imported({key: sample("v6"), "extra": 1})
    assert mapped.state.hero.level == 6
    assert entry(mapped.ledger.dropped, "extra").was == 1


@pytest.mark.parametrize("path", sorted(REAL.glob("*.json")) or [None], ids=str)
def test_real_saves_are_accounted_for_and_play_on(path: Path | None) -> None:
    if path is None:
        pytest.skip(
            f"no real saves in ORIGINAL_SAVES or {REAL.relative_to(ROOT.parent)} beside the repository"
        )
    raw = path.read_bytes()
    mapped = map_hero(RULES, parse(raw), 7)
    assert uncovered(json.loads(raw), mapped.ledger) == []
    play(RULES, mapped.state, 4)
