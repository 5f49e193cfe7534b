"""The rooms behind the doors: a fight with its entry die, a trap, or an offer to answer.

Source: docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, rested
from dungeonfighter.rules.character.progress import find_item, found, gain_units, has_room, other_good
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat, statuses
from dungeonfighter.rules.fighting.common import HERO, Result, begin_fight, put_status
from dungeonfighter.rules.journey import choices, trades, world
from dungeonfighter.rules.lists import changed, without
from dungeonfighter.rules.state import Dungeon, Fight, Phase, Rank, RoomKind, RoomPhase, State

_ELITE = int(RoomKind.elite)
_SHRINE = int(RoomKind.shrine)
_MERCHANT = int(RoomKind.merchant)
_TREASURE = int(RoomKind.treasure)
_REST = int(RoomKind.rest)
_TRAP = int(RoomKind.trap)
_COMBAT = int(Phase.Combat)
_NORMAL = int(Rank.normal)
_GUARDIAN = int(Rank.guardian)
_OFFER = int(RoomPhase.offer)


def start_fight(cat: Catalogue, state: State, dungeon: Dungeon, enemy: int, rank: int) -> int:
    """Start a fight with an enemy of the room. The entry die decides who is surprised.

    Returns:
        The `Result`: a surprised hero can die before the first input.
    """
    state.phase = _COMBAT
    fight = begin_fight(cat, state, enemy, rank, dungeon.level, dungeon.theme, _grown(state, dungeon, rank))
    _apply_tilt(cat, dungeon, fight)
    _apply_omen(cat, state, dungeon, fight)
    die = dice.d20(state.dice)
    if die <= tables.ENTRY_SURPRISED + cat.ascents[state.ascension].surprise:
        state.log.append([Event.Surprised, die])
        if rank >= _GUARDIAN:
            fight.enemy.next_at //= 2
            return Result.goes_on
        return combat.surprise(cat, state, fight)
    if die > tables.ENTRY_HAZARD:
        state.log.append([Event.FirstStrike, die])
        fight.enemy.next_at += fight.period
    elif die > tables.ENTRY_INFORMED:
        combat.room_acts(cat, state, fight)
    elif die > tables.ENTRY_PLAIN:
        if dungeon.room + 1 < dungeon.rooms:
            dungeon.informed = True
            state.log.append([Event.Learned, die])
        else:
            fight.opening = True
            state.log.append([Event.OpeningSeen, die])
    return Result.goes_on


def start_guard_fight(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Start the fight for the guarded item of a treasure, without an entry die."""
    start_woken_fight(cat, state, dungeon)


