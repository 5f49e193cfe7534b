"""The wares of the hub and of a merchant with their prices, and why the hero cannot buy one now.

The menus decide the same by faster ways (`hub.wares_open`, `rooms.trades_open`); a test compares them.

Source: docs/rules.md, "Inputs" and "Dungeons".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from dungeonfighter import limits
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.progress import carried_max
from dungeonfighter.rules.state import Dungeon, Hero, RoomKind, State

DEAR: Final = "too dear"
SOLD_OUT: Final = "sold out"
FULL: Final = "full"
_MERCHANT: Final = int(RoomKind.merchant)


class Ware(NamedTuple):
    """One ware: `lack` says why the hero cannot buy it, "" if nothing is in the way."""

    name: str
    price: int
    lack: str


def at_hub(cat: Catalogue, state: State) -> dict[int, Ware]:
    """Return the wares of the hub by the input that buys each."""
    hero, here = state.hero, state.world
    potion, bomb, ration = (cat.consumable_at[text] for text in (5, 6, 7))
    wares = {
        5: _good(cat, hero, potion, here.potions_left),
        8: _good(cat, hero, bomb, here.bombs_left),
        9: _good(cat, hero, ration, here.rations_left),
    }
    if here.shop:
        item = here.shop[0]
        wares[6] = _ware(hero, loot.name(cat, item), prices.item(hero, item), full=_bag_full(hero))
    else:
        wares[6] = Ware("the item", 0, SOLD_OUT)
    wares[7] = _ware(hero, "new wares", prices.reroll(hero, here))
    return wares


def in_room(cat: Catalogue, state: State, dungeon: Dungeon) -> dict[int, Ware]:
    """Return the wares of a merchant by the input that buys each."""
    if dungeon.kind != _MERCHANT:
        return {}
    hero = state.hero
    wares = {
        place: _ware(hero, loot.name(cat, item), prices.item(hero, item), full=_bag_full(hero))
        for place, item in enumerate(dungeon.stock, 2)
    }
    goods = {place: _good(cat, hero, number, 1) for place, number in enumerate(dungeon.offer, 4)}
    return wares | goods


def refusal(cat: Catalogue, state: State, number: int) -> str:
    """Return the reason why an input buys nothing now at the hub or in a room; "" if it is no ware."""
    dungeon = state.dungeon
    wares = at_hub(cat, state) if dungeon is None else in_room(cat, state, dungeon)
    ware = wares.get(number)
    if ware is None or not ware.lack:
        return ""
    if ware.lack == DEAR:
        return f"it costs {ware.price} gold, and you have {state.hero.gold}"
    if ware.lack == SOLD_OUT:
        return "it is sold out until a level is cleared for the first time"
    return "you can carry no more of it"


def lacking(wares: dict[int, Ware]) -> str:
    """Return the wares that the hero lacks gold for, for example `Too dear: Bomb 26 gold, Ration 13 gold.`

    Sold-out wares are left out, because the text view has few tokens; the refusal of their input names them.
    """
    return named_dear((ware.name, ware.price) for _, ware in sorted(wares.items()) if ware.lack == DEAR)


def named_dear(wares: Iterable[tuple[str, int]]) -> str:
    """Return the same of names and prices; "" for none."""
    dear = ", ".join([f"{name} {price} gold" for name, price in wares])
    return f"{DEAR.capitalize()}: {dear}." if dear else ""


def _good(cat: Catalogue, hero: Hero, number: int, left: int) -> Ware:
    name, price = cat.consumables[number].name, prices.good(cat, hero, number)
    if not left:
        return Ware(name, price, SOLD_OUT)
    return _ware(hero, name, price, full=hero.consumables[number] >= carried_max(cat, hero, number))


def _ware(hero: Hero, name: str, price: int, *, full: bool = False) -> Ware:
    return Ware(name, price, FULL if full else DEAR if hero.gold < price else "")


def _bag_full(hero: Hero) -> bool:
    return len(hero.bag) >= limits.bag_items_max
