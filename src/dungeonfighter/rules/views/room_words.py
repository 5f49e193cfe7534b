"""The words of what a hero can do in a room: answer an offer, search, rest, prepare, drink.

Source: docs/tools.md, "Views"; docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import prices
from dungeonfighter.rules.character.hero import rested, search_faces
from dungeonfighter.rules.state import Dungeon, Hero, RoomKind, State
from dungeonfighter.rules.views import item_lines
from dungeonfighter.rules.views.amounts import experience, gained_health, healed
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.numerals import NUMERALS

_MERCHANT: Final = int(RoomKind.merchant)
_REST: Final = int(RoomKind.rest)


def several(name: str, count: int) -> str:
    return f"{name.lower()} x{NUMERALS[count]}" if count > 1 else name.lower()


def room_words(state: State, dungeon: Dungeon, number: int) -> str:
    hero = state.hero
    if dungeon.kind == _REST and number == 1:
        gain = healed(hero, rested(hero, tables.REST_ROOM))
        return f"sleep{gained_health(gain)}"
    if dungeon.kind == _REST and number == 2:
        return f"study +{experience(hero, 1000 * tables.STUDY_UNITS, dungeon.level)} xp"
    return ""


def treasure_words(hero: Hero, dungeon: Dungeon) -> str:
    return f"{prices.treasure_gold(hero, dungeon.level)} gold with each"


def trade_offer(cat: Catalogue, state: State, dungeon: Dungeon, comparison: Comparison, place: int) -> str:
    if dungeon.kind != _MERCHANT:
        return ""
    if place < 2 and place < len(dungeon.stock):
        item = dungeon.stock[place]
        price = prices.item(state.hero, item)
        return item_lines.ware(cat, state.hero, item, price, comparison)
    if 2 <= place < 2 + len(dungeon.offer):
        number = dungeon.offer[place - 2]
        ware = cat.consumables[number]
        effect = "" if ware.input else f": {ware.text}"
        return f"buy {ware.name} {prices.good(cat, state.hero, number)} gold{effect}"
    return ""


def cleared_words(cat: Catalogue, state: State, number: int) -> str:
    hero = state.hero
    if number == 2:
        finds, wakes = search_faces(cat, hero, 0 if state.dungeon is None else state.dungeon.kind)
        return f"search {5 * finds}% find" + (f", {5 * wakes}% fight" if wakes else "")
    if number == 3:
        gain = healed(hero, rested(hero, tables.REST))
        rations = hero.consumables[cat.consumable_at[7]]
        left = f"1 of {NUMERALS[rations]} rations" if rations > 1 else "your ration"
        return f"rest{gained_health(gain)} ({left})"
    if number == 6:
        return f"prepare shield {tables.PREPARED} instead"
    return ""


def drink_words(cat: Catalogue, state: State) -> str:
    hero = state.hero
    good = cat.consumable_at[5]
    row = cat.consumables[good]
    gain = healed(hero, row.amount)
    return f"drink {several(row.name, hero.consumables[good])}{gained_health(gain)}"
