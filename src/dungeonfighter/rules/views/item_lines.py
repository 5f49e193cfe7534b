"""The lines of items: those found this turn, those of the bag, and those of which the hero takes one.

Source: docs/rules.md, "Items" and "Dungeons".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.character.hero import known_actions
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Dungeon, Hero, Item, RoomKind, Slot, State
from dungeonfighter.rules.views import actions
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.numerals import NUMERALS

_ELITE: Final = int(RoomKind.elite)
_WEAPON: Final = int(Slot.weapon)

FOUND: Final = frozenset((Event.ItemFound, Event.ItemBought, Event.TradedUp))
"""The events that put an item at the end of the bag."""


def found_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    """Return a line for each item that came into the bag this turn, with the changes by wearing it.

    These lines stand in place of the sentences of `FOUND`, except that a purchase also has its price.
    """
    found = 0
    for event in state.log[state.turn_start :]:
        if event[0] in FOUND:
            found += 1
    if not found:
        return []
    bag = state.hero.bag
    first = len(bag) - found if len(bag) > found else 0
    return [
        f"New, bag {NUMERALS[place]}: {_found(cat, state.hero, item, comparison, alone=found == 1)}"
        for place, item in enumerate(bag[first:], first + 1)
    ]


def _found(cat: Catalogue, hero: Hero, item: Item, comparison: Comparison, *, alone: bool) -> str:
    """Return the words of a found item; of several, one that weakens the hero has no figures."""
    if not alone:
        return bagged(cat, hero, item, comparison)
    return worded(cat, item, comparison) + (grants(cat, hero, item) if item.actions else "")


def found_now(state: State) -> int:
    return sum(event[0] in FOUND for event in state.log[state.turn_start :])


def grants(cat: Catalogue, hero: Hero, item: Item, *, briefly: bool = False) -> str:
    """Return the actions that wearing the item would add and take, those added with figures unless `briefly`.

    A change of class exchanges all actions of the class; the words name only those of items.
    """
    slot = cat.item_slot[item.base]
    worn = hero.worn[slot]
    if not item.actions and (worn is None or not worn.actions):
        return ""
    kind = cat.item_weapon[item.base] if slot == _WEAPON else hero.kind
    before = hero.figures.known
    after = known_actions(cat, kind, hero.class_points, replaced(hero.worn, slot, item))
    new = [
        cat.actions[action].name if briefly else actions.listed(cat, action)
        for action in item.actions
        if action in after and action not in before
    ]
    lost = [] if worn is None else [action for action in worn.actions if action in before]
    gone = [cat.actions[action].name for action in lost if action not in after]
    words = f"; grants {' and '.join(new)}" if new else ""
    return f"{words}; loses {' and '.join(gone)}" if gone else words


def bagged(cat: Catalogue, hero: Hero, item: Item, comparison: Comparison) -> str:
    """Return the line of a bag item; one that weakens the hero has no figures."""
    more = grants(cat, hero, item, briefly=True)
    if comparison.score(comparison.wearing(item)) >= 0:
        return worded(cat, item, comparison) + more
    return f"{loot.name(cat, item)}, {loot.RARITIES[item.rarity]} L{NUMERALS[item.level]}: worse{more}"


def worded(cat: Catalogue, item: Item, comparison: Comparison) -> str:
    """Return for example "Sharp Iron Mace, Rare L7: damage 31 -> 38"."""
    rarity = loot.RARITIES[item.rarity]
    return f"{loot.name(cat, item)}, {rarity} L{NUMERALS[item.level]}: {comparison.text(item)}"


def one_of(cat: Catalogue, state: State, dungeon: Dungeon, comparison: Comparison, number: int) -> str:
    """Return the words of one of the items of an elite or a treasure, with the way to it."""
    if not 1 <= number <= len(dungeon.stock):
        return ""
    hero = state.hero
    item = dungeon.stock[number - 1]
    words = bagged(cat, hero, item, comparison)
    if dungeon.kind == _ELITE or number == 1:
        return words
    if number == 3:
        return f"fight for {words}"
    lost = hero.figures.health_max * tables.LOCK_COSTS // 1000
    roll = f"d20 +{hero.stats[2] // 4} at least {tables.LOCK_OPENS}, else -{lost} hp"
    return f"lock ({roll}): {words}"
