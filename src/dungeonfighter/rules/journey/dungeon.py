"""A dungeon: its doors, the actions of a cleared room, the end of a fight, leaving and completion.

The rules draw a fact only when the bot sees it, so the state never holds a fact that the bot cannot know.

Source: docs/rules.md, "Dungeons".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import heal, search_faces
from dungeonfighter.rules.character.progress import (
    drop,
    find_good,
    find_item,
    found,
    gain_gold,
    gain_units,
    other_good,
)
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import Result
from dungeonfighter.rules.journey import hub, rooms, trades, world
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import (
    Door,
    Dungeon,
    Ending,
    Fight,
    Mode,
    Offer,
    Phase,
    Rank,
    RoomKind,
    RoomPhase,
    State,
)
from dungeonfighter.rules.tables import DOOR_DARK
from dungeonfighter.rules.talents import Perk

_FIGHT = int(RoomKind.fight)
_ELITE = int(RoomKind.elite)
_TREASURE = int(RoomKind.treasure)
_TRAP = int(RoomKind.trap)
_DUNGEON = int(Phase.Dungeon)
_CLEARED = int(RoomPhase.cleared)
_CASUAL = int(Mode.casual)
_DEATH = int(Phase.Death)
_DIED = int(Ending.died)
_TURNS = int(Ending.turns)
_DUNGEON_COMPLETION = int(Phase.DungeonCompletion)
_BOSS = int(Rank.boss)
_GUARDIAN = int(Rank.guardian)
_ELITE_RANK = int(Rank.elite)
_NORMAL = int(Rank.normal)
_DOORS = int(RoomPhase.doors)
_DARK = 0
_KIND_KNOWN = 1
_ALL_KNOWN = 2
_DOOR_SENSE: Final = Perk.door_sense
_PILGRIM: Final = 1 << Relic.pilgrim
_DRAWS_MAX: Final = 1 + 3 * 5
"""The greatest number of outputs that the doors of one choice take from the stream."""
_DOORS_DRAWN: Final = tuple(dice.weighted(tables.DOOR_WEIGHTS, drawn) for drawn in range(100))
"""The kind of room by a draw of 0 .. 99."""


def enter(cat: Catalogue, state: State, offer: Offer) -> None:
    """Enter an offered dungeon, or go on in the one of its level that the hero has left."""
    held = world.resumed(state.world, offer)
    if held is not None:
        state.world.held = None
        state.dungeon = replace(held)  # states may share the held one
        state.phase = _DUNGEON
        state.log.append([Event.DungeonResumed, held.theme * 100 + held.name, held.level, held.room])
        return
    dungeon = Dungeon(offer.theme, offer.level, tables.rooms_of(offer.level), offer.name)
    dungeon.boss = offer.boss
    dungeon.roster = offer.enemies
    state.dungeon = dungeon
    state.phase = _DUNGEON
    named = dungeon.theme * 100 + dungeon.name
    state.log.append([Event.DungeonEntered, named, dungeon.level, dungeon.rooms])
    _draw_doors(cat, state, dungeon)


def take_door(cat: Catalogue, state: State, place: int) -> None:
    """Enter the room behind a door; draw the room now if the door is dark."""
    dungeon = _dungeon(state)
    door = dungeon.doors[place]
    if door.kind < 0:
        door = _door_behind(cat, state, dungeon)
    dungeon.doors = []
    dungeon.room += 1
    dungeon.searched = dungeon.rested = False
    dungeon.kind = door.kind
    dungeon.place = door.theme_room
    dungeon.phase = _CLEARED
    state.log.append([Event.RoomEntered, dungeon.room, dungeon.place])
    if door.kind in (_FIGHT, _ELITE):
        enemy = door.enemy if door.enemy >= 0 else _draw_enemy(cat, state, dungeon, door.kind)
        after_fight(cat, state, rooms.start_fight(cat, state, dungeon, enemy, _rank(dungeon)))
    elif door.kind == _TRAP:
        if rooms.meet_trap(cat, state, dungeon):
            _room_passed(state, dungeon)
    else:
        rooms.make_offer(cat, state, dungeon)


def answer(cat: Catalogue, state: State, choice: int) -> None:
    """Answer the room's offer: 1 takes the safe way, 2 and up take its trades."""
    dungeon = _dungeon(state)
    if choice == 1:
        done = rooms.decline(cat, state, dungeon)
    else:
        done = rooms.accept(cat, state, dungeon, choice - 2)
    if done:
        dungeon.offer = []
        dungeon.stock = []
        if dungeon.kind == _ELITE:
            _room_cleared(cat, state, dungeon)
        else:
            _room_passed(state, dungeon)


