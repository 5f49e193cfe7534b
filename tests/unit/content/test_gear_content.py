"""Items, affixes, consumables and actions: as many as promised, with powers and conditions of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.rules.bonuses import KINDS, PERK, RELICS, SHARES, WHENS, WORDS, When
from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.state import Item, Slot, Weapon

CAT = load_catalogue()
CONDITIONAL = KINDS[:PERK]
REACHED = 13
"""Class points of a hero of level 14, which good players reach."""


def test_there_are_as_many_as_promised() -> None:
    assert len(CAT.items) >= 100
    assert sum(bool(item.power) for item in CAT.items) >= 20
    assert len(CAT.affixes) >= 60
    assert sum(affix.stat in CONDITIONAL for affix in CAT.affixes) >= 20
    assert len(CAT.consumables) >= 20
    assert len(CAT.actions) >= 60


def test_every_action_is_within_reach_of_a_hero_of_level_14() -> None:
    assert max(row.points for row in CAT.actions) <= REACHED
    for weapon in Weapon:
        assert len(CAT.learned[weapon][REACHED]) == len(CAT.learned[weapon][-1])


def test_every_slot_and_weapon_kind_has_unique_items_with_powers_of_their_own() -> None:
    assert all(len(CAT.unique_weapons[weapon]) >= 2 for weapon in Weapon)
    assert all(len(CAT.unique_armours[slot]) >= 3 for slot in list(Slot)[1:])
    powers = [(row.relic, row.stat, row.when) for row in CAT.items if row.power]
    assert len(set(powers)) == len(powers)
    assert {row.relic for row in CAT.items if row.relic} == set(RELICS)


def test_a_unique_item_is_no_ordinary_item() -> None:
    ordinary = {n for tiers in (*CAT.weapons, *CAT.armours) for tier in tiers for n in tier}
    assert not any(CAT.items[number].power for number in ordinary)


def test_every_condition_is_used_and_has_words_and_a_share() -> None:
    used = {row.when for row in CAT.affixes if row.when} | {row.when for row in CAT.items if row.when}
    assert used == set(WHENS)
    assert len(WORDS) == len(SHARES) == len(WHENS) == len(set(WORDS))
    shares = CAT.shares[25]
    assert all(share > 0 for share in shares)
    assert CAT.shares[1][When.undead] == 0, "no undead in the first region"


def test_affixes_name_their_bonus() -> None:
    texts = {
        loot.affix_texts(CAT, Item(base=0, level=9, rarity=0, value=1, affixes=[number]))[0]
        for number, row in enumerate(CAT.affixes)
        if row.stat not in AFFIX_STATS
    }
    assert "damage +20% to undead" in texts
    assert "damage taken -19% from beasts" in texts
    assert "rolls +3 after a miss" in texts
    assert len(texts) == sum(row.stat not in AFFIX_STATS for row in CAT.affixes)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("kind", "row", "change", "problem"),
    [
        ("affixes", "hallowed", {"when": "unwell"}, "when must be of always, undead"),
        ("affixes", "sharp", {"when": "undead"}, "when must be of"),
        ("affixes", "sharp", {"stat": "wit"}, "stat must be of str, agi"),
        ("affixes", "barbed", {"perk": "executioner"}, "perk must be of precise_combo"),
        ("items", "oak_club", {"relic": "coil"}, "only a unique item"),
        ("items", "red_lens", {"relic": "blue_lens"}, "relic 'blue_lens' is not one of spite"),
        ("items", "red_lens", {"when": "often"}, "stat must be of deals, takes, roll"),
        ("items", "anvil_song", {"stat": ""}, "needs a relic or a stat"),
        ("items", "anvil_song", {"worth": 90}, "worth must be 500 to 1500"),
        ("items", "anvil_song", {"power": "x" * 65}, "at most 64 characters"),
        ("consumables", "potion", {"effect": "luck"}, "has no input of its own"),
        ("consumables", "web_jar", {"status": ""}, "as effect status needs it"),
        ("consumables", "web_jar", {"length": 2000}, "length must be 0 to 1000"),
    ],
)
def test_faulty_rows_are_refused_with_file_row_and_reason(
    tmp_path: Path, kind: str, row: str, change: dict[str, Any], problem: str
) -> None:
    rows = list(msgspec.to_builtins(getattr(CAT.content, kind)))
    faulty = next(each for each in rows if each["id"] == row)
    faulty |= change
    (tmp_path / f"{kind}.json").write_text(json.dumps(rows))
    with pytest.raises(SettingsError) as caught:
        load_catalogue(tmp_path)
    named = [text for text in caught.value.problems if text.startswith(f"{kind}.json row") and row in text]
    assert any(problem in text for text in named), caught.value.problems
