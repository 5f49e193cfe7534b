"""The packaged content is complete and consistent; the loader refuses faulty content with all problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.catalogue import TIERS, identity_of
from dungeonfighter.rules.dice import weighted
from dungeonfighter.rules.state import Intent, RoomKind, Slot, Status, Weapon
from dungeonfighter.rules.tables import LEVEL_MAX
from dungeonfighter.rules.talents import KEYS

CAT = load_catalogue()
Rows = list[dict[str, Any]]
Change = Callable[[Rows], object]


def packaged(kind: str) -> Rows:
    return list(msgspec.to_builtins(getattr(CAT.content, kind)))


def problems_of(directory: Path, kind: str, change: Change) -> list[str]:
    """Return the problems of the content after `change` to the rows of one file."""
    rows = packaged(kind)
    change(rows)
    (directory / f"{kind}.json").write_text(json.dumps(rows))
    with pytest.raises(SettingsError) as caught:
        load_catalogue(directory)
    return list(caught.value.problems)


def test_the_row_of_the_potion_has_the_amount_that_a_hero_carries() -> None:
    assert CAT.consumables[CAT.consumable_at[5]].carried_max == tables.POTIONS_MAX


def test_every_region_has_a_boss_with_two_different_patterns() -> None:
    for boss in CAT.boss_of_region:
        assert CAT.enemies[boss].rank == "boss"
        assert CAT.enemy_pattern[boss]
        assert CAT.enemy_pattern_low[boss]
        assert CAT.enemy_pattern[boss] != CAT.enemy_pattern_low[boss]
        assert Intent.heavy in CAT.enemy_pattern[boss]


@pytest.mark.parametrize("theme", range(len(CAT.themes)), ids=[t.id for t in CAT.themes])
def test_each_level_of_a_theme_has_several_enemies_and_archetypes(theme: int) -> None:
    region = CAT.regions[CAT.region_of_theme[theme]]
    for level in range(region.first_level, region.last_level + 1):
        met = CAT.enemies_at[theme][level]
        assert len(met) >= 4, level
        assert len({CAT.enemy_archetype[enemy] for enemy in met}) >= 3, level


def test_every_theme_has_an_enemy_at_every_level() -> None:
    assert all(table[level] for table in CAT.enemies_at for level in range(LEVEL_MAX + 1))


def test_no_boss_is_an_ordinary_enemy() -> None:
    met = {enemy for table in CAT.enemies_at for enemies in table for enemy in enemies}
    assert all(CAT.enemies[enemy].rank == "normal" for enemy in met)


def test_the_first_region_has_no_undead_and_each_later_one_has() -> None:
    """Gear against the undead counts from the second region on, so it is no dead weight for most runs."""
    regions = {theme.id: theme.region for theme in CAT.themes}
    assert {regions[e.theme] for e in CAT.enemies if e.undead} == {"lava", "crypt"}


def test_each_class_learns_actions_from_point_1_to_20_and_starts_with_its_basic() -> None:
    for weapon in Weapon:
        learned = CAT.learned[weapon]
        assert learned[0] == (CAT.basic[weapon],)
        assert len(learned[1]) == 2
        assert len(learned[12]) >= 10
        assert set(learned[11]) < set(learned[12])


def test_the_content_inflicts_every_status() -> None:
    used = {effect.status for effects in CAT.action_effects for effect in effects}
    used |= set(CAT.enemy_status) | set(CAT.hazard_status) | set(CAT.consumable_status)
    assert used >= set(Status)


def test_every_perk_has_exactly_one_talent() -> None:
    assert sorted(t.key for t in CAT.talents) == sorted(KEYS)


def test_every_kind_and_tier_of_item_exists() -> None:
    assert all(CAT.weapons[weapon][tier] for weapon in Weapon for tier in range(TIERS))
    assert all(CAT.armours[slot][tier] for slot in list(Slot)[1:] for tier in range(TIERS))


def test_the_actions_have_every_property() -> None:
    rows = CAT.actions
    assert any(a.opener for a in rows)
    assert any(a.finisher for a in rows)
    assert {a.route for a in rows} == {"", "repeat", "first", "skip", "jump2"}
    assert any(a.pierce for a in rows)
    assert any(a.hits > 2 for a in rows)
    assert any(a.heal for a in rows)


def test_the_hint_at_a_door_states_the_tilt_of_the_room() -> None:
    words = {"hit": "to hit", "combo": "to combo", "crit": "critical", "hazard": "the room acts sooner"}
    for place in CAT.place_rows:
        if place.tilt:
            assert words[place.tilt] in place.hint, place.id
        else:
            assert not any(word in place.hint for word in words.values()), place.id
        if place.tilt in ("hit", "combo"):
            assert f"{place.tilt_amount:+d}" in place.hint, place.id


def test_the_text_of_an_action_names_its_property() -> None:
    for action in CAT.actions:
        assert action.text.startswith("Opener") == action.opener, action.id
        assert action.text.startswith("Finisher") == action.finisher, action.id
        assert action.text.startswith("Routed") == bool(action.route), action.id


def test_the_identity_depends_on_the_content_only(tmp_path: Path) -> None:
    rows = packaged("talents")
    (tmp_path / "talents.json").write_text(json.dumps(rows, indent=4))
    assert load_catalogue(tmp_path).identity == CAT.identity == identity_of(CAT.content)
    rows[0]["amount"] += 1
    (tmp_path / "talents.json").write_text(json.dumps(rows))
    assert load_catalogue(tmp_path).identity != CAT.identity


def test_tables_resolve_references_to_the_rows_they_name() -> None:
    number = next(n for n, e in enumerate(CAT.enemies) if e.id == "root_caller")
    assert CAT.archetypes[CAT.enemy_archetype[number]].id == "shaman"
    assert CAT.themes[CAT.enemy_theme[number]].id == "forest"
    assert CAT.enemy_class[number] == Weapon.wand
    assert CAT.enemy_status[number] == Status.slow
    assert all(CAT.places[t][k] for t in range(len(CAT.themes)) for k in RoomKind)


ROT = {"status": "rot", "amount": 1}
FAULTS: list[tuple[str, str, Change, str]] = [
    ("unknown reference", "enemies", lambda r: r[0].update(archetype="dragon"), "archetype 'dragon'"),
    ("unknown status", "actions", lambda r: r[1].update(effects=[ROT]), "status 'rot'"),
    ("unknown status of an enemy", "enemies", lambda r: r[0].update(status="rot"), "status 'rot'"),
    ("duplicate id", "talents", lambda r: r[1].update(id=r[0]["id"]), "same id as row 1"),
    ("duplicate row", "actions", lambda r: r.append(r[5] | {"id": "x", "name": "X"}), "figures as row 6"),
    ("duplicate name", "items", lambda r: r[1].update(name=r[0]["name"]), "same name as row 1"),
    ("long text", "talents", lambda r: r[0].update(text="x" * 99), "the budget is 80"),
    ("foreign signs", "talents", lambda r: r[0].update(text="caf\u00e9"), "plain printable"),
    ("unknown talent key", "talents", lambda r: r[0].update(key="flying"), "key 'flying'"),
    ("boss that is none", "regions", lambda r: r[0].update(boss="mud_boar"), "not an enemy of rank boss"),
    ("gap between regions", "regions", lambda r: r[1].update(first_level=12), "levels must go on from 11"),
    ("missing tier", "items", lambda r: r.__delitem__(slice(0, 2)), "no mace of tier 1"),
    ("missing place", "places", lambda r: r.__delitem__(slice(0, 3)), "no place of kind fight"),
    ("one hazard", "hazards", lambda r: r.__delitem__(0), "needs two hazards"),
    ("weights", "archetypes", lambda r: r[0].update(weights=[1, 2, 3, 4, 5, 6]), "sum to 100"),
    ("wrong type", "affixes", lambda r: r[0].update(base="much"), "affixes.json row 1"),
    ("unknown field", "affixes", lambda r: r[0].update(colour="red"), "affixes.json row 1"),
    ("unknown key", "ascensions", lambda r: r[0].update(key="luck"), "key must be of allowance"),
    ("easier factor", "ascensions", lambda r: r[1].update(amount=990), "only above 1000 it makes"),
    ("easier time", "ascensions", lambda r: r[5].update(amount=1000), "only from 1 to 999 it makes"),
    ("easier number", "ascensions", lambda r: r[0].update(amount=0), "only above 0 it makes"),
    ("eleven ascensions", "ascensions", lambda r: r.append(r[1] | {"id": "x", "name": "X", "amount": 1099}),
     "at most 10 rows"),
    ("unknown trade", "events", lambda r: r[0].update(gain=["luck", 1]), "cost and gain"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "change", "problem"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_faulty_content_is_refused_with_file_row_and_reason(
    tmp_path: Path, kind: str, change: Change, problem: str
) -> None:
    found = problems_of(tmp_path, kind, change)
    assert any(problem in text and f"{kind}.json" in text for text in found), found


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "enemies.json").write_text("[")
    rows = packaged("affixes")
    rows[0]["base"] = rows[3]["base"] = None
    (tmp_path / "affixes.json").write_text(json.dumps(rows))
    (tmp_path / "monsters.json").write_text("[]")
    with pytest.raises(SettingsError) as caught:
        load_catalogue(tmp_path)
    files = [text.split(":")[0] for text in caught.value.problems]
    assert files[0].startswith("monsters.json is no content file")
    assert files[1:] == ["enemies.json", "affixes.json row 1", "affixes.json row 4"]


def test_a_directory_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_catalogue(tmp_path / "nowhere")


def test_the_intents_are_drawn_by_the_weights_of_the_archetype() -> None:
    for enemy, archetype in enumerate(CAT.enemy_archetype):
        weights = CAT.archetypes[archetype].weights
        plain = [weighted(weights, drawn) for drawn in range(100)]
        habit = CAT.enemies[enemy].habit
        if habit in Intent.__members__:
            first = plain.index(Intent.normal)
            plain[first : first + tables.HABIT_DRAWS] = [Intent[habit]] * tables.HABIT_DRAWS
            assert plain.count(Intent.normal) == weights[Intent.normal] - tables.HABIT_DRAWS
        assert CAT.enemy_draws[enemy] == tuple(plain)
        assert CAT.enemy_heal_weight[enemy] == weights[Intent.heal]
        assert Intent.heal not in CAT.enemy_draws[enemy][: 100 - weights[Intent.heal]]


@pytest.mark.parametrize(("hero_class", "beats", "beaten_by"), [
    ("wand", Weapon.sword, Weapon.dagger),
    ("sword", Weapon.dagger, Weapon.wand),
    ("dagger", Weapon.wand, Weapon.sword),
    ("mace", -2, -2),
    ("", -2, -2),
])  # fmt: skip
def test_the_class_wheel_of_enemies(hero_class: str, beats: int, beaten_by: int) -> None:
    met = [number for number, row in enumerate(CAT.enemies) if row.hero_class == hero_class]
    assert all((CAT.enemy_beats[n], CAT.enemy_beaten_by[n]) == (beats, beaten_by) for n in met)


def test_the_worth_of_an_affix_follows_its_row() -> None:
    number = next(n for n, row in enumerate(CAT.affixes) if row.id == "sharp")
    row = CAT.affixes[number]
    for rarity in range(6):
        for level in (1, 50, LEVEL_MAX):
            worth = (row.base * 1000 + level * row.per_level_permille) * (100 + 8 * rarity) // 100_000
            assert CAT.affix_worth[rarity][level][number] == max(1, worth)
