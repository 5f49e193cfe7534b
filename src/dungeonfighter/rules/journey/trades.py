"""Costs and gains of shrines, traps and travel events: pairs of a thing and an amount, as `("health", 200)`.

| thing | its amount |
|---|---|
| health | permille of the maximum; a cost never takes the last point |
| gold | gold for each level of the place |
| xp | permille of a unit of experience at that level |
| potion, bomb, ration, scar | a number |
| good | a number of consumables, drawn; only a gain |
| turns | turns; only a cost |
| time | turns by which the allowance grows; only a gain |
| guardian | rooms without a kill: a cost counts so many more, a gain so many fewer |
| sight | the next doors show everything; only a gain |
| stat | points on the stat of the hero's weapon kind; only a gain |
| item | one item with so many rarity steps; only a gain |
| status | the shield (gain) or weakness (cost) of the hero in the next fight |

Source: docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, refresh
from dungeonfighter.rules.character.progress import find_good, find_item, gain_gold, gain_units, other_good
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import Item, State

Trade = tuple[str, int]
GOODS: Final = {"potion": 5, "bomb": 6, "ration": 7}
"""The consumables among the things, by their fight input."""


def gold_of(level: int, amount: int) -> int:
    return amount * level


def payable(cat: Catalogue, state: State, cost: Trade, level: int) -> bool:
    what, amount = cost
    hero = state.hero
    if what == "health":
        return hero.health > hero.figures.health_max * amount // 1000
    if what == "gold":
        return hero.gold >= gold_of(level, amount)
    if what == "xp":
        return hero.xp >= tables.unit(level) * amount // 1000
    if what in GOODS:
        return hero.consumables[cat.consumable_at[GOODS[what]]] >= amount
    if what == "scar":
        return hero.scars + amount <= tables.SCARS_MAX
    return True


def useful(state: State, gain: Trade, level: int) -> bool:
    """Return True if the gain changes anything for the hero now."""
    dungeon, hero = state.dungeon, state.hero
    if gain[0] == "scar":
        return hero.scars > 0
    if gain[0] == "health":
        return hero.health < hero.figures.health_max
    if gain[0] == "xp":
        return hero.level - level < tables.STRONGER_NONE
    if gain[0] == "sight":
        return dungeon is not None and dungeon.room + 1 < dungeon.rooms
    return True


def pay(cat: Catalogue, state: State, cost: Trade, level: int, weight: int = 1000) -> None:
    """Take the cost from the hero, or as much of it as the hero has.

    Args:
        weight: The factor, in permille, on a cost in health or gold.
    """
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
    elif what in GOODS:
        good = cat.consumable_at[GOODS[what]]
        hero.consumables = changed(hero.consumables, good, -min(hero.consumables[good], amount))
    elif what == "turns":
        state.world.spent += amount
    elif what == "scar":
        add_scars(cat, state, amount)
    elif what == "status" and state.dungeon is not None:
        state.dungeon.omen -= amount
    elif what == "guardian" and state.dungeon is not None:
        state.dungeon.kills -= amount


def give(cat: Catalogue, state: State, gain: Trade, level: int) -> None:
    what, amount = gain
    hero = state.hero
    if what == "health":
        state.log.append([Event.HeroHealed, heal(hero, amount)])
    elif what == "gold":
        state.log.append([Event.GoldFound, gain_gold(state, gold_of(level, amount))])
    elif what == "xp":
        state.log.append([Event.ExperienceGained, gain_units(state, amount, level)])
    elif what in GOODS:
        for _ in range(amount):
            find_good(cat, state, cat.consumable_at[GOODS[what]])
    elif what == "good":
        for _ in range(amount):
            find_good(cat, state, other_good(cat, state))
    elif what == "time":
        state.world.cleared_at += amount
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
    elif what == "guardian" and state.dungeon is not None:
        state.dungeon.kills += amount
    elif what == "sight" and state.dungeon is not None:
        state.dungeon.informed = True


def add_scars(cat: Catalogue, state: State, amount: int = 1) -> None:
    """Give the hero scars; one beyond the most costs health instead, never the last point."""
    hero = state.hero
    if hero.scars >= tables.SCARS_MAX:
        lost = min(hero.health - 1, hero.figures.health_max * tables.SCAR_BEYOND // 1000)
        hero.health -= lost
        state.log.append([Event.HealthLost, lost])
        return
    hero.scars = min(tables.SCARS_MAX, hero.scars + amount)
    refresh(cat, hero)
    state.log.append([Event.Scarred, hero.scars])


def give_treasure(cat: Catalogue, state: State, item: Item, level: int) -> None:
    find_item(cat, state, item)
    state.log.append([Event.GoldFound, gain_gold(state, prices.treasure(level))])
