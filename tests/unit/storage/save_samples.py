"""Samples of the original game's saves, one for each vintage, written for these tests from its description.

Each vintage adds its fields to those of the one before.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Final

Json = dict[str, Any]

VINTAGES: Final = ("v1", "v2", "v3", "v4", "v5", "v6", "lab")
KINDS: Final = {"sword": 0, "dagger": 1, "mace": 2, "wand": 3}
TYPES: Final = {"head": 0, "feet": 1, "chest": 2, "weapon": 3, "legs": 4}


def old_item(slot: str, name: str, **more: Any) -> Json:
    """Return an item of the first vintages, without damage, armour and weapon kind."""
    item: Json = {
        "name": name, "type": TYPES[slot], "tier": 1, "comboBonus": 0, "rarity": "Common", "statBonuses": [],
        "actionBonuses": [], "modifications": [], "armorStatuses": [], "bonusDamage": 0,
        "bonusAttackSpeed": 0, "gearAction": None, "isStarterItem": False,
    }  # fmt: skip
    return item | more


def new_item(slot: str, name: str, **more: Any) -> Json:
    """Return an item of v3 and later."""
    figures: Json = (
        {"baseDamage": 3, "rolledDamageBonus": 1, "baseAttackSpeed": 1.1, "weaponType": 0}
        if slot == "weapon"
        else {"armor": 3, "weaponType": 0}
    )
    bases = ("Strength", "Agility", "Technique", "Intelligence", "Hit", "Combo", "Crit")
    item = {"$itemType": slot} | figures | old_item(slot, name) | {f"base{base}": 0 for base in bases}
    return item | {
        "level": 2, "extraActionSlots": 0, "catalogAttackSpeed": 0, "minGeneratedActionBonuses": 0,
        "tags": [], "attributeRequirements": {}, "catalogAttributeRequirements": {},
    } | more  # fmt: skip


def suffix(name: str, stat: str, value: float, **more: Any) -> Json:
    return {"name": name, "description": f"+{value} {stat}", "value": value, "statType": stat} | more


def modification(name: str, effect: str, value: float) -> Json:
    return {
        "diceResult": 3, "itemRank": "Common", "name": name, "description": name, "effect": effect,
        "minValue": value, "maxValue": value, "rolledValue": value,
    }  # fmt: skip


def _v2() -> Json:
    return {
        "name": "Tamsin Reed", "level": 6, "xp": 79, "currentHealth": 45, "maxHealth": 60, "strength": 8,
        "agility": 18, "technique": 8, "intelligence": 8, "barbarianPoints": 0, "warriorPoints": 5,
        "roguePoints": 0, "wizardPoints": 0, "comboStep": 0, "comboBonus": 0, "tempComboBonus": 0,
        "tempComboBonusTurns": 0, "damageReduction": 0,
        "inventory": [
            old_item("feet", "Iron Boots", gearAction="First Blood"),
            old_item("weapon", "Iron Blade", bonusDamage=2),
            old_item(
                "chest", "Uncommon Lucky Iron Chestplate of Slaughter",
                statBonuses=[suffix("of Slaughter", "Damage", 15, weight=2)],
                modifications=[
                    modification("Lucky", "rollBonus", 3), modification("Dull", "speedMultiplier", 0.95),
                ],
            ),
            old_item("head", "Leather Helmet", actionBonuses=[{"name": "", "description": "", "weight": 0}]),
        ],
        "head": old_item("head", "Cloth Cap"), "body": old_item("chest", "Leather Armor"),
        "weapon": old_item("weapon", "Short Sword", tier=2), "feet": None,
    }  # fmt: skip


def _pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(each) for key, each in value.items()}
    return [_pascal(each) for each in value] if isinstance(value, list) else value


def _v3() -> Json:
    save = _v2()
    save["inventory"] = [
        new_item("weapon", "Branch", weaponType=2, baseDamage=4),
        new_item("legs", "Worn Wraps", armor=2, baseAgility=4),
    ]
    save |= {
        "head": new_item("head", "Bronze Hat", baseTechnique=2),
        "body": new_item("chest", "Surcoat", armor=8),
        "weapon": new_item("weapon", "Twig", weaponType=1), "feet": new_item("feet", "Bindings", armor=0),
        "isDead": False,
    }  # fmt: skip
    return save


def _v5() -> Json:
    save = _v3() | {"legs": new_item("legs", "Greaves"), "pendingPreWeaponTrainingGround": False}
    save["inventory"].append(
        new_item(
            "chest", "Stone Coat of Kin", rarity="Rare",
            statBonuses=[
                suffix("of Kin", "Health", 12, mechanics=[
                    {"statType": "Health", "value": 12}, {"statType": "STR", "value": 3},
                ], ItemRank="", Requirements=None),
            ],
            modifications=[modification("Worn", "gearPrimaryStatMultiplier", 0.9)],
        )
    )  # fmt: skip
    return save


def sample(vintage: str) -> Json:
    """Return a save of a living hero of this vintage."""
    return copy.deepcopy(_SAMPLES[vintage]())


def _v1() -> Json:
    save: Json = _pascal(_v2())
    save["XP"] = 4316
    del save["Xp"]
    return save


def _v4() -> Json:
    return _v3() | {"legs": new_item("legs", "Greaves")}


def _v6() -> Json:
    return _v5() | {"currentRegionId": "lava"}


def _lab() -> Json:
    return {
        "displayName": "Test snapshot", "createdUtc": "2026-07-14T12:00:00Z",
        "characterJson": json.dumps(_v5() | {"currentRegionId": "forest"}),
        "comboStripActionNames": ["STAB", "Venom Nick", "HAYMAKER"], "notes": "with three actions",
    }  # fmt: skip


_SAMPLES: Final[dict[str, Callable[[], Json]]] = {
    "v1": _v1, "v2": _v2, "v3": _v3, "v4": _v4, "v5": _v5, "v6": _v6, "lab": _lab,
}  # fmt: skip


def encoded(save: Any) -> bytes:
    """Return a save as the original writes it, indented and with escapes."""
    return json.dumps(save, indent=2).encode()


def big(number: int) -> bytes:
    """Return a save with five worn items and eleven in the bag, like most; the numbers differ."""
    save = sample("v6") | {"name": f"Hero {number}", "xp": number % 400}
    save["inventory"] = [
        new_item("weapon" if place % 2 else "feet", f"Thing {place}", level=1 + place, baseStrength=place % 3)
        for place in range(11)
    ]
    return encoded(save)
