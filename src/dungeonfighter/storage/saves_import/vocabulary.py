"""The words of the original's save files, and what each means in the present rules.

All keys are in lower case. A new word of a file that nobody has seen yet is one more row here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.state import Slot, Weapon

CONSUMABLE: Final = 5
"""The number of a consumable, beside those of `Slot`."""

TYPE_NUMBERS: Final = (
    int(Slot.head), int(Slot.feet), int(Slot.chest), int(Slot.weapon), int(Slot.legs), CONSUMABLE,
)  # fmt: skip
"""The slot by the number of the field `type`."""
TYPE_WORDS: Final = {
    "weapon": int(Slot.weapon), "head": int(Slot.head), "chest": int(Slot.chest), "body": int(Slot.chest),
    "legs": int(Slot.legs), "feet": int(Slot.feet), "consumable": CONSUMABLE, "potion": CONSUMABLE,
}  # fmt: skip
"""The slot by a word within `$itemType`, `$type` or the text of `type`."""
WORN: Final = {
    "weapon": int(Slot.weapon), "head": int(Slot.head), "body": int(Slot.chest), "chest": int(Slot.chest),
    "legs": int(Slot.legs), "feet": int(Slot.feet),
}  # fmt: skip
"""The slot by the field of the hero that holds the worn item."""

WEAPON_NUMBERS: Final = (int(Weapon.sword), int(Weapon.dagger), int(Weapon.mace), int(Weapon.wand))
"""The weapon kind by the number of the field `weaponType`."""
_KINDS: Final = {
    Weapon.mace: "mace club hammer maul log flail morningstar cudgel axe hatchet mallet bludgeon crusher",
    Weapon.sword: "sword blade branch edge sabre saber rapier scimitar katana falchion spear lance halberd",
    Weapon.dagger: "dagger knife twig fang claw peeler dirk stiletto shiv kris needle sickle sliver thorn",
    Weapon.wand: "wand stick staff rod scepter sceptre orb tome crook grimoire",
}
_PIECES: Final = {
    Slot.head: "helmet helm cap hat hood crown circlet mask veil coif headband tiara visor cowl",
    Slot.chest: "armor armour robe mail plate chestplate breastplate vest coat tunic cuirass surcoat jerkin "
    "hauberk cloak shirt",
    Slot.legs: "leggings legplates pants breeches greaves trousers wraps skirt kilt cuisses tassets",
    Slot.feet: "boots shoes sandals sabatons slippers treads sneakers bindings",
}
KIND_BY_WORD: Final = {word: int(kind) for kind, words in _KINDS.items() for word in words.split()}
"""The weapon kind by a word of a name; the starter weapons log, branch, twig and stick are among them."""
SLOT_BY_WORD: Final = {
    **{word: int(slot) for slot, words in _PIECES.items() for word in words.split()},
    **dict.fromkeys(KIND_BY_WORD, int(Slot.weapon)),
}
"""The slot by a word of a name."""

RARITIES: Final = {
    "common": 0, "uncommon": 1, "rare": 2, "epic": 3, "legendary": 4, "mythic": 5,
    "transcendent": 5, "artifact": 5, "unique": 5,
}  # fmt: skip
"""The rarity by its word; the original had a seventh for a while."""

ITEM_STATS: Final = (
    "baseStrength", "baseAgility", "baseTechnique", "baseIntelligence", "baseHit", "baseCombo", "baseCrit",
    "comboBonus", "bonusAttackSpeed", "catalogAttackSpeed",
)  # fmt: skip
"""The fields of an item that each raise a stat, like an affix; `STATS` has their meaning."""
STATS: Final = {
    alias: AFFIX_STATS.index(stat)
    for stat, aliases in {
        "str": "str strength basestrength equipmentstrength equipmentstr",
        "agi": "agi agility baseagility equipmentagility equipmentagi",
        "tec": "tec tech technique basetechnique equipmenttechnique equipmenttec",
        "int": "int intelligence baseintelligence equipmentintelligence equipmentint",
        "health": "health hp maxhealth maxhp healthbonus bonushealth vitality",
        "armour": "armor armour armorbonus bonusarmor defense defence",
        "damage": "damage basedamage damagebonus bonusdamage attackdamage weapondamage",
        "speed": "speed attackspeed speedmultiplier bonusattackspeed catalogattackspeed speedbonus speedmod",
        "hit": "hit basehit accuracy rollbonus hitbonus roll attackroll",
        "combo": "combo basecombo combobonus combothreshold",
        "crit": "crit basecrit critical critchance criticalchance critbonus criticalhit",
        "luck": "luck magicfind",
        "gold": "gold goldfind goldbonus",
    }.items()
    for alias in aliases.split()
}
"""Index into `AFFIX_STATS` by the name of a stat or of an effect, letters only."""
ALL_WORDS: Final = frozenset(("all", "allstats"))
ALL_STATS: Final = tuple(AFFIX_STATS.index(stat) for stat in ("str", "agi", "tec", "int"))
QUALITY: Final = "gearprimarystatmultiplier"
"""The effect of a modification that multiplies the damage or the armour of its item."""
DAMAGE_FACTOR: Final = "damagemultiplier"
"""The effect of a modification that multiplies the damage of a weapon."""
MULTIPLIERS: Final = frozenset(("speedmultiplier", "attackspeedmultiplier"))
"""Effects whose value is a factor; 1.2 is 20 % faster."""

FOOD_WORDS: Final = frozenset((
    "food", "bread", "apple", "berry", "berries", "meat", "ration", "rations", "cheese", "meal", "stew",
    "fish", "mushroom",
))  # fmt: skip
GOODS: Final = {
    "bomb": "bomb", "grenade": "bomb", "smoke": "smoke_vial", "oil": "armour_oil", "flash": "flash_powder",
    "tonic": "bark_tonic", "healing": "potion", "health": "potion", "heal": "potion",
}  # fmt: skip
"""The consumable of the catalogue, by its id, by a word of a name or kind."""

_FIGHT: Final = "it belongs to a fight, and a run is imported outside of fights"
_REQUIREMENT: Final = "items have no requirements in these rules"
_ACT: Final = "items have no triggers in these rules"
HERO_DROPS: Final = {
    "combostep": _FIGHT,
    "combobonus": "a bonus to combos comes from items in these rules",
    "tempcombobonus": _FIGHT,
    "tempcombobonusturns": _FIGHT,
    "damagereduction": "armour alone reduces damage in these rules",
    "pendingpreweapontrainingground": "there is no training ground in these rules",
}
ITEM_DROPS: Final = {
    "extraactionslots": "slots of the strip come from class points in these rules",
    "mingeneratedactionbonuses": "it guided the making of the item, which is made",
    "baseattackspeed": "the kind of weapon sets its speed in these rules",
    "armorstatuses": "armour has no statuses in these rules",
    "tags": "items have no tags in these rules",
    "triggerbundles": _ACT,
    "equipeffects": _ACT,
    "triggername": _ACT,
    "attributerequirements": _REQUIREMENT,
    "catalogattributerequirements": _REQUIREMENT,
    "weapontype": "it says nothing about a piece of armour",
    "isstarteritem": "starting items are like all others in these rules",
    "roomsearchconsumablekind": "the item is no consumable",
    "consumablehealamount": "the item is no consumable",
    "consumablepotionpotency": "the item is no consumable",
    "description": "the catalogue describes items in these rules",
    "basedamage": "it says nothing about a piece of armour",
    "rolleddamagebonus": "it says nothing about a piece of armour",
    "armor": "it says nothing about a weapon",
    "$id": "a reference of .NET's serializer",
    "$ref": "a reference of .NET's serializer; the thing stands at its other place",
}
LAB_DROPS: Final = {
    "displayname": "the hero has a name of its own",
    "createdutc": "a run has the time of its last turn",
    "notes": "a run has no notes",
}
PART_KEYS: Final = frozenset((
    "name", "description", "value", "rarity", "weight", "stattype", "itemrank", "mechanics", "requirements",
    "diceresult", "prefixcategory", "effect", "minvalue", "maxvalue", "rolledvalue", "statuseffects",
    "attributerequirements", "triggerwhen", "tags",
))  # fmt: skip
"""The fields of an affix, a modification or an action of an item, which the entry of the whole covers."""

_CHARS_MAX: Final = 200
"""The beginning of a text that can have a meaning; nobody reads megabytes for the name of a sword."""
_LETTERS: Final = re.compile(r"[^a-z]+")
_WORDS: Final = re.compile(r"[A-Za-z]+")


def letters(text: str) -> str:
    """Return the letters of a text in lower case, so that `MULTI-HIT` and `multiHit` are the same."""
    return _letters_of(text[:_CHARS_MAX])


@lru_cache(4096)
def _letters_of(text: str) -> str:
    return _LETTERS.sub("", text.lower())


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text[:_CHARS_MAX])]


def by_word(name: str, table: dict[str, int]) -> int | None:
    """Return the meaning of a name, by the last of its words that has one.

    The words before "of" come first: in "Staff of the Blade" that is the staff. A word may also be the end of
    a longer one, as in "Longsword".
    """
    kind, _, suffix = name[:_CHARS_MAX].lower().partition(" of ")
    for word in [*reversed(words(kind)), *reversed(words(suffix))]:
        found = table.get(word)
        if found is None and word.endswith("s"):
            found = table.get(word[:-1])
        if found is None:
            ends = (each for each in table if len(each) > 3 and word.endswith(each))
            found = next((table[each] for each in ends), None)
        if found is not None:
            return found
    return None
