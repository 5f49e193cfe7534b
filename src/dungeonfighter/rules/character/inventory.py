"""The inputs of the inventory: equip, unequip, drop, order the strip, trade five items for one.

Each function checks its arguments before it changes the state. It returns "" when it has changed the state,
else the reason why it did not.

Source: docs/rules.md, "Inputs" and "Items".
"""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter import limits
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import learn
from dungeonfighter.rules.character.progress import gain_gold
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced, without
from dungeonfighter.rules.state import Hero, Slot, State

_WEAPON = int(Slot.weapon)

_MYTHIC = len(loot.RARITIES) - 1


def equip(cat: Catalogue, state: State, number: int) -> str:
    """Equip item `number` of the bag (from 1); the item worn before takes its place in the bag."""
    hero = state.hero
    bag, all_worn = hero.bag, hero.worn
    if not 1 <= number <= len(bag):
        return _bag_numbers(hero)
    item = bag[number - 1]
    slot = cat.item_slot[item.base]
    worn = all_worn[slot]
    hero.bag = without(bag, number - 1) if worn is None else replaced(bag, number - 1, worn)
    hero.worn = replaced(all_worn, slot, item)
    before = hero.kind
    if slot == _WEAPON:
        hero.kind = cat.item_weapon[item.base]
    strip = hero.strip
    learn(cat, hero)
    state.log.append([Event.Equipped, item.base, item.level])
    if hero.strip is not strip and hero.kind == before:
        _tell_lost(state, strip)
    return ""


def unequip(cat: Catalogue, state: State, slot: int) -> str:
    """Move the item worn in `slot` to the bag, if the bag has room. An unarmed hero keeps the class."""
    hero = state.hero
    item = hero.worn[slot]
    if item is None:
        return "nothing is worn there"
    if len(hero.bag) >= limits.bag_items_max:
        return "the bag is full"
    hero.worn = replaced(hero.worn, slot, None)
    hero.bag = [*hero.bag, item]
    strip = hero.strip
    learn(cat, hero)
    state.log.append([Event.Unequipped, item.base])
    if hero.strip is not strip:
        _tell_lost(state, strip)
    return ""


def _tell_lost(state: State, strip: Sequence[int]) -> None:
    """Log the actions that are no longer in the strip, because the item that granted them is off."""
    now = state.hero.strip
    if now != strip:
        state.log.extend([Event.StripLost, action] for action in strip if action not in now)


def drop(cat: Catalogue, state: State, number: int) -> str:
    """Exchange item `number` of the bag (from 1) for its scrap value in gold."""
    hero = state.hero
    if not 1 <= number <= len(hero.bag):
        return _bag_numbers(hero)
    item = hero.bag[number - 1]
    hero.bag = without(hero.bag, number - 1)
    state.log.append([Event.Dropped, item.base, gain_gold(state, prices.scrap(item))])
    return ""


def set_strip(cat: Catalogue, state: State, places: list[int]) -> str:
    """Set the strip to the known actions at these places.

    Args:
        places: Places in `figures.known`, from 0: each at most once, at most as many as the strip has slots,
            and the basic action of the weapon among them.
    """
    hero = state.hero
    known = hero.figures.known
    slots = hero.figures.slots
    unknown = next((place for place in places if place >= len(known)), None)
    if unknown is not None:
        return f"{unknown} is no action: they have the numbers 0 to {len(known) - 1}"
    if double := _double(places):
        return double
    if len(places) > slots:
        return f"the strip has {slots} slot{'s'[: slots > 1]}, and these are {len(places)} actions"
    strip = [known[place] for place in places]
    basic = cat.basic[hero.kind]
    if basic not in strip:
        name = cat.actions[basic].name
        return f"{name} ({known.index(basic)}), the basic action of the weapon, must stay in the strip"
    hero.strip = strip
    state.log.append([Event.StripSet, len(strip)])
    return ""


def other_strip(hero: Hero) -> str:
    """Return an input that changes the strip, for example `strip 1,0`; "" if none can."""
    known, strip = hero.figures.known, hero.strip
    if len(strip) > 1:
        return _strip_input(hero, strip[::-1])
    if hero.figures.slots < 2:
        return ""
    another = next((action for action in known if action not in strip), None)
    return "" if another is None else _strip_input(hero, [*strip, another])


def _strip_input(hero: Hero, strip: Sequence[int]) -> str:
    return f"strip {','.join(str(hero.figures.known.index(action)) for action in strip)}"


def trade(cat: Catalogue, state: State, numbers: list[int]) -> str:
    """Trade five items of one rarity below mythic, and gold, for one item of the next rarity.

    Args:
        numbers: Five different numbers of the bag, from 1.
    """
    hero = state.hero
    if len(numbers) != loot.TRADE_ITEMS:
        return "it needs five bag numbers"
    if double := _double(numbers):
        return double
    if not all(1 <= number <= len(hero.bag) for number in numbers):
        return _bag_numbers(hero)
    given = [hero.bag[number - 1] for number in numbers]
    rarity = given[0].rarity
    if any(item.rarity != rarity for item in given):
        return "the five items must have one rarity"
    if rarity >= _MYTHIC:
        return "nothing is better than mythic"
    price = prices.trade_up(hero, given)
    if price > hero.gold:
        return f"it costs {price} gold, and you have {hero.gold}"
    hero.gold -= price
    made = loot.trade_up(cat, state.dice, given, hero.kind)
    hero.bag = [*(item for place, item in enumerate(hero.bag, 1) if place not in numbers), made]
    state.log.append([Event.Paid, price])
    state.log.append([Event.TradedUp, made.base, made.rarity, made.level])
    return ""


def possible_trade(hero: Hero) -> str:
    """Return an input that trades five items, for example `trade 1,2,3,4,5`; "" if the hero can pay for none.

    Of each rarity it looks at the five items of the lowest levels, which cost least.
    """
    bag = hero.bag
    if len(bag) < loot.TRADE_ITEMS:
        return ""
    for rarity in range(_MYTHIC):
        alike = [(item.level, place) for place, item in enumerate(bag, 1) if item.rarity == rarity]
        if len(alike) >= loot.TRADE_ITEMS:
            places = sorted(place for _, place in sorted(alike)[: loot.TRADE_ITEMS])
            if prices.trade_up(hero, [bag[place - 1] for place in places]) <= hero.gold:
                return f"trade {','.join(map(str, places))}"
    return ""


def trade_price(hero: Hero, numbers: str) -> int:
    """Return the gold for a trade of the bag items with these numbers, for example `1,2,3,4,5`."""
    return prices.trade_up(hero, [hero.bag[int(number) - 1] for number in numbers.split(",")])


def _double(numbers: list[int]) -> str:
    """Return the reason if a number occurs twice."""
    double = next((number for place, number in enumerate(numbers) if number in numbers[:place]), None)
    return "" if double is None else f"{double} is there twice"


def _bag_numbers(hero: Hero) -> str:
    count = len(hero.bag)
    if count < 2:
        return f"the bag has only the number {count}" if count else "the bag is empty"
    return f"the bag has the numbers 1 to {count}"
