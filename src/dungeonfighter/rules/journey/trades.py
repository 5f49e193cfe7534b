"""Costs and gains of shrines, traps and travel events: pairs of a thing and an amount, as `("health", 200)`.

| thing | its amount |
|---|---|
| health | permille of the maximum; a cost never takes the last point |
| gold | gold for each level of the place |
| xp | permille of a unit of experience at that level |
| potion, scar | a number |
| stat | points on the stat of the hero's weapon kind |
| item | as a cost a number of items, as a gain one item with so many rarity steps |
| status | the shield (gain) or weakness (cost) of the hero in the next fight |

Source: docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, refresh
from dungeonfighter.rules.character.progress import find_good, find_item, gain_gold, gain_units
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import changed, replaced
from dungeonfighter.rules.state import Item, State

Trade = tuple[str, int]


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
    elif what == "potion":
        potion = cat.consumable_at[5]
        hero.consumables = changed(hero.consumables, potion, -min(hero.consumables[potion], amount))
    elif what == "item":
        hero.bag = hero.bag[: max(0, len(hero.bag) - amount)]
    elif what == "scar":
        add_scars(cat, state, amount)
    elif what == "stat":
        hero.stats = replaced(hero.stats, hero.kind, max(1, hero.stats[hero.kind] - amount))
        refresh(cat, hero)
    elif what == "status" and state.dungeon is not None:
        state.dungeon.omen -= amount


def give(cat: Catalogue, state: State, gain: Trade, level: int) -> None:
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