def start_woken_fight(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Start a fight with an enemy that a search has woken, without an entry die."""
    state.phase = _COMBAT
    enemy = dungeon.roster[dice.layout(state.dice, len(dungeon.roster))]
    grown = _grown(state, dungeon, _NORMAL)
    fight = begin_fight(cat, state, enemy, _NORMAL, dungeon.level, dungeon.theme, grown)
    _apply_tilt(cat, dungeon, fight)
    _apply_omen(cat, state, dungeon, fight)


def _grown(state: State, dungeon: Dungeon, rank: int) -> int:
    """Return the factor in permille on a new enemy's health and damage."""
    grown = 1000 + world.stirring(state)
    return grown * (1000 + world.gathered(dungeon)) // 1000 if rank >= _GUARDIAN else grown


def meet_trap(cat: Catalogue, state: State, dungeon: Dungeon) -> bool:
    """Draw the trap of the room; one with options waits for an answer.

    Returns:
        True: the trap has sprung, or the hero has avoided it; the room is done.
    """
    events = cat.traps[dungeon.theme]
    number = events[dice.layout(state.dice, len(events))]
    if cat.events[number].options:
        dungeon.phase = _OFFER
        dungeon.offer = [number]
        dungeon.stock = []
        return False
    _spring(cat, state, dungeon, number)
    return True


def _spring(cat: Catalogue, state: State, dungeon: Dungeon, number: int) -> None:
    row = cat.events[number]
    hero = state.hero
    die, bonus = dice.d20(state.dice), hero.figures.agility // 4
    if die + bonus >= tables.TRAP_AVOIDED:
        state.log.append([Event.TrapAvoided, number, die, bonus])
    else:
        state.log.append([Event.TrapSprung, number, die, bonus])
        trades.pay(cat, state, row.cost, dungeon.level, choices.trap_weight(hero))
    if row.gain[0]:
        trades.give(cat, state, row.gain, dungeon.level)


def make_offer(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    dungeon.phase = _OFFER
    dungeon.offer = []
    dungeon.stock = []
    if dungeon.kind == _TREASURE:
        dungeon.stock = [
            found(cat, state, dungeon.level + more, steps) for more, steps in ((0, 0), (2, 1), (0, 2))
        ]
    elif dungeon.kind == _SHRINE:
        events = cat.shrines[dungeon.theme]
        dungeon.offer = [events[dice.layout(state.dice, len(events))]]
    elif dungeon.kind == _MERCHANT:
        dungeon.stock = [
            loot.roll_item(cat, state.dice, dungeon.level + 1, steps=steps, kind=state.hero.kind)
            for steps in (0, 1)
        ]
        dungeon.offer = [cat.consumable_at[5], other_good(cat, state)]


def make_spoils(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Offer the items of a killed elite, of which the hero takes one."""
    dungeon.phase = _OFFER
    steps = tables.RANK_STEPS[Rank.elite]
    dungeon.stock = [found(cat, state, dungeon.level, steps) for _ in range(tables.SPOILS)]


def trades_open(cat: Catalogue, state: State, dungeon: Dungeon) -> int:
    """Return a mask of the trades that the hero can take now: bit n stands for the input n + 2."""
    hero = state.hero
    if dungeon.kind in (_TREASURE, _ELITE):
        return 3
    if dungeon.kind == _REST:
        return 1 | (hero.scars > 0) << 1
    if dungeon.kind in (_SHRINE, _TRAP):
        return choices.options_open(cat, state, dungeon.offer[0], dungeon.level)
    room = len(hero.bag) < limits.bag_items_max
    mask = sum(
        (room and hero.gold >= prices.item(hero, item)) << place for place, item in enumerate(dungeon.stock)
    )
    return mask + sum(
        (hero.gold >= prices.good(cat, hero, n) and has_room(cat, hero, n)) << place + 2
        for place, n in enumerate(dungeon.offer)
    )


def decline(cat: Catalogue, state: State, dungeon: Dungeon) -> bool:
    """Take the plain way: open the treasure without its lock, sleep in the rest room, or leave the offer.

    Of a trap it is the way through it.

    Returns:
        True: the room is done.
    """
    if dungeon.kind == _TREASURE:
        trades.give_treasure(cat, state, dungeon.stock[0], dungeon.level)
    elif dungeon.kind == _ELITE:
        find_item(cat, state, dungeon.stock[0])
    elif dungeon.kind == _REST:
        state.log.append([Event.Rested, heal(state.hero, rested(state.hero, tables.REST_ROOM))])
    elif dungeon.kind == _TRAP:
        _spring(cat, state, dungeon, dungeon.offer[0])
    else:
        state.log.append([Event.Declined])
    return True


def accept(cat: Catalogue, state: State, dungeon: Dungeon, place: int) -> bool:
    """Take the trade at `place` (from 0).

    Returns:
        True: the room is done; False: it stays open (a merchant), or a fight has begun (a guarded treasure).
    """
    if dungeon.kind == _TREASURE:
        if place == 1:
            start_guard_fight(cat, state, dungeon)
            return False
        _force_lock(cat, state, dungeon)
    elif dungeon.kind == _ELITE:
        find_item(cat, state, dungeon.stock[place + 1])
    elif dungeon.kind == _REST and place == 0:
        gained = gain_units(state, 1000 * tables.STUDY_UNITS, dungeon.level)
        state.log.append([Event.ExperienceGained, gained])
    elif dungeon.kind == _REST:
        trades.give(cat, state, ("scar", 1), dungeon.level)
        state.log.append([Event.Scarred, state.hero.scars])
    elif dungeon.kind in (_SHRINE, _TRAP):
        choices.take(cat, state, dungeon.offer[0], place, dungeon.level)
    else:
        _buy(cat, state, dungeon, place)
        return False
    return True


def rest(cat: Catalogue, state: State) -> int:
    """Rest in a cleared room; return the health gained."""
    return heal(state.hero, rested(state.hero, tables.REST))


def _force_lock(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    die, bonus = dice.d20(state.dice), state.hero.stats[2] // 4
    if die + bonus >= tables.LOCK_OPENS:
        state.log.append([Event.LockForced, die, bonus])
        trades.give_treasure(cat, state, dungeon.stock[1], dungeon.level)
    else:
        hero = state.hero
        lost = min(hero.health - 1, hero.figures.health_max * tables.LOCK_COSTS // 1000)
        hero.health -= lost
        state.log.append([Event.LockSnapped, die, bonus, lost])
        trades.give(cat, state, ("gold", tables.LOCK_GOLD), dungeon.level)


def _buy(cat: Catalogue, state: State, dungeon: Dungeon, place: int) -> None:
    hero = state.hero
    if place < 2:
        item = dungeon.stock[place]
        dungeon.stock = without(dungeon.stock, place)
        price = prices.item(hero, item)
        hero.bag = [*hero.bag, item]
        state.log.append([Event.ItemBought, item.base, item.rarity, item.level, price])
    else:
        number = dungeon.offer[place - 2]
        price = prices.good(cat, hero, number)
        hero.consumables = changed(hero.consumables, number, 1)
        state.log.append([Event.Bought, number, price])
    hero.gold -= price


def _apply_tilt(cat: Catalogue, dungeon: Dungeon, fight: Fight) -> None:
    row = cat.place_rows[dungeon.place]
    if row.tilt == "hit":
        fight.hit = row.tilt_amount
    elif row.tilt == "combo":
        fight.combo = row.tilt_amount
    elif row.tilt == "crit":
        fight.crit = row.tilt_amount
    elif row.tilt == "hazard":
        fight.quiet = row.tilt_amount


def _apply_omen(cat: Catalogue, state: State, dungeon: Dungeon, fight: Fight) -> None:
    if dungeon.omen > 0:
        put_status(cat, state, fight, HERO, statuses.SHIELD, dungeon.omen)
    elif dungeon.omen < 0:
        put_status(cat, state, fight, HERO, statuses.WEAKEN, -dungeon.omen)
    dungeon.omen = 0
