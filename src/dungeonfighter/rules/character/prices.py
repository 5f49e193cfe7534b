"""Prices in gold. The talent `cheap_potions` lowers every price by the same factor.

Source: docs/rules.md, "Items" and "Dungeons".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import RARITY_MAX, Catalogue
from dungeonfighter.rules.state import Hero, Item, World
from dungeonfighter.rules.tables import LEVEL_MAX
from dungeonfighter.rules.talents import Perk

_CHEAP: Final = Perk.cheap_potions

ITEMS: Final = tuple(
    tuple((20 + 10 * level) * (2 + rarity) // 2 for rarity in range(RARITY_MAX + 1))
    for level in range(LEVEL_MAX + 1)
)
"""The full price of an item by level and rarity."""
REROLLS: Final = tuple(10 + 3 * level for level in range(LEVEL_MAX + 1))
"""The full price of a first reroll by the hero's level; each further reroll of a visit adds as much again.

`Catalogue.consumable_prices` has the full prices of consumables.
"""


def purse(hero: Hero) -> int:
    """Return the highest full price that the hero can pay.

    The menu of the hub compares full prices with this one number, twice a turn (counted). Computing the
    lowered price of every ware took twice as long.
    """
    cheap = hero.figures.perks[_CHEAP]
    return ((hero.gold + 1) * 1000 - 1) // cheap if cheap else hero.gold


def good(cat: Catalogue, hero: Hero, number: int) -> int:
    return _discounted(hero, cat.consumable_prices[number][hero.level])


def item(hero: Hero, thing: Item) -> int:
    return _discounted(hero, ITEMS[thing.level][thing.rarity])


def reroll(hero: Hero, world: World, *, chosen: bool = False) -> int:
    """Return the price of other wares, of a chosen slot or of any."""
    full = REROLLS[hero.level] * (1 + world.rerolls)
    return _discounted(hero, full * tables.WARES_CHOSEN if chosen else full)


def trade_up(hero: Hero, given: Sequence[Item]) -> int:
    """Return the price of a trade: half the price of one item of the mean level and the rarity given."""
    level = sum(thing.level for thing in given) // len(given)
    return _discounted(hero, ITEMS[level][given[0].rarity] * tables.TRADE_UP_PRICE // 1000)


def scrap(thing: Item) -> int:
    return ITEMS[thing.level][thing.rarity] // 6


def dropped(hero: Hero, thing: Item) -> int:
    """Return the gold that the hero gets for dropping an item: its scrap value with the bonus of the gear."""
    return scrap(thing) * hero.figures.gold // 1000


def treasure(level: int) -> int:
    return 20 + 10 * level


def treasure_gold(hero: Hero, level: int) -> int:
    """Return the gold of a treasure with the bonus of the gear."""
    return treasure(level) * hero.figures.gold // 1000


def _discounted(hero: Hero, full: int) -> int:
    cheap = hero.figures.perks[_CHEAP]
    return full * cheap // 1000 if cheap else full