def go_on(cat: Catalogue, state: State) -> None:
    dungeon = _dungeon(state)
    _draw_doors(cat, state, dungeon)


def search(cat: Catalogue, state: State) -> None:
    dungeon = _dungeon(state)
    dungeon.searched = True
    finds, wakes = search_faces(cat, state.hero, dungeon.kind)
    die = dice.d20(state.dice)
    if die > 20 - finds:
        _find(cat, state, dungeon)
    elif die <= wakes:
        state.log.append([Event.SearchWoke, die])
        rooms.start_woken_fight(cat, state, dungeon)
    else:
        state.log.append([Event.SearchFailed, die])


def _find(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Give the hero what a search has found."""
    drawn = dice.event(state.dice, 100)
    if drawn < tables.SEARCH_POTION:
        find_good(cat, state, cat.consumable_at[5])
    elif drawn < tables.SEARCH_GOOD:
        find_good(cat, state, other_good(cat, state))
    else:
        find_item(cat, state, found(cat, state, dungeon.level))


def rest(cat: Catalogue, state: State) -> None:
    """Eat a ration and rest, once a room."""
    _eat(cat, state)
    state.log.append([Event.Rested, rooms.rest(cat, state)])
    if state.hero.figures.relics & _PILGRIM:
        shield = cat.relic_amounts[Relic.pilgrim]
        _dungeon(state).omen += shield
        state.log.append([Event.Prepared, shield])


def prepare(cat: Catalogue, state: State) -> None:
    """Eat a ration and prepare for the next fight instead of a rest."""
    _eat(cat, state)
    _dungeon(state).omen += tables.PREPARED
    state.log.append([Event.Prepared, tables.PREPARED])


def _eat(cat: Catalogue, state: State) -> None:
    _dungeon(state).rested = True
    hero = state.hero
    hero.consumables = changed(hero.consumables, cat.consumable_at[7], -1)


def leave(cat: Catalogue, state: State) -> None:
    """Leave the dungeon, which stays as it is: entering its level again goes on in the same room."""
    state.fight = None
    state.world.held, state.dungeon = state.dungeon, None
    state.world.spent += tables.LEAVE_TURNS
    state.log.append([Event.DungeonLeft])
    if not state.hero.figures.perks[Perk.escape_artist]:
        trades.add_scars(cat, state)
    hub.arrive(cat, state)


def after_fight(cat: Catalogue, state: State, result: int) -> None:
    if result == Result.goes_on:
        return
    dungeon = _dungeon(state)
    fight = state.fight
    assert fight is not None
    if result == Result.died:
        die(state)
        return
    if result == Result.won:
        _reward_kill(cat, state, dungeon, fight)
    state.fight = None
    state.phase = _DUNGEON
    if result == Result.stalled:
        state.log.append([Event.FightStalled])
    if result in (Result.fled, Result.stalled):
        if fight.rank >= _GUARDIAN:
            _back_from_guardian(dungeon, fight)
            leave(cat, state)
        else:
            _slip_past(state, dungeon)
    elif dungeon.kind == _TREASURE and dungeon.stock:
        trades.give_treasure(cat, state, dungeon.stock[-1], dungeon.level)
        dungeon.stock = []
        _room_cleared(cat, state, dungeon)
    elif fight.rank == _ELITE_RANK:
        rooms.make_spoils(cat, state, dungeon)
    elif not dungeon.searched:
        _room_cleared(cat, state, dungeon)


def _back_from_guardian(dungeon: Dungeon, fight: Fight) -> None:
    """Put the hero before the door of the guardian, who will be fresh, and gathers as for a quiet room."""
    dungeon.kills -= 1
    dungeon.room -= 1
    dungeon.phase = _DOORS
    dungeon.doors = [Door(_FIGHT, _ALL_KNOWN, dungeon.place, fight.enemy_kind)]
    dungeon.ahead = []


def _slip_past(state: State, dungeon: Dungeon) -> None:
    """Pass the room of an ordinary enemy or an elite without a reward; there is nothing to search.

    The guardian does not gather for it.
    """
    state.world.spent += tables.SLIP_TURNS
    state.log.append([Event.SlippedPast])
    dungeon.kills += 1
    dungeon.searched = True
    dungeon.stock = []
    dungeon.phase = _CLEARED


def die(state: State) -> None:
    state.log.append([Event.HeroDied])
    state.hero.health = 0
    state.fight = None
    if state.mode == _CASUAL:
        state.phase = _DEATH
    else:
        end(state, _DIED)


def end(state: State, ending: int) -> None:
    """End the run. The phase stays, except that a death sets it to Death."""
    if ending == _DIED:
        state.phase = _DEATH
    state.over = True
    state.ending = int(ending)
    state.log.append([Event.TurnsUsedUp if ending == _TURNS else Event.RunEnded])


def _reward_kill(cat: Catalogue, state: State, dungeon: Dungeon, fight: Fight) -> None:
    gained = gain_units(state, tables.RANK_XP[fight.rank], fight.level)
    gold = gain_gold(state, (3 + fight.level) * tables.RANK_GOLD[fight.rank])
    dungeon.kills += 1
    state.log.append([Event.EnemyDied, fight.enemy_kind, gained, gold])
    drop(cat, state, fight.rank, fight.level)


def _room_cleared(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Clear the room of a fight; only such a room gives experience, or completes the dungeon."""
    gained = gain_units(state, tables.ROOM_XP, dungeon.level)
    if dungeon.room >= dungeon.rooms:
        state.log.append([Event.ExperienceGained, gained])
        _complete(cat, state, dungeon)
        return
    state.log.append([Event.RoomCleared, gained])
    dungeon.phase = _CLEARED


def _room_passed(state: State, dungeon: Dungeon) -> None:
    state.log.append([Event.RoomPassed])
    dungeon.phase = _CLEARED


def _complete(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    hero = state.hero
    first = world.clear(cat, state, dungeon.level, dungeon.boss)
    gained = gain_units(state, tables.CLEAR_XP if first else tables.REPEAT_XP, dungeon.level)
    if first:
        world.first_clear(cat, state)
        if hero.level == 1:
            hero.xp = max(hero.xp, tables.xp_next(1))
    gold = gain_gold(state, prices.treasure(dungeon.level))
    state.log.append([Event.DungeonCleared, dungeon.level, gained, gold])
    level = loot.reward_level(dungeon.level, hero.level)
    item = found(cat, state, level, 2 if dungeon.boss else 0)
    find_item(cat, state, item)
    heal(hero, tables.COMPLETION_HEALS)
    state.reward = [gained, gold, item.base, item.rarity, item.level, int(first)]
    state.phase = _DUNGEON_COMPLETION


def _rank(dungeon: Dungeon) -> int:
    if dungeon.room >= dungeon.rooms:
        return _BOSS if dungeon.boss else _GUARDIAN
    return _ELITE_RANK if dungeon.kind == _ELITE else _NORMAL


def _draw_doors(cat: Catalogue, state: State, dungeon: Dungeon) -> None:
    """Show the doors of the next room, and those of the room after it."""
    dungeon.phase = _DOORS
    next_room = dungeon.room + 1
    doors = dungeon.ahead or _doors_of(cat, state, dungeon, next_room)
    dungeon.doors = (
        [_seen_through(cat, state, dungeon, door) for door in doors] if dungeon.informed else doors
    )
    dungeon.informed = False
    dungeon.ahead = _doors_of(cat, state, dungeon, next_room + 1) if next_room < dungeon.rooms else []


def _seen_through(cat: Catalogue, state: State, dungeon: Dungeon, door: Door) -> Door:
    """Return a door with all that is to be known about its room, which is drawn now if it was not yet."""
    if door.kind < 0:
        door = _door_behind(cat, state, dungeon)
    if door.kind in (_FIGHT, _ELITE) and door.enemy < 0:
        return Door(door.kind, _ALL_KNOWN, door.theme_room, _draw_enemy(cat, state, dungeon, door.kind))
    return door


def _doors_of(cat: Catalogue, state: State, dungeon: Dungeon, room: int) -> list[Door]:
    stream = state.dice
    if room >= dungeon.rooms:
        return [_last_door(cat, state, dungeon)]
    seeing = state.hero.figures.perks[_DOOR_SENSE]
    darkness = DOOR_DARK + cat.ascents[state.ascension].dark
    outputs = dice.peek(stream.layout, _DRAWS_MAX)
    doors: list[Door] = []
    for _ in range(2 + (next(outputs) * 2 >> 64)):
        dark = next(outputs) * 1000 >> 64 < darkness
        if dark and not seeing:
            door = Door(-1, _DARK, -1)
        else:
            hint = _ALL_KNOWN if next(outputs) * 2 >> 64 else _KIND_KNOWN
            door = _door(cat, dungeon, hint, outputs)
        if door not in doors:  # two doors that look alike are no choice
            doors.append(door)
    stream.layout = dice.advance_past(stream.layout, _DRAWS_MAX, outputs)
    return doors


def _door_behind(cat: Catalogue, state: State, dungeon: Dungeon) -> Door:
    stream = state.dice
    door = _door(cat, dungeon, _KIND_KNOWN, dice.peek(stream.layout, 2))
    stream.layout = dice.advance(stream.layout, 2)
    return door


def _door(cat: Catalogue, dungeon: Dungeon, hint: int, outputs: Iterator[int]) -> Door:
    """Make a door from two outputs of the stream, or from three if its hint includes the enemy."""
    kind = _DOORS_DRAWN[next(outputs) * 100 >> 64]
    places = cat.places[dungeon.theme][kind]
    place = places[next(outputs) * len(places) >> 64]
    if hint == _ALL_KNOWN and kind in (_FIGHT, _ELITE):
        met = _dwellers(cat, dungeon, kind)
        return Door(kind, _ALL_KNOWN, place, met[next(outputs) * len(met) >> 64])
    return Door(kind, _KIND_KNOWN, place)


def _last_door(cat: Catalogue, state: State, dungeon: Dungeon) -> Door:
    places = cat.places[dungeon.theme][_FIGHT]
    place = places[dice.layout(state.dice, len(places))]
    enemy = cat.boss_of_region[state.world.region] if dungeon.boss else _draw_enemy(cat, state, dungeon)
    return Door(_FIGHT, _ALL_KNOWN, place, enemy)


def _draw_enemy(cat: Catalogue, state: State, dungeon: Dungeon, kind: int = _FIGHT) -> int:
    met = _dwellers(cat, dungeon, kind)
    return met[dice.layout(state.dice, len(met))]


def _dwellers(cat: Catalogue, dungeon: Dungeon, kind: int) -> Sequence[int]:
    """Return the enemies of which a room of this kind draws one.

    Half of the places of an elite room belong to the named elites of the theme.
    """
    roster = dungeon.roster
    named = cat.elites[dungeon.theme] if kind == _ELITE else ()
    return [*roster, *(named[place % len(named)] for place in range(len(roster)))] if named else roster


def _dungeon(state: State) -> Dungeon:
    assert state.dungeon is not None
    return state.dungeon
