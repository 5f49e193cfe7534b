"""The hub: its wares, camping, the clone, and the return from a dungeon.

Source: docs/rules.md, "Inputs", "Dungeons" and "World and score".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter import limits
from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, potions_max, refresh, rested
from dungeonfighter.rules.character.prices import ITEMS, REROLLS
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import world
from dungeonfighter.rules.lists import changed, replaced
from dungeonfighter.rules.state import Hero, Phase, State

_GAME_LOOP = int(Phase.GameLoop)
_VICTORY = int(Phase.Victory)

GOODS: Final = (5, 6, 7)
"""The fight inputs of the consumables that the hub sells."""


def arrive(cat: Catalogue, state: State) -> None:
    here = state.world
    state.phase = _GAME_LOOP
    state.dungeon = None
    here.offers = world.draw_offers(cat, state)
    here.camped = False
    if here.restocks:
        here.restocks = False
        here.rerolls = 0
        here.potions_left, here.bombs_left, here.rations_left = (tables.STOCK[text] for text in GOODS)
        here.potions_left = max(0, here.potions_left - cat.ascents[state.ascension].stock)
        _stock(cat, state)


def choose_weapon(cat: Catalogue, state: State, kind: int) -> None:
    hero = state.hero
    _arm(cat, hero, kind)
    hero.health = hero.figures.health_max
    weapon = hero.worn[0]
    assert weapon is not None
    state.log.append([Event.WeaponChosen, weapon.base])
    arrive(cat, state)


def camp(cat: Catalogue, state: State) -> None:
    state.world.camped = True
    state.world.spent += tables.CAMP_TURNS
    state.world.potions_left += tables.CAMP_POTIONS
    state.log.append([Event.Camped, heal(state.hero, rested(state.hero, tables.CAMP))])


def wares_open(cat: Catalogue, state: State) -> int:
    """Return a mask of the wares that the hero can buy.

    Bit 0 is a potion, bit 1 the item, bit 2 a reroll, bit 3 a bomb, bit 4 a ration, bit 5 a reroll of a
    chosen slot.
    """
    hero, here = state.hero, state.world
    purse, level, shop = prices.purse(hero), hero.level, here.shop
    price = REROLLS[level] * (1 + here.rerolls)
    mask = 0 if purse < price else 4 if purse < price * tables.WARES_CHOSEN else 36
    goods, full, rows = hero.consumables, cat.consumable_prices, cat.consumables
    potion, bomb, ration = cat.consumable_at[5], cat.consumable_at[6], cat.consumable_at[7]
    if here.potions_left and purse >= full[potion][level] and goods[potion] < potions_max(hero):
        mask |= 1
    if here.bombs_left and purse >= full[bomb][level] and goods[bomb] < rows[bomb].carried_max:
        mask |= 8
    if here.rations_left and purse >= full[ration][level] and goods[ration] < rows[ration].carried_max:
        mask |= 16
    if shop and len(hero.bag) < limits.bag_items_max:
        item = shop[0]
        if purse >= ITEMS[item.level][item.rarity]:
            mask |= 2
    return mask


def buy_good(cat: Catalogue, state: State, text: int) -> None:
    """Buy the consumable with this fight input."""
    hero, here = state.hero, state.world
    good = cat.consumable_at[text]
    price = prices.good(cat, hero, good)
    hero.gold -= price
    if text == 5:
        here.potions_left -= 1
    elif text == 6:
        here.bombs_left -= 1
    else:
        here.rations_left -= 1
    hero.consumables = changed(hero.consumables, good, 1)
    state.log.append([Event.Bought, good, price])


def buy_item(cat: Catalogue, state: State) -> None:
    hero = state.hero
    item = state.world.shop[-1]
    state.world.shop = state.world.shop[:-1]
    price = prices.item(hero, item)
    hero.gold -= price
    hero.bag = [*hero.bag, item]
    state.log.append([Event.ItemBought, item.base, item.rarity, item.level, price])


def reroll(cat: Catalogue, state: State, slot: int | None = None) -> None:
    """Put another item on sale; its `Slot` costs more to choose."""
    price = prices.reroll(state.hero, state.world, chosen=slot is not None)
    state.hero.gold -= price
    state.world.rerolls += 1
    state.log.append([Event.Rerolled, price])
    _stock(cat, state, slot)


def back_from_dungeon(cat: Catalogue, state: State) -> None:
    """Return to the hub after a completed dungeon; after the last boss's dungeon the phase is Victory."""
    won = state.world.bosses >= len(cat.regions) and state.dungeon is not None and state.dungeon.boss
    arrive(cat, state)
    if won:
        state.phase = _VICTORY


def clone(cat: Catalogue, state: State) -> None:
    hero = state.hero
    hero.clones += 1
    hero.worn = [None] * len(hero.worn)
    _arm(cat, hero, hero.kind)
    hero.health = hero.figures.health_max
    world.restart_clock(cat, state)
    state.log.append([Event.Cloned, hero.clones])
    arrive(cat, state)


def endless(cat: Catalogue, state: State) -> None:
    state.log.append([Event.EndlessBegan])
    arrive(cat, state)


def _arm(cat: Catalogue, hero: Hero, kind: int) -> None:
    hero.kind = kind
    hero.worn = replaced(hero.worn, 0, loot.starting_weapon(cat, kind))
    refresh(cat, hero)


def _stock(cat: Catalogue, state: State, slot: int | None = None) -> None:
    hero = state.hero
    steps = tables.WARE_STEPS
    state.world.shop = [loot.roll_item(cat, state.dice, hero.level, steps=steps, kind=hero.kind, slot=slot)]
