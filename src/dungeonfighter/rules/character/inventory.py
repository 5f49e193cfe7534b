"""The inputs of the inventory: equip, unequip, drop, order the strip, trade five items for one.

Each function checks its arguments before it changes the state. It returns False, and leaves the state
unchanged, when the rules do not allow the action.

Source: docs/rules.md, "Inputs" and "Items".
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import learn
from dungeonfighter.rules.character.progress import gain_gold
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced, without
from dungeonfighter.rules.state import Slot, State

_WEAPON = int(Slot.weapon)

_MYTHIC = len(loot.RARITIES) - 1


def equip(cat: Catalogue, state: State, number: int) -> bool:
    """Equip item `number` of the bag (from 1); the item worn before takes its place in the bag."""
    hero = state.hero
    if not 1 <= number <= len(hero.bag):
        return False
    item = hero.bag[number - 1]
    slot = cat.item_slot[item.base]
    worn = hero.worn[slot]
    bag = hero.bag
    hero.bag = without(bag, number - 1) if worn is None else replaced(bag, number - 1, worn)
    hero.worn = replaced(hero.worn, slot, item)
    if slot == _WEAPON:
        hero.kind = cat.item_weapon[item.base]
    learn(cat, hero)
    state.log.append([Event.Equipped, item.base, item.level])
    return True


def unequip(cat: Catalogue, state: State, slot: int) -> bool:
    """Move the item worn in `slot` to the bag, if the bag has room. An unarmed hero keeps the class."""
    hero = state.hero
    item = hero.worn[slot]
    if item is None or len(hero.bag) >= limits.bag_items_max:
        return False
    hero.worn = replaced(hero.worn, slot, None)
    hero.bag = [*hero.bag, item]
    learn(cat, hero)
    state.log.append([Event.Unequipped, item.base])
    return True


def drop(cat: Catalogue, state: State, number: int) -> bool:
    """Exchange item `number` of the bag (from 1) for its scrap value in gold."""
    hero = state.hero
    if not 1 <= number <= len(hero.bag):
        return False
    item = hero.bag[number - 1]
    hero.bag = without(hero.bag, number - 1)
    state.log.append([Event.Dropped, item.base, gain_gold(state, prices.scrap(item))])
    return True


def set_strip(cat: Catalogue, state: State, places: list[int]) -> bool:
    """Set the strip to the known actions at these places.

    Args:
        places: Places in `figures.known`, from 0: each at most once, at most as many as the strip has slots,
            and the basic action of the weapon among them.
    """
    hero = state.hero
    known = hero.figures.known
    if len(places) > hero.figures.slots or len(set(places)) != len(places):
        return False
    if not all(place < len(known) for place in places):
        return False
    strip = [known[place] for place in places]
    if cat.basic[hero.kind] not in strip:
        return False
    hero.strip = strip
    state.log.append([Event.StripSet, len(strip)])
    return True


def trade(cat: Catalogue, state: State, numbers: list[int]) -> bool:
    """Trade five items of one rarity below mythic for one item of the next rarity.

    Args:
        numbers: Five different numbers of the bag, from 1.
    """
    hero = state.hero
    if len(numbers) != loot.TRADE_ITEMS or len(set(numbers)) != loot.TRADE_ITEMS:
        return False
    if not all(1 <= number <= len(hero.bag) for number in numbers):
        return False
    given = [hero.bag[number - 1] for number in numbers]
    rarity = given[0].rarity
    if rarity >= _MYTHIC or any(item.rarity != rarity for item in given):
        return False
    made = loot.trade_up(cat, state.dice, given, hero.kind)
    hero.bag = [*(item for place, item in enumerate(hero.bag, 1) if place not in numbers), made]
    state.log.append([Event.TradedUp, made.base, made.rarity, made.level])
    return True
