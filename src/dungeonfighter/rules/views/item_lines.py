"""The lines of items: those found this turn, those of the bag, and those of which the hero takes one.

Source: docs/rules.md, "Items" and "Dungeons".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.character.hero import known_actions
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import choices
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Dungeon, Hero, Item, Phase, RoomKind, Slot, State
from dungeonfighter.rules.views import actions
from dungeonfighter.rules.views.classes import CLASSES, STATS
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.numerals import NUMERALS

_ELITE: Final = int(RoomKind.elite)
_WEAPON: Final = int(Slot.weapon)

_LATER: Final = frozenset((int(Phase.LevelUp), int(Phase.DungeonCompletion)))
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
    hero, phase, alone = state.hero, state.phase, found == 1
    return [
        f"New, bag {NUMERALS[place]}: {_found(cat, hero, item, comparison, phase, alone=alone)}"
        for place, item in enumerate(bag[first:], first + 1)
    ]


def _found(cat: Catalogue, hero: Hero, item: Item, comparison: Comparison, phase: int, *, alone: bool) -> str:
    """Return the words of a found item, with the figures of its actions if it came alone.

    Where the hero cannot wear it before another view compares it, the words are only how good it is.
    """
    if phase in _LATER:
        return f"{graded(cat, item)}, {overall(comparison.score(comparison.wearing(item)))}"
    if not alone:
        return bagged(cat, hero, item, comparison)
    if comparison.score(comparison.wearing(item)) < 0:
        return bagged(cat, hero, item, comparison)
    return worded(cat, item, comparison) + grants(cat, hero, item)


def found_now(state: State) -> int:
    return sum(event[0] in FOUND for event in state.log[state.turn_start :])


def grants(cat: Catalogue, hero: Hero, item: Item, *, briefly: bool = False) -> str:
    """Return the actions that wearing the item would add and take, those added with figures unless `briefly`.

    A change of class exchanges all actions of the class; the words name only those of items, and tell how
    many of the class there are.
    """
    slot = cat.item_slot[item.base]
    worn = hero.worn[slot]
    kind = cat.item_weapon[item.base] if slot == _WEAPON else hero.kind
    if kind == hero.kind and not item.actions and (worn is None or not worn.actions):
        return ""
    before = hero.figures.known
    after = known_actions(cat, kind, hero.class_points, replaced(hero.worn, slot, item))
    new = [
        cat.actions[action].name if briefly else actions.listed(cat, action)
        for action in item.actions
        if action in after and action not in before
    ]
    lost = [] if worn is None else [action for action in worn.actions if action in before]
    gone = [cat.actions[action].name for action in lost if action not in after]
    words = _class_words(cat, hero, kind) if kind != hero.kind else ""
    words += f"; grants {' and '.join(new)}" if new else ""
    return f"{words}; loses {' and '.join(gone)}" if gone else words


def _class_words(cat: Catalogue, hero: Hero, kind: int) -> str:
    """Return what a change of class exchanges: the stat that grows, and the actions that the class knows."""
    count = len(known_actions(cat, kind, hero.class_points, ()))
    have = len(known_actions(cat, hero.kind, hero.class_points, ()))
    return f"; {CLASSES[kind]}: {STATS[kind]} grows, {count} class action{'s'[: count > 1]} for {have}"


def bagged(cat: Catalogue, hero: Hero, item: Item, comparison: Comparison) -> str:
    """Return the line of an item; of one that weakens the hero only by how much, and its actions."""
    more = grants(cat, hero, item, briefly=True)
    score = comparison.score(comparison.wearing(item))
    if score >= 0:
        return worded(cat, item, comparison) + more
    return f"{graded(cat, item)}: {overall(score)}{more}"


def worded(cat: Catalogue, item: Item, comparison: Comparison) -> str:
    """Return for example "Sharp Iron Mace, Rare L7 weapon, +9 % overall: damage 31 -> 38"."""
    then = comparison.wearing(item)
    return f"{graded(cat, item)}, {overall(comparison.score(then))}: {comparison.words(then)}"


def graded(cat: Catalogue, item: Item) -> str:
    """Return the name of an item with its rarity, level and slot: "Sharp Iron Mace, Rare L7 weapon"."""
    slot = cat.items[item.base].slot
    return f"{loot.name(cat, item)}, {loot.RARITIES[item.rarity]} L{NUMERALS[item.level]} {slot}"


def briefly(cat: Catalogue, hero: Hero, item: Item, comparison: Comparison) -> str:
    """Return how good an item is, and its actions, without figures."""
    score = comparison.score(comparison.wearing(item))
    return f"{graded(cat, item)}, {overall(score)}{grants(cat, hero, item, briefly=True)}"


def overall(score: int) -> str:
    """Return the estimated change of fighting strength: "-12 % overall"."""
    if not score:
        return "as strong"
    percent = max(1, abs(score) // 10)
    return f"{'+' if score > 0 else '-'}{percent}% overall"


def ware(cat: Catalogue, hero: Hero, item: Item, price: int, comparison: Comparison) -> str:
    """Return the words of an item on sale with its price."""
    return f"buy for {price} gold {bagged(cat, hero, item, comparison)}"


def one_of(cat: Catalogue, state: State, dungeon: Dungeon, comparison: Comparison, number: int) -> str:
    """Return the words of one of the items of an elite or a treasure, with the way to it."""
    if not 1 <= number <= len(dungeon.stock):
        return ""
    hero = state.hero
    item = dungeon.stock[number - 1]
    words = bagged(cat, hero, item, comparison)
    if dungeon.kind == _ELITE:
        return words
    if number == 1:
        return f"take {words}"
    if number == 3:
        return f"fight for {words}"
    lost, spilt = choices.lock_costs(hero, dungeon.level)
    return f"lock {choices.lock_chance(hero)}% (else -{lost} hp, +{spilt} gold): {words}"
