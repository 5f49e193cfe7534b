"""What things cost, in gold; a talent lowers all prices alike.

Source: game.md sections 3 and 7; docs/rules.md, "Gold".
"""

from __future__ import annotations

from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.state import Hero, Item, World
from dungeonfighter.rules.talents import Perk


def good(cat: Catalogue, hero: Hero, number: int) -> int:
    """One consumable, by the hero's level."""
    row = cat.consumables[number]
    return _for(hero, row.price_base + row.price_per_level * hero.level)


def item(hero: Hero, thing: Item) -> int:
    return _for(hero, worth(thing))


def reroll(hero: Hero, world: World) -> int:
    """Other wares at the hub; each time dearer until the next visit."""
    return _for(hero, (10 + 3 * hero.level) * (1 + world.rerolls))


def worth(thing: Item) -> int:
    return (20 + 10 * thing.level) * (2 + thing.rarity) // 2


def scrap(thing: Item) -> int:
    """What an item that is dropped, or does not fit in the bag, leaves."""
    return worth(thing) // 6


def treasure(level: int) -> int:
    """Gold in a treasure room of this level."""
    return 20 + 10 * level


def _for(hero: Hero, price: int) -> int:
    return price * (hero.figures.perks[Perk.cheap_potions] or 1000) // 1000
