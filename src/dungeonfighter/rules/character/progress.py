"""The hero's gains: experience, levels, talents, gold, items, consumables.

Source: docs/rules.md, "The hero", "Items" and "Talents".
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, learn, potions_max, refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import changed, replaced
from dungeonfighter.rules.state import Hero, Item, Phase, State
from dungeonfighter.rules.talents import Perk

_LEVEL_UP = int(Phase.LevelUp)
_ITEMS, _POTIONS, _RARITY, _UNIQUE = 0, 1, 2, 3
"""The places of `World.meters`."""

TALENTS_OFFERED = 3


def gain_units(state: State, permille: int, level: int) -> int:
    """Give the hero `permille` of one unit of experience at `level`; return the amount.

    A hero above `level` gets 35 % less for each level of difference, and none from three levels on.
    """
    above = state.hero.level - level
    if above >= tables.STRONGER_NONE:
        return 0
    amount = tables.unit(level) * permille // 1000
    if above > 0:
        amount = amount * (1000 - tables.STRONGER * above) // 1000
    state.hero.xp += amount
    state.world.xp_since_clear += amount
    return amount


def gain_gold(state: State, amount: int) -> int:
    """Give the hero gold, raised by the gear's bonus; return the amount."""
    amount = amount * state.hero.figures.gold // 1000
    state.hero.gold += amount
    return amount


def find_item(cat: Catalogue, state: State, item: Item) -> None:
    hero = state.hero
    if len(hero.bag) < limits.bag_items_max:
        hero.bag = [*hero.bag, item]
        state.log.append([Event.ItemFound, item.base, item.rarity, item.level])
    else:
        state.log.append([Event.ItemScrapped, item.base, gain_gold(state, prices.scrap(item))])


def found(cat: Catalogue, state: State, level: int, steps: int = 0) -> Item:
    """Roll an item that the hero finds; the meter of rarities moves the roll, and the result the meter."""
    meters = state.world.meters
    unique = metered(state, _UNIQUE, tables.UNIQUE, dice.loot(state.dice, 1000))
    item = loot.roll_item(
        cat, state.dice, level, steps=steps, kind=state.hero.kind, more=meters[_RARITY], unique=unique
    )
    change = tables.RARITY_METER[item.rarity - steps if item.rarity > steps else 0]
    least = -tables.RARITY_METER_MOST
    meter = meters[_RARITY] + change
    meter = least if meter < least else min(meter, tables.RARITY_METER_MOST)
    if meter != meters[_RARITY]:
        state.world.meters = replaced(state.world.meters, _RARITY, meter)
    return item


def metered(state: State, meter: int, chance: int, drawn: int) -> bool:
    """Return True if a draw of 0 .. 999 meets a chance in permille, which a miss raises and a success lowers.

    The meter holds what the chance still owes the hero, so on average a thing comes as often as without it.
    """
    meters = state.world.meters
    owed = meters[meter]
    came = drawn < chance + owed * tables.METER_GAIN // 1000
    owed += chance - 1000 if came else chance
    state.world.meters = replaced(meters, meter, min(1000, max(-1000, owed)))
    return came


def find_good(cat: Catalogue, state: State, number: int) -> None:
    """Give the hero one consumable, or half its price in gold if the hero carries the maximum."""
    hero = state.hero
    if has_room(cat, hero, number):
        hero.consumables = changed(hero.consumables, number, 1)
        state.log.append([Event.ConsumableFound, number])
    else:
        state.log.append([Event.GoldFound, gain_gold(state, prices.good(cat, hero, number) // 2)])


def has_room(cat: Catalogue, hero: Hero, number: int) -> bool:
    """Return True if the hero can carry one more of a consumable.

    The hero carries at most `OTHERS_MAX` of those together that have no stock at the hub.
    """
    if hero.consumables[number] >= carried_max(cat, hero, number):
        return False
    others = cat.other_consumables
    return number not in others or sum(hero.consumables[other] for other in others) < tables.OTHERS_MAX


def carried_max(cat: Catalogue, hero: Hero, number: int) -> int:
    if number == cat.consumable_at[5]:
        return potions_max(hero)
    return cat.consumables[number].carried_max


def drop(cat: Catalogue, state: State, rank: int, level: int) -> None:
    """Draw the drop of a killed enemy, and give it to the hero.

    Three draws decide between item, potion and other consumable, whatever the outcome; a dropped item takes
    further draws.
    """
    figures = state.hero.figures
    stream = state.dice
    item, potion, other = (output * 1000 >> 64 for output in dice.peek(stream.loot, 3))
    stream.loot = dice.advance(stream.loot, 3)
    chance = tables.RANK_DROP[rank] * (1000 + figures.drops) // 1000
    if chance and metered(state, _ITEMS, min(1000, chance), item):
        find_item(cat, state, found(cat, state, level, tables.RANK_STEPS[rank]))
    chance = tables.DROP_POTION + tables.DROP_PER_HOARDER * figures.perks[Perk.hoarder]
    if metered(state, _POTIONS, chance, potion):
        find_good(cat, state, cat.consumable_at[5])
    if other < tables.DROP_OTHER:
        find_good(cat, state, other_good(cat, state))


def other_good(cat: Catalogue, state: State) -> int:
    """Draw a consumable other than a potion: one in three is a bomb or a ration."""
    staples = (cat.consumable_at[6], cat.consumable_at[7])
    drawn = dice.loot(state.dice, tables.STAPLES_IN)
    if drawn < len(staples):
        return staples[drawn]
    return cat.other_consumables[dice.loot(state.dice, len(cat.other_consumables))]


def level_up(cat: Catalogue, state: State) -> None:
    """Raise the hero by one level if the experience suffices, and offer talents.

    If talents are left, the phase becomes LevelUp until the bot chooses one; `state.after` keeps the phase to
    return to.
    """
    hero = state.hero
    needed = tables.xp_next(hero.level)
    if hero.xp < needed:
        return
    hero.xp -= needed
    hero.level += 1
    hero.stats = [
        have + (tables.STAT_GAIN if place == hero.kind else tables.OTHER_GAIN)
        for place, have in enumerate(hero.stats)
    ]
    hero.class_points = changed(hero.class_points, hero.kind, 1)
    learn(cat, hero)
    heal(hero, tables.LEVEL_HEALS)
    state.log.append([Event.LevelGained, hero.level])
    state.talent_offer = _offer(cat, state)
    if state.talent_offer:
        state.after = state.phase
        state.phase = _LEVEL_UP


def take_talent(cat: Catalogue, state: State, choice: int) -> None:
    number = state.talent_offer[choice]
    hero = state.hero
    hero.talents = [*hero.talents, number]
    state.talent_offer = []
    state.log.append([Event.TalentTaken, number])
    learn(cat, hero)
    state.phase = state.after


def train(cat: Catalogue, state: State) -> None:
    """Raise the stat of the hero's weapon kind instead of taking a talent."""
    hero = state.hero
    hero.stats = changed(hero.stats, hero.kind, tables.TRAINED)
    state.talent_offer = []
    state.log.append([Event.StatGained, hero.kind, tables.TRAINED])
    refresh(cat, hero)
    state.phase = state.after


def _offer(cat: Catalogue, state: State) -> list[int]:
    left = [number for number in range(len(cat.talents)) if number not in state.hero.talents]
    size = len(left)
    count = TALENTS_OFFERED if size > TALENTS_OFFERED else size
    if not count:
        return []
    stream = state.dice
    outputs = dice.peek(stream.event, count)
    stream.event = dice.advance(stream.event, count)
    return [left.pop(next(outputs) * many >> 64) for many in range(size, size - count, -1)]
