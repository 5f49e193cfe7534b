"""Items of a save become items of the catalogue that the rules could have rolled."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules.character.loot import TIER_TOPS
from dungeonfighter.rules.state import Item, Slot, Weapon
from dungeonfighter.storage.saves_import.fields import Field
from dungeonfighter.storage.saves_import.hostile_json import parse
from dungeonfighter.storage.saves_import.items import Found, ItemReader
from dungeonfighter.storage.saves_import.ledger import Ledger
from dungeonfighter.storage.saves_import.vocabulary import CONSUMABLE
from tests.unit.rules.position import rules
from tests.unit.storage.save_samples import Json, encoded, modification, new_item, old_item, suffix

CAT = rules().catalogue


def read(item: Any, worn_at: int | None = None) -> tuple[Found | None, Ledger]:
    ledger = Ledger()
    reader = ItemReader(CAT, ledger, 5, int(Weapon.mace))
    return reader.read(Field("inventory[0]", parse(encoded(item)).content), worn_at), ledger


def made(item: Json) -> Item:
    found, _ = read(item)
    assert found is not None
    assert found.item is not None
    return found.item


def affixes(item: Item) -> list[str]:
    return [CAT.affixes[number].stat for number in item.affixes]


@pytest.mark.parametrize(
    ("item", "slot"),
    [
        ({"name": "x", "$itemType": "chest"}, Slot.chest),
        ({"name": "x", "$type": "RPGGame.FeetItem, Code"}, Slot.feet),
        ({"name": "x", "Type": 4}, Slot.legs),
        ({"name": "x", "type": "Head"}, Slot.head),
        ({"name": "x", "type": "3"}, Slot.weapon),
        ({"name": "Iron Chestplate of the Hat", "type": 77}, Slot.chest),
        ({"name": "Uncommon Steel Boots"}, Slot.feet),
        ({"name": "Warhammer"}, Slot.weapon),
        ({"name": "x", "$itemType": "legs", "type": 0}, Slot.legs),
        ({"name": "Red Potion", "type": 5, "consumableHealAmount": 3}, CONSUMABLE),
    ],
)
def test_the_slot_is_that_of_type_or_name(item: Json, slot: int) -> None:
    found, _ = read(item)
    assert found is not None
    assert found.slot == slot


@pytest.mark.parametrize("item", [None, {}, [], "sword", 3, {"name": "Mystery"}, {"tier": 2}])
def test_anything_else_is_no_item(item: Any) -> None:
    found, ledger = read(item)
    assert found is None
    assert [*ledger.empty, *(each.path for each in ledger.dropped)] == ["inventory[0]"]


def test_the_place_says_the_slot_of_an_item_without_type() -> None:
    found, _ = read({"name": "Mystery"}, int(Slot.legs))
    assert found is not None
    assert found.slot == Slot.legs


@pytest.mark.parametrize(
    ("changes", "rarity"),
    [
        ({"rarity": "Epic"}, 3),
        ({"rarity": "epic "}, 3),
        ({"rarity": "Transcendent"}, 5),
        ({"rarity": 2}, 2),
        ({"rarity": {"Name": "Rare", "Weight": 10}}, 2),
        ({"rarity": "Strange"}, 0),
        ({"rarity": None}, 0),
        ({"name": "Rare Boots"}, 2),
        ({"name": "Rare Boots", "rarity": "Legendary"}, 4),
    ],
)
def test_the_rarity_is_the_higher_of_field_and_name(changes: Json, rarity: int) -> None:
    assert made(old_item("feet", "Boots") | changes).rarity == rarity


@pytest.mark.parametrize("tier", range(1, 6))
def test_an_item_without_level_has_one_of_its_tier(tier: int) -> None:
    item = made(old_item("feet", "Boots", tier=tier))
    assert CAT.items[item.base].tier == tier
    assert ([0, *TIER_TOPS, 100][tier - 1]) < item.level <= [0, *TIER_TOPS, 100][tier]


@pytest.mark.parametrize(("damage", "value"), [(-10, 3), (0, 3), (4, 4), (10**9, 5), (10**30, 5)])
def test_damage_is_clamped_to_that_of_the_base_item(damage: int, value: int) -> None:
    item = made(new_item("weapon", "Rust Sword", level=1, baseDamage=damage, rolledDamageBonus=0))
    assert (CAT.items[item.base].name, item.value) == ("Rust Sword", value)


def test_the_base_item_is_the_one_with_the_closest_damage() -> None:
    names = {
        CAT.items[
            made(new_item("weapon", "x", weaponType=2, level=1, baseDamage=damage, rolledDamageBonus=0)).base
        ].name
        for damage in (3, 8)
    }
    assert names == {"Oak Club", "Knot Club"}


def test_a_quality_multiplies_the_damage() -> None:
    item = new_item("weapon", "Thing", weaponType=3, level=9, baseDamage=13, rolledDamageBonus=0)
    worse = made(item | {"modifications": [modification("Worn", "gearPrimaryStatMultiplier", 0.8)]})
    assert worse.value < made(item).value


def test_what_raises_stats_becomes_affixes() -> None:
    item = made(
        new_item(
            "head", "Hat", baseTechnique=5, catalogAttackSpeed=0.2,
            statBonuses=[suffix("of the Fox", "AGI", 3), suffix("of the Wolf", "AGI", 2),
                         suffix("of It", "gold", 9)],
            modifications=[modification("Enchanted", "MAGIC FIND", 1), modification("Steel", "STRENGTH", 2)],
        )
    )  # fmt: skip
    assert sorted(affixes(item)) == ["agi", "agi", "gold", "luck", "speed", "str", "tec"]
    assert len(set(item.affixes)) == len(item.affixes)


def test_an_item_has_no_more_affixes_than_the_best_ones() -> None:
    stats = ["STR", "AGI", "TEC", "INT", "Health", "Armor", "Damage", "Crit", "Combo", "MagicFind"]
    found, ledger = read(
        old_item("head", "Hat", statBonuses=[suffix(f"of {stat}", stat, 2) for stat in stats])
    )
    assert found is not None
    assert found.item is not None
    assert len(found.item.affixes) == 7
    assert [each.path for each in ledger.dropped] == [
        f"inventory[0].statBonuses[{place}]" for place in (7, 8, 9)
    ]


def test_an_affix_of_all_stats_is_one_of_each() -> None:
    item = made(old_item("head", "Hat", statBonuses=[suffix("of All", "ALL", 10)]))
    assert affixes(item) == ["str", "agi", "tec", "int"]


@pytest.mark.parametrize(
    ("change", "affix"),
    [
        ({}, ["str"]),
        ({"rolledValue": None}, ["str"]),
        ({"rolledValue": 0, "minValue": 0, "maxValue": 0, "description": "+1\u20132 STR"}, ["str"]),
        ({"rolledValue": 0, "minValue": 0, "maxValue": 0}, []),
        ({"rolledValue": float("inf"), "minValue": float("-inf")}, ["str"]),
        ({"rolledValue": 0, "minValue": float("-inf"), "maxValue": float("inf")}, []),
    ],
)
def test_the_amount_of_a_modification_is_rolled_or_between_its_bounds_or_spoken(
    change: Json, affix: list[str]
) -> None:
    item = made(old_item("head", "Hat", modifications=[modification("Bone", "equipmentStr", 2) | change]))
    assert affixes(item) == affix


@pytest.mark.parametrize(
    ("affix", "why"),
    [
        (suffix("of Rust", "STR", -2), "no affix of the catalogue lowers a stat"),
        (suffix("of Dust", "sneeze", 2), "no affix of the catalogue does the same"),
        ({"name": "of Nobody", "statType": "STR"}, "it has no number"),
        ("of Stone", "it is no object"),
    ],
)
def test_an_affix_that_the_catalogue_lacks_is_dropped(affix: Any, why: str) -> None:
    _, ledger = read(old_item("head", "Hat", statBonuses=[affix]))
    assert [each.why for each in ledger.dropped] == [why]


def test_an_affix_of_the_first_vintage_may_be_empty() -> None:
    found, ledger = read(
        old_item("head", "Hat", actionBonuses=[{"name": "", "description": "", "weight": 1}])
    )
    assert found is not None
    assert "inventory[0].actionBonuses[0]" in ledger.empty
    assert ledger.dropped == []


def test_actions_that_items_grant_are_kept_by_name() -> None:
    actions = [
        {"name": name} for name in ("FIRST BLOOD", "War Cry", "first blood", "SLAM", "Dance", "Leech", "Echo")
    ]
    found, ledger = read(old_item("head", "Hat", actionBonuses=actions))
    assert found is not None
    assert found.item is not None
    assert [CAT.actions[number].name for number in found.item.actions] == ["First Blood", "War Cry", "Leech"]
    assert [each.why for each in ledger.dropped] == [
        "the item grants it already",
        "no item grants this action; a class teaches it",
        "the catalogue has no action of this name",
        "an item grants at most 3 actions",
    ]


@pytest.mark.parametrize(
    ("name", "more", "good"),
    [
        ("Apple", {"consumableHealAmount": 3}, "Ration"),
        ("Healing Potion", {}, "Potion"),
        ("Strange Potion", {"consumableHealAmount": 10}, "Potion"),
        ("Smoke Bomb", {}, "Smoke Vial"),
        ("x", {"roomSearchConsumableKind": "FoodHeal", "consumableHealAmount": 5}, "Ration"),
    ],
)
def test_a_consumable_becomes_one_of_the_same_effect(name: str, more: Json, good: str) -> None:
    found, _ = read({"name": name, "type": 5} | more)
    assert found is not None
    assert CAT.consumables[found.good].name == good


def test_a_consumable_without_counterpart_is_dropped() -> None:
    found, ledger = read({"name": "Potion of Agility", "type": 5, "consumablePotionPotency": 25})
    assert found is None
    assert "inventory[0]" in [each.path for each in ledger.dropped]
