"""Costs and gains of shrines, traps and the road: `("health", 200)` and its kin, by the level they are met
at.

Health is in permille of maximum and never the last point; gold is times level; experience is in permille of a
unit; a stat is that of the weapon in hand; an item's amount is rarity steps; a status makes the next fight
easier (or harder).

Source: game.md section 5; `catalog.model.RoomEvent`.
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.progress import find_good, find_item, gain_gold, gain_units
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import heal
from dungeonfighter.rules.lists import changed, replaced
from dungeonfighter.rules.state import State

Trade = tuple[str, int]


def gold_of(level: int, amount: int) -> int:
    return amount * level


def payable(cat: Catalogue, state: State, cost: Trade, level: int) -> bool:
    """Whether the hero has what is asked."""
    what, amount = cost
    hero = state.hero
    if what == "health":
        return hero.health > hero.figures.health_max * amount // 1000
    if what == "gold":
        return hero.gold >= gold_of(level, amount)
    if what == "xp":
        return hero.xp >= tables.unit(level) * amount // 1000
    if what == "potion":
        return hero.consumables[cat.consumable_at[5]] >= amount
    if what == "item":
        return len(hero.bag) >= amount
    if what == "scar":
        return hero.scars + amount <= tables.SCARS_MAX
    if what == "stat":
        return hero.stats[hero.kind] > amount
    return True


def pay(cat: Catalogue, state: State, cost: Trade, level: int, weight: int = 1000) -> None:
    """Take what is asked, or as much of it as there is; `weight` permille of it."""
    what, amount = cost
    hero = state.hero
    if what == "health":
        lost = min(hero.health - 1, hero.figures.health_max * amount // 1000 * weight // 1000)
        hero.health -= lost
        state.log.append([Event.HealthLost, lost])
    elif what == "gold":
        lost = min(hero.gold, gold_of(level, amount) * weight // 1000)
        hero.gold -= lost
        state.log.append([Event.Paid, lost])
    elif what == "xp":
        hero.xp -= min(hero.xp, tables.unit(level) * amount // 1000)
    elif what == "potion":
        potion = cat.consumable_at[5]
        hero.consumables = changed(hero.consumables, potion, -min(hero.consumables[potion], amount))
    elif what == "item":
        hero.bag = hero.bag[: max(0, len(hero.bag) - amount)]
    elif what == "scar":
        scar(cat, state, amount)
    elif what == "stat":
        hero.stats = replaced(hero.stats, hero.kind, max(1, hero.stats[hero.kind] - amount))
        refresh(cat, hero)
    elif what == "status" and state.dungeon is not None:
        state.dungeon.omen -= amount


def give(cat: Catalogue, state: State, gain: Trade, level: int) -> None:
    """Hand over what is offered."""
    what, amount = gain
    hero = state.hero
    if what == "health":
        state.log.append([Event.HeroHealed, heal(hero, amount)])
    elif what == "gold":
        state.log.append([Event.GoldFound, gain_gold(state, gold_of(level, amount))])
    elif what == "xp":
        state.log.append([Event.ExperienceGained, gain_units(state, amount, level)])
    elif what == "potion":
        for _ in range(amount):
            find_good(cat, state, cat.consumable_at[5])
    elif what == "item":
        find_item(cat, state, loot.roll_item(cat, state.dice, level, steps=amount, kind=hero.kind))
    elif what == "scar":
        hero.scars = max(0, hero.scars - amount)
        refresh(cat, hero)
    elif what == "stat":
        hero.stats = changed(hero.stats, hero.kind, amount)
        refresh(cat, hero)
        state.log.append([Event.StatGained, hero.kind, amount])
    elif what == "status" and state.dungeon is not None:
        state.dungeon.omen += amount


def scar(cat: Catalogue, state: State, amount: int = 1) -> None:
    """So many scars more, at most six; they last until a new level is cleared."""
    hero = state.hero
    hero.scars = min(tables.SCARS_MAX, hero.scars + amount)
    refresh(cat, hero)
    state.log.append([Event.Scarred, hero.scars])


def chest(cat: Catalogue, state: State, level: int, steps: int) -> None:
    """A treasure: an item and gold."""
    find_item(cat, state, loot.roll_item(cat, state.dice, level, steps=steps, kind=state.hero.kind))
    state.log.append([Event.GoldFound, gain_gold(state, prices.treasure(level))])
