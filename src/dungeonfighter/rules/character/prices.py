"""What things cost, in gold; a talent lowers all prices alike.

Source: game.md sections 3 and 7; docs/rules.md, "Gold".
"""

from __future__ import annotations

from typing import Final

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
"""The full price of other wares by the hero's level; so much more each time, until the next visit.

That of a consumable is in `Catalogue.consumable_prices`.
"""


def purse(hero: Hero) -> int:
    """The highest full price the hero can pay. To ask what all things at the hub cost took twice as long, and
    it is done twice a turn (counted).
    """
    cheap = hero.figures.perks[_CHEAP]
    return ((hero.gold + 1) * 1000 - 1) // cheap if cheap else hero.gold


def good(cat: Catalogue, hero: Hero, number: int) -> int:
    """One consumable, by the hero's level."""
    return _discounted(hero, cat.consumable_prices[number][hero.level])


def item(hero: Hero, thing: Item) -> int:
    return _discounted(hero, ITEMS[thing.level][thing.rarity])


def reroll(hero: Hero, world: World) -> int:
    """Other wares at the hub."""
    return _discounted(hero, REROLLS[hero.level] * (1 + world.rerolls))


def scrap(thing: Item) -> int:
    """What an item that is dropped, or does not fit in the bag, leaves: a sixth of what it is worth."""
    return ITEMS[thing.level][thing.rarity] // 6


def treasure(level: int) -> int:
    """Gold in a treasure room of this level."""
    return 20 + 10 * level


def _discounted(hero: Hero, full: int) -> int:
    cheap = hero.figures.perks[_CHEAP]
    return full * cheap // 1000 if cheap else full
