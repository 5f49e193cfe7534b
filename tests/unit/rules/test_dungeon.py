"""Doors, the entry die, the offers of rooms, search, rest, leaving, completion."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import State, Step, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import dungeon as dungeon_rules
from dungeonfighter.rules.state import Door, Phase, Rank, RoomKind, RoomPhase, Status
from tests.unit.rules.position import (
    cleared,
    doors,
    happened,
    hub,
    inputs,
    play,
    roll,
    roll_event,
    room,
    rules,
    taken,
    the_dungeon,
    the_fight,
)


@pytest.mark.parametrize(("level", "expected"), [(1, 2), (4, 2), (5, 3), (10, 5), (24, 12), (60, 12)])
def test_rooms_grow_with_the_level(level: int, expected: int) -> None:
    assert tables.rooms_of(level) == expected


def draw_many_doors(**facts: int) -> list[Door]:
    """Return some 1,000 doors, drawn one room after the other."""
    state = cleared(rooms=12, **facts)
    seen: list[Door] = []
    for _ in range(400):
        the_dungeon(state).phase = int(RoomPhase.cleared)
        the_dungeon(state).room = 1
        dungeon_rules.go_on(rules().catalogue, state)
        seen += the_dungeon(state).doors
    return seen


def test_a_quarter_of_the_doors_is_dark() -> None:
    seen = draw_many_doors()
    assert 200 < 1000 * sum(door.hint == 0 for door in seen) // len(seen) < 300


def test_a_dark_door_has_no_kind_and_no_enemy() -> None:
    assert all(door.kind == -1 and door.enemy == -1 for door in draw_many_doors() if door.hint == 0)


def test_every_kind_of_room_occurs() -> None:
    assert {door.kind for door in draw_many_doors()} >= set(RoomKind)


def test_one_to_three_doors() -> None:
    """Two or three are drawn; those that look alike are one."""
    state = cleared(rooms=12)
    counts = set()
    for _ in range(400):
        the_dungeon(state).room = 1
        dungeon_rules.go_on(rules().catalogue, state)
        counts.add(len(the_dungeon(state).doors))
    assert counts == {1, 2, 3}


def test_before_the_last_room_there_is_one_door() -> None:
    state = cleared(rooms=5)
    the_dungeon(state).room = 4
    play(state, "1")
    assert inputs(state) == ["1", "4", "9"]


def test_the_last_room_holds_a_guardian() -> None:
    state = cleared(rooms=5)
    the_dungeon(state).room = 4
    play(state, "1")
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).rank == Rank.guardian


def test_a_boss_dungeon_ends_with_the_regions_boss() -> None:
    state = cleared(rooms=5, boss=True)
    the_dungeon(state).room = 4
    play(state, "1")
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).enemy_kind == rules().catalogue.boss_of_region[0]


def test_behind_an_elite_door_stands_an_elite() -> None:
    state = room(RoomKind.elite)
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).rank == Rank.elite


def test_the_hero_meets_the_enemy_named_at_the_door() -> None:
    state = room(RoomKind.fight)
    enemy = the_dungeon(state).roster[-1]
    the_dungeon(state).doors = [Door(0, 2, the_dungeon(state).doors[0].theme_room, enemy)]
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).enemy_kind == enemy


def entry(face: int) -> list[int]:
    state = room(RoomKind.fight)
    roll_event(state, face)
    return [event[0] for event in play(state, "1").events]


@pytest.mark.parametrize("face", [1, 5])
def test_entry_surprised(face: int) -> None:
    assert Event.Surprised in entry(face)


def test_the_enemy_acts_first_on_a_surprised_hero() -> None:
    events = entry(1)
    assert {Event.EnemyAttacked, Event.EnemyMissed, Event.EnemyDefended, Event.EnemyHealed} & set(events)


def test_entry_without_effect() -> None:
    assert entry(6) == entry(9)


def test_entry_information_reveals_the_next_doors() -> None:
    state = room(RoomKind.fight)
    roll_event(state, 10)
    play(state, "1")
    assert the_dungeon(state).informed


def test_an_informed_hero_sees_no_dark_door() -> None:
    state = cleared(rooms=12, informed=True)
    play(state, "1")
    assert all(door.hint for door in the_dungeon(state).doors)


def test_entry_hazard() -> None:
    assert Event.HazardStruck in entry(13)


def test_entry_first_strike_delays_the_enemy() -> None:
    state = room(RoomKind.fight)
    roll_event(state, 16)
    play(state, "1")
    fight = the_fight(state)
    assert fight.enemy.next_at == fight.period + fight.period * tables.INTENT_LENGTH[fight.intent] // 1000


def test_a_trap_can_be_avoided() -> None:
    state = room(RoomKind.trap)
    roll_event(state, 20)
    assert taken(state, "1") == 0


def test_a_trap_hurts() -> None:
    state = room(RoomKind.trap)
    roll_event(state, 2)
    assert taken(state, "1") > state.hero.figures.health_max // 20


def test_a_trap_leaves_the_last_point() -> None:
    state = room(RoomKind.trap)
    state.hero.health = 3
    roll_event(state, 2)
    play(state, "1")
    assert state.hero.health == 1


def test_input_1_takes_the_treasure() -> None:
    state = room(RoomKind.treasure)
    play(state, "1")
    play(state, "1")
    assert len(state.hero.bag) == 1


def test_a_forced_lock_gives_a_better_item() -> None:
    state = room(RoomKind.treasure)
    play(state, "1")
    roll_event(state, 15)
    play(state, "2")
    assert state.hero.bag[0].level == 12
    assert state.hero.bag[0].rarity >= 1


def test_a_snapped_lock_hurts() -> None:
    state = room(RoomKind.treasure)
    play(state, "1")
    roll_event(state, 2)
    assert taken(state, "2") == state.hero.figures.health_max * 150 // 1000


def test_a_snapped_lock_leaves_some_gold_and_no_item() -> None:
    state = room(RoomKind.treasure, level=4)
    gold = state.hero.gold
    play(state, "1")
    roll_event(state, 2)
    play(state, "2")
    assert (state.hero.gold, state.hero.bag) == (gold + 40, [])


def test_a_merchant_sells() -> None:
    state = room(RoomKind.merchant)
    play(state, "1")
    state.hero.gold = 10_000
    play(state, "2")
    assert len(state.hero.bag) == 1
    assert state.hero.gold < 10_000


def test_a_merchant_sells_potions() -> None:
    state = room(RoomKind.merchant)
    play(state, "1")
    state.hero.gold = 10_000
    before = state.hero.consumables[rules().catalogue.consumable_at[5]]
    play(state, "4")
    assert state.hero.consumables[rules().catalogue.consumable_at[5]] == before + 1


def test_a_purchase_leaves_the_merchant_open() -> None:
    state = room(RoomKind.merchant)
    play(state, "1")
    state.hero.gold = 10_000
    play(state, "2")
    assert the_dungeon(state).phase == RoomPhase.offer


def test_a_merchant_offers_no_trade_to_a_hero_without_gold() -> None:
    state = room(RoomKind.merchant)
    play(state, "1")
    state.hero.gold = 0
    assert inputs(state) == ["1"]


def test_a_rest_room_heals_40_percent() -> None:
    state = room(RoomKind.rest)
    play(state, "1")
    state.hero.health = 1
    play(state, "1")
    assert state.hero.health == 1 + state.hero.figures.health_max * 400 // 1000


def test_health_that_would_not_be_gained_is_not_offered() -> None:
    state = room(RoomKind.rest)
    assert " hp or " not in rules().text(state, "e1").rpartition("\n")[2]
    play(state, "1")
    assert "\n1 sleep |2 study +" in rules().text(state, "e1")
    state.hero.health -= 7
    assert "\n1 sleep +7 hp |2 study +" in rules().text(state, "e1")


def test_a_rest_room_teaches() -> None:
    state = room(RoomKind.rest)
    play(state, "1")
    assert happened(play(state, "2"), Event.ExperienceGained)


def test_a_rest_room_mends_a_scar() -> None:
    state = room(RoomKind.rest)
    state.hero.scars = 2
    play(state, "1")
    play(state, "3")
    assert state.hero.scars == 1


def test_a_woken_fight_does_not_clear_the_room_twice() -> None:
    state = cleared()
    roll_event(state, 1)
    play(state, "2")
    the_fight(state).health = 1
    the_fight(state).enemy.next_at = 10**6
    roll(state, 10)
    assert not happened(play(state, "1"), Event.RoomCleared)


def test_a_room_can_be_searched_once() -> None:
    state = cleared()
    roll_event(state, 10)
    play(state, "2")
    assert "2" not in inputs(state)


def test_rest_heals_half_for_a_ration() -> None:
    state = cleared()
    state.hero.health = 1
    play(state, "3")
    assert state.hero.health == 1 + state.hero.figures.health_max // 2
    assert state.hero.consumables[rules().catalogue.consumable_at[7]] == 0


def test_a_rest_needs_a_ration() -> None:
    state = cleared()
    state.hero.consumables = [0] * len(state.hero.consumables)
    assert "3" not in inputs(state)


def test_the_hero_can_rest_once_a_room() -> None:
    state = cleared(rooms=9)
    state.hero.consumables = [3] * len(state.hero.consumables)
    play(state, "3")
    assert "3" not in inputs(state)
    trap = rules().catalogue.places[the_dungeon(state).theme][RoomKind.trap][0]
    play(state, "1")
    the_dungeon(state).doors = [Door(int(RoomKind.trap), 1, trap)]
    play(state, "1")
    assert "3" in inputs(state)


def test_a_potion_heals_in_a_cleared_room() -> None:
    state = cleared()
    state.hero.health = 1
    play(state, "5")
    assert state.hero.health == 1 + state.hero.figures.health_max * 350 // 1000


def test_leaving_does_not_heal() -> None:
    state = cleared()
    state.hero.health = 50
    play(state, "9")
    assert state.hero.health == 50


def test_leaving_costs_10_turns_and_a_scar() -> None:
    state = cleared()
    play(state, "9")
    assert (state.world.spent, state.hero.scars, state.phase) == (10, 1, Phase.GameLoop)


def test_a_scar_costs_5_percent_of_health() -> None:
    state = cleared()
    before = state.hero.figures.health_max
    play(state, "9")
    assert state.hero.figures.health_max == before * 950 // 1000


def test_at_most_6_scars() -> None:
    state = cleared()
    state.hero.scars = 6
    play(state, "9")
    assert state.hero.scars == 6


def test_a_room_of_a_fight_is_worth_half_a_unit() -> None:
    state = won()
    assert happened(play(state, "1"), Event.RoomCleared)[0][1] == tables.unit(10) // 2


def test_a_room_without_a_fight_is_worth_no_experience() -> None:
    step = avoid_trap()
    assert happened(step, Event.RoomPassed)
    assert step.state.hero.xp == 0


def won() -> State:
    """Return a state in which the next attack kills the enemy of the first room."""
    state = room(RoomKind.fight)
    roll_event(state, 8)
    play(state, "1")
    the_fight(state).health = 1
    roll(state, 20)
    return state


def avoid_trap() -> Step:
    state = room(RoomKind.trap)
    roll_event(state, 20)
    return play(state, "1")


def test_the_hero_starts_before_doors() -> None:
    state = hub()
    play(state, "1")
    play(state, "1")
    assert (state.phase, the_dungeon(state).phase) == (Phase.Dungeon, RoomPhase.doors)


def test_the_room_shifts_the_thresholds_of_the_fight() -> None:
    cat = rules().catalogue
    state = room(RoomKind.fight)
    theme = the_dungeon(state).theme
    tilted = next(p for p in cat.places[theme][RoomKind.fight] if cat.place_rows[p].tilt == "hit")
    the_dungeon(state).doors = [Door(0, 1, tilted)]
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).hit == cat.place_rows[tilted].tilt_amount


def test_an_omen_shields_the_hero_in_the_next_fight() -> None:
    state = room(RoomKind.fight)
    the_dungeon(state).omen = 2
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.shield] == 2


def test_a_bad_omen_weakens_the_hero_in_the_next_fight() -> None:
    state = room(RoomKind.fight)
    the_dungeon(state).omen = -3
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.weaken] == 3
    assert the_dungeon(state).omen == 0


def test_a_dark_door_can_be_taken() -> None:
    assert inputs(doors(doors=[Door(0, 1, 0), Door(-1, 0, -1)])) == ["1", "2", "4", "9"]
