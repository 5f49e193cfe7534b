"""The catalogue's tables of the bonuses of gear that count under a condition, and of unique items.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dungeonfighter.rules.bonuses import (
    KINDS,
    PERK,
    PERKS,
    RELIC,
    RELICS,
    SHARES,
    WHENS,
    When,
)
from dungeonfighter.rules.catalog.model import AFFIX_STATS, Affix, BaseItem, Content
from dungeonfighter.rules.state import Slot, Weapon
from dungeonfighter.rules.tables import LEVEL_MAX

Bonus = tuple[int, int]
"""A kind of bonus (`bonuses.KINDS`), and its condition, perk (a place in `PERKS`) or relic."""


def tables(content: Content) -> dict[str, Any]:
    """Return the fields of `Catalogue` that this module makes."""
    bonuses = bonuses_of(content)
    return {
        "prefixes": tuple(n for n, a in enumerate(content.affixes) if a.kind == "prefix"),
        "suffixes": tuple(n for n, a in enumerate(content.affixes) if a.kind == "suffix"),
        "affix_stat": affix_places(content, bonuses),
        "bonuses": bonuses,
        "item_bonuses": item_bonuses(content, bonuses),
        "relic_amounts": relic_amounts(content),
        "relic_items": relic_items(content),
        "unique_weapons": unique_weapons(content),
        "unique_armours": unique_armours(content),
        "shares": shares(content),
    }


def bonuses_of(content: Content) -> tuple[Bonus, ...]:
    """Return all bonuses that the content has, each once, in the order in which sums hold them."""
    found = [_of_affix(affix) for affix in content.affixes if affix.stat in KINDS]
    for item in content.items:
        found += [bonus for bonus, _ in _of_item(item)]
    return tuple(dict.fromkeys(found))


def affix_places(content: Content, bonuses: Sequence[Bonus]) -> tuple[int, ...]:
    """Return the place in `loot.affix_totals` by affix."""
    return tuple(
        AFFIX_STATS.index(affix.stat)
        if affix.stat in AFFIX_STATS
        else len(AFFIX_STATS) + bonuses.index(_of_affix(affix))
        for affix in content.affixes
    )


def item_bonuses(content: Content, bonuses: Sequence[Bonus]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return pairs of a place in `loot.affix_totals` and an amount by base item; none for ordinary items."""
    return tuple(
        tuple((len(AFFIX_STATS) + bonuses.index(bonus), amount) for bonus, amount in _of_item(item))
        for item in content.items
    )


def relic_amounts(content: Content) -> tuple[int, ...]:
    """Return the amount of each power by `bonuses.Relic`; 0 where no item has it."""
    amounts = {item.relic: item.amount for item in content.items if item.relic}
    return tuple(amounts.get(name, 0) for name in RELICS)


def relic_items(content: Content) -> tuple[int, ...]:
    """Return the item by `bonuses.Relic`, -1 where no item has it."""
    numbers = {item.relic: number for number, item in enumerate(content.items) if item.relic}
    return tuple(numbers.get(name, -1) for name in RELICS)


def uniques(content: Content, slot: Slot, weapon: str) -> tuple[int, ...]:
    return tuple(
        number
        for number, item in enumerate(content.items)
        if item.power and item.slot == slot.name and item.weapon == weapon
    )


def unique_weapons(content: Content) -> tuple[tuple[int, ...], ...]:
    return tuple(uniques(content, Slot.weapon, weapon.name) for weapon in Weapon)


def unique_armours(content: Content) -> tuple[tuple[int, ...], ...]:
    return tuple(uniques(content, slot, "") for slot in Slot)


def shares(content: Content) -> tuple[tuple[int, ...], ...]:
    """Return the part of fights in permille in which a condition holds, by the hero's level and condition.

    Those of enemies are the part of the ordinary enemies of the hero's region that are such.
    """
    return tuple(_shares(content, level) for level in range(LEVEL_MAX + 1))


def _shares(content: Content, level: int) -> tuple[int, ...]:
    fitting = [region for region in content.regions if region.last_level >= level]
    region = fitting[0] if fitting else content.regions[-1]
    met = [e for e in content.enemies if e.theme in region.themes and e.rank == "normal"]
    found = list(SHARES)
    for when, count in (
        (When.undead, sum(e.undead for e in met)),
        (When.knight, sum(e.archetype == "knight" for e in met)),
        (When.beast, sum(e.archetype == "beast" for e in met)),
        (When.beater, sum(bool(e.hero_class) for e in met) // 3),
    ):
        found[when] = 1000 * count // max(1, len(met))
    return tuple(found)


def _of_affix(affix: Affix) -> Bonus:
    kind = KINDS.index(affix.stat)
    return kind, list(PERKS).index(affix.perk) if kind == PERK else WHENS.index(affix.when)


def _of_item(item: BaseItem) -> list[tuple[Bonus, int]]:
    found: list[tuple[Bonus, int]] = []
    if item.relic:
        found.append(((RELIC, RELICS.index(item.relic)), 1))
    if item.stat:
        found.append(((KINDS.index(item.stat), WHENS.index(item.when)), item.bonus))
    return found
