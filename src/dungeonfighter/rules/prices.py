"""What things cost, in gold; a talent lowers all prices alike.

Source: game.md sections 3 and 7; docs/rules.md, "Gold".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.state import Hero, Item, World
from dungeonfighter.rules.talents import Perk

# What is asked of a hero is lowered by the talent in each function itself: at the hub they are called twice a
# turn.
_CHEAP: Final = Perk.cheap_potions


def good(cat: Catalogue, hero: Hero, number: int) -> int:
    """One consumable, by the hero's level."""
    row = cat.consumables[number]
    price = row.price_base + row.price_per_level * hero.level
    return price * (hero.figures.perks[_CHEAP] or 1000) // 1000


def item(hero: Hero, thing: Item) -> int:
    price = (20 + 10 * thing.level) * (2 + thing.rarity) // 2
    return price * (hero.figures.perks[_CHEAP] or 1000) // 1000


def reroll(hero: Hero, world: World) -> int:
    """Other wares at the hub; each time dearer until the next visit."""
    price = (10 + 3 * hero.level) * (1 + world.rerolls)
    return price * (hero.figures.perks[_CHEAP] or 1000) // 1000


def scrap(thing: Item) -> int:
    """What an item that is dropped, or does not fit in the bag, leaves: a sixth of what it is worth."""
    return (20 + 10 * thing.level) * (2 + thing.rarity) // 2 // 6


def treasure(level: int) -> int:
    """Gold in a treasure room of this level."""
    return 20 + 10 * level
