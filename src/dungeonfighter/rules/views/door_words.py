"""The words at doors and in the list of dungeons: what each kind of room or dungeon costs and gives now.

All amounts are those that the rules would give this hero now: experience by the difference of levels, gold
with the bonus of the gear, health up to the maximum.

Source: docs/tools.md, "Views"; docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import prices
from dungeonfighter.rules.character.hero import rested
from dungeonfighter.rules.journey import choices
from dungeonfighter.rules.journey.world import counts
from dungeonfighter.rules.state import Door, Dungeon, Hero, Offer, Rank, RoomKind, State
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views.amounts import experience, healed

_FIGHT: Final = int(RoomKind.fight)
_ELITE: Final = int(RoomKind.elite)
_TREASURE: Final = int(RoomKind.treasure)
_SHRINE: Final = int(RoomKind.shrine)
_MERCHANT: Final = int(RoomKind.merchant)
_REST: Final = int(RoomKind.rest)
_TRAP: Final = int(RoomKind.trap)
_UP: Final = tables.RANK_STEPS[Rank.elite]


def room_worth(cat: Catalogue, state: State, dungeon: Dungeon, kind: int) -> str:
    """Return what a room of this kind gives and costs, for example "+160 hp or +130 xp"."""
    hero, level = state.hero, dungeon.level
    if kind in (_FIGHT, _ELITE):
        rank = Rank.elite if kind == _ELITE else Rank.normal
        gained = experience(hero, tables.RANK_XP[rank], level) + experience(hero, tables.ROOM_XP, level)
        return (
            f"one of {tables.SPOILS} items +{_UP} rarity, {gained} xp" if kind == _ELITE else f"{gained} xp"
        )
    if kind == _TREASURE:
        odds = choices.lock_chance(hero)
        gold = prices.treasure_gold(hero, level)
        return f"{gold} gold and an item: the open, the locked ({odds}%) or the guarded one"
    if kind == _REST:
        slept = healed(hero, rested(hero, tables.REST_ROOM))
        scar = " or a scar" if hero.scars else ""
        health = f"+{slept} hp or " if slept else ""
        return f"{health}{experience(hero, 1000 * tables.STUDY_UNITS, level)} xp{scar}"
    if kind == _TRAP:
        return _trap(cat, hero, dungeon)
    return {_SHRINE: "options, or pass", _MERCHANT: "2 items, 2 consumables"}.get(kind, "")


def trap_costs(cat: Catalogue, hero: Hero, dungeon: Dungeon) -> tuple[int, int, int]:
    """Return the percent chance to pass a trap unharmed, and the least and the most health that one costs."""
    odds = choices.trap_chance(hero)
    weight = choices.trap_weight(hero)
    costs = [
        hero.figures.health_max * amount // 1000 * weight // 1000
        for what, amount in (cat.events[number].cost for number in cat.traps[dungeon.theme])
        if what == "health"
    ]
    return odds, min(costs, default=0), max(costs, default=0)


def _trap(cat: Catalogue, hero: Hero, dungeon: Dungeon) -> str:
    odds, least, most = trap_costs(cat, hero, dungeon)
    if not most:
        spared = bool(hero.figures.perks[Perk.hazard_ward])
        return "takes no health from you" if spared else f"{odds}% unharmed"
    lost = f"-{most}" if least == most else f"-{least} to -{most}"
    return f"{odds}% unharmed, else {lost} hp"


def door_words(cat: Catalogue, state: State, dungeon: Dungeon, behind: Door, hint: str) -> str:
    """Return the words at a door: the `hint` of the snapshot, the archetype, and the worth of the room."""
    kind = RoomKind(behind.kind).name
    if behind.enemy >= 0:
        enemy = cat.enemies[behind.enemy]
        hint = hint.replace(enemy.name, f"{enemy.name}, {enemy.archetype}", 1)
    if behind.kind == _FIGHT:
        return f"{kind}: {hint}"
    return f"{kind}: {hint}; {room_worth(cat, state, dungeon, behind.kind)}"


def clear_worth(cat: Catalogue, state: State, offer: Offer) -> tuple[bool, int, int]:
    """Return if a dungeon would be cleared for the first time, and the experience and gold for it."""
    hero, world = state.hero, state.world
    first = counts(world, offer.level, offer.boss)
    gained = experience(hero, tables.CLEAR_XP if first else tables.REPEAT_XP, offer.level)
    return first, gained, prices.treasure_gold(hero, offer.level)
