"""Items: rolling them, summing their affixes, and naming them.

Every draw comes from the `loot` stream, so loot never changes a fight. An item is immutable once made.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from dungeonfighter.rules import bonuses
from dungeonfighter.rules import dice as chance
from dungeonfighter.rules.catalog.catalogue import RARITY_BONUS, TIERS, Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.state import Dice, Hero, Item, Slot, Weapon
from dungeonfighter.rules.tables import LEVEL_MAX

_WEAPON = int(Slot.weapon)
_KINDS: Final = len(Weapon)
_COMMON_MAX: Final = 8
"""The most outputs that one common item takes: slot, rarity, tier, kind (2), base, value, prefix."""

RARITIES: Final = ("Common", "Uncommon", "Rare", "Epic", "Legendary", "Mythic")
_MYTHIC: Final = len(RARITIES) - 1
RARITY_WEIGHTS: Final = (620, 270, 85, 20, 4, 1)
_RARITY_SUM: Final = sum(RARITY_WEIGHTS)
_ROLL_MOST: Final = _RARITY_SUM - RARITY_WEIGHTS[-1] - RARITY_WEIGHTS[-2] - 1
"""The highest roll that a meter can bring about: no meter gives a legendary or mythic item."""
PREFIXES: Final = (1, 2, 3, 3, 3, 3)
SUFFIXES: Final = (0, 2, 3, 3, 3, 4)
GRANTED: Final = (0, 1, 2, 2, 2, 3)
TIER_TOPS: Final = (6, 13, 20, 27)
"""The last item level of each tier but the last; within one level of a border a third of the items is of the
neighbouring tier."""
ARMOUR_PER_LEVEL: Final = 150
OWN_KIND: Final = 7
"""Tenths of the weapons found that are of the hero's kind; the others are drawn from all four kinds."""
TRADE_ITEMS: Final = 5

STATS: Final = len(AFFIX_STATS)
"""The number of plain stats. In lists of sums the amounts of `Catalogue.bonuses` follow them."""
UNIQUE_RARITY: Final = 2
"""The least rarity of a unique item."""
SPEED: Final = AFFIX_STATS.index("speed")


def roll_item(
    cat: Catalogue,
    dice: Dice,
    level: int,
    *,
    steps: int = 0,
    kind: int = -1,
    slot: int | None = None,
    rarity: int | None = None,
    more: int = 0,
    unique: bool = False,
) -> Item:
    """Make one item.

    Args:
        level: Item level, clamped to 1 .. LEVEL_MAX; it sets the tier and adds to the value.
        steps: Rarity steps above the rolled rarity (elite 1, boss 2).
        kind: The hero's weapon kind, which weapons favour; -1 favours none.
        slot: One of `Slot`; None draws it: half are weapons, an eighth each kind of armour.
        rarity: The rarity of a trade; None rolls it.
        more: Permille by which the roll of the rarity is higher.
        unique: True for a unique item of the slot and weapon kind, if there is one.
    """
    level = clamp_level(level)
    outputs = chance.peek(dice.loot, _COMMON_MAX)
    if slot is None:
        drawn = next(outputs) * 8 >> 64
        slot = _WEAPON if drawn < 4 else drawn - 3
    if rarity is None:
        rarity = roll_rarity(outputs, more) + steps
        if rarity > _MYTHIC:
            rarity = _MYTHIC
    if unique and rarity < UNIQUE_RARITY:
        rarity = UNIQUE_RARITY
    tier = roll_tier(outputs, level)
    if slot == _WEAPON:
        kind = _weapon_kind(outputs, kind)
        pool, rare = cat.weapons[kind][tier - 1], cat.unique_weapons[kind]
    else:
        pool, rare = cat.armours[slot][tier - 1], cat.unique_armours[slot]
    chosen = rare if unique and rare else pool
    base = chosen[next(outputs) * len(chosen) >> 64]
    row = cat.items[base if chosen is pool else pool[0]]
    value = row.low + (next(outputs) * (row.high - row.low + 1) >> 64)
    value += level - 1 if slot == _WEAPON else level * ARMOUR_PER_LEVEL // 1000
    value = value * (1000 + RARITY_BONUS * rarity) // 1000
    if chosen is rare:
        value = max(1, value * cat.items[base].worth // 1000)
    affixes: list[int] = []
    actions: list[int] = []
    if not rarity and cat.prefixes:  # a common item has one prefix, and neither suffixes nor actions
        affixes.append(cat.prefixes[next(outputs) * len(cat.prefixes) >> 64])
    dice.loot = chance.advance_past(dice.loot, _COMMON_MAX, outputs)
    if rarity:
        most = PREFIXES[rarity] + SUFFIXES[rarity] + GRANTED[rarity]
        outputs = chance.peek(dice.loot, most)
        affixes += _pick(outputs, cat.prefixes, PREFIXES[rarity])
        affixes += _pick(outputs, cat.suffixes, SUFFIXES[rarity])
        actions = _pick(outputs, _grantable(cat, cat.item_weapon[base]), GRANTED[rarity])
        dice.loot = chance.advance_past(dice.loot, most, outputs)
    return Item(base, level, rarity, value, affixes, actions)


def starting_weapon(cat: Catalogue, kind: int) -> Item:
    base = cat.weapons[kind][0][0]
    row = cat.items[base]
    return Item(base=base, level=1, rarity=0, value=(row.low + row.high) // 2)


def trade_up(cat: Catalogue, dice: Dice, given: Sequence[Item], kind: int = -1) -> Item:
    """Roll one item of the next rarity for five items of one rarity.

    The level of the new item is the mean of the five levels. The new item is a weapon if at least three of
    the five are.
    """
    level = sum(item.level for item in given) // len(given)
    weapons = sum(cat.item_slot[item.base] == _WEAPON for item in given)
    slot = _WEAPON if weapons * 2 > len(given) else 1 + chance.loot(dice, 4)
    return roll_item(cat, dice, level, kind=kind, slot=slot, rarity=given[0].rarity + 1)


def reward_level(dungeon_level: int, hero_level: int) -> int:
    return clamp_level(2 * dungeon_level - hero_level)


def clamp_level(level: int) -> int:
    if level < 1:
        return 1
    return level if level < LEVEL_MAX else LEVEL_MAX


def roll_rarity(outputs: Iterator[int], more: int = 0) -> int:
    rolled = (next(outputs) * _RARITY_SUM >> 64) + more
    if more > 0 and rolled > _ROLL_MOST:
        rolled = max(_ROLL_MOST, rolled - more)
    return chance.weighted(RARITY_WEIGHTS, max(0, rolled))


def roll_tier(outputs: Iterator[int], level: int) -> int:
    """Return the tier (1 .. TIERS) of an item of this level; takes an output only next to a border."""
    neighbour = tier = 1 + bisect_left(TIER_TOPS, level)
    if tier < TIERS and level == TIER_TOPS[tier - 1]:
        neighbour = tier + 1
    elif tier > 1 and level == TIER_TOPS[tier - 2] + 1:
        neighbour = tier - 1
    if neighbour != tier and next(outputs) * 3 >> 64 == 0:
        return neighbour
    return tier


def affix_value(cat: Catalogue, affix: int, level: int, rarity: int) -> int:
    return cat.affix_worth[rarity][level][affix]


def totals(cat: Catalogue, item: Item) -> list[int]:
    """Return the amounts of an item's affixes in the order of `AFFIX_STATS`, then those of the bonuses.

    Armour may lower the speed.
    """
    sums = [0] * (STATS + len(cat.bonuses))
    add(cat, item, sums)
    return sums


def affix_totals(cat: Catalogue, hero: Hero) -> list[int]:
    """Return the `totals` of all worn items together."""
    sums = [0] * (STATS + len(cat.bonuses))
    for item in hero.worn:
        if item is not None:
            add(cat, item, sums)
    return sums


def worn_affixes(cat: Catalogue, hero: Hero) -> tuple[list[int], list[int]]:
    """Return the plain part of `affix_totals`, and the bonuses as pairs of place and amount, not yet added.

    Each change of equipment sums all items anew, so `add` is written out here. A hero has few of the many
    bonuses: to sum them in places of their own took a third of `hero.refresh` (counted).
    """
    sums = [0] * STATS
    pairs: list[int] = []
    powers = cat.item_bonuses
    stats, worths, slows = cat.affix_stat, cat.affix_worth, cat.item_slows
    for item in hero.worn:
        if item is not None:
            worth = worths[item.rarity][item.level]
            for number in item.affixes:
                place = stats[number]
                if place < STATS:
                    sums[place] += worth[number]
                else:
                    pairs += place, worth[number]
            base = item.base
            sums[SPEED] -= slows[base]
            for power in powers[base]:
                pairs += power
    return sums, pairs


def add(cat: Catalogue, item: Item, sums: list[int], sign: int = 1) -> None:
    """Add an item's affixes to `sums`; `sign` -1 subtracts them."""
    stats, worth = cat.affix_stat, cat.affix_worth[item.rarity][item.level]
    for number in item.affixes:
        sums[stats[number]] += sign * worth[number]
    sums[SPEED] -= sign * cat.item_slows[item.base]
    for place, amount in cat.item_bonuses[item.base]:
        sums[place] += sign * amount


def name(cat: Catalogue, item: Item) -> str:
    """Return the full name, for example "Sharp Oak Club of the Boar": first prefix, base, first suffix.

    A unique item has its own name alone.
    """
    if cat.items[item.base].power:
        return cat.items[item.base].name
    prefix = suffix = ""
    for number in item.affixes:
        before, behind = cat.affix_words[number]
        prefix = prefix or before
        suffix = suffix or behind
    return f"{prefix}{cat.items[item.base].name}{suffix}"


def affix_texts(cat: Catalogue, item: Item) -> list[str]:
    """Return one text per affix, for example "damage +3"; the power of a unique item comes first."""
    power = cat.items[item.base].power
    texts = [power] if power else []
    for number in item.affixes:
        amount = affix_value(cat, number, item.level, item.rarity)
        stat = cat.affixes[number].stat
        place = cat.affix_stat[number]
        if place >= STATS:
            texts.append(bonuses.words(*cat.bonuses[place - STATS], amount))
        elif stat in ("speed", "luck", "gold"):
            texts.append(f"{stat} +{amount / 10:g}%")
        else:
            texts.append(f"{stat.upper() if len(stat) == 3 else stat} +{amount}")
    return texts


def _weapon_kind(outputs: Iterator[int], kind: int) -> int:
    if kind >= 0 and next(outputs) * 10 >> 64 < OWN_KIND:
        return kind
    return next(outputs) * _KINDS >> 64


def _grantable(cat: Catalogue, kind: int) -> tuple[int, ...]:
    return cat.gear_actions[kind] if kind >= 0 else cat.any_actions


def _pick(outputs: Iterator[int], pool: tuple[int, ...], count: int) -> list[int]:
    """Draw `count` different members of the pool, or all if it has fewer; return them in the order drawn."""
    left = list(pool)
    size = len(left)
    if count > size:
        count = size
    return [left.pop(next(outputs) * many >> 64) for many in range(size, size - count, -1)]
