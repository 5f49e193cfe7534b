"""Enemies grow with turns without a first clear and rooms without a kill; a left dungeon stays as it is."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import world
from dungeonfighter.rules.state import Door, Fight, Rank, RoomKind, RoomPhase
from dungeonfighter.rules.views.labels import STIRS_SOON
from tests.unit.rules.position import (
    cleared,
    combat_state,
    doors,
    happened,
    hub,
    play,
    roll_event,
    rules,
    the_dungeon,
    the_fight,
)

STEP = tables.STALE_STEP
ALLOWANCE = tables.STALE_BASE + tables.STALE_ROOM * tables.rooms_of(1)


def fought(state: State) -> Fight:
    """Enter a room with a fight, without a surprise."""
    dungeon = the_dungeon(state)
    place = rules().catalogue.places[dungeon.theme][RoomKind.fight][0]
    dungeon.doors = [Door(int(RoomKind.fight), 2, place, dungeon.roster[0])]
    roll_event(state, 8)
    play(state, "1")
    return the_fight(state)


def figures(fight: Fight) -> tuple[int, int]:
    return fight.health_max, fight.damage


@pytest.mark.parametrize(("late", "grown"), [(-ALLOWANCE, 0), (4, 0), (5, STEP), (29, 5 * STEP)])
def test_enemies_grow_with_each_five_turns_beyond_the_allowance(late: int, grown: int) -> None:
    state = hub()
    state.world.spent = ALLOWANCE + late
    assert world.stirring(state) == grown
    assert world.allowance_left(state) == -late


def test_the_allowance_grows_with_the_rooms_of_the_lowest_uncleared_level() -> None:
    state = hub()
    state.world.frontier = 9
    assert world.allowance_left(state) == tables.STALE_BASE + tables.STALE_ROOM * 5


def test_a_stirring_dungeon_makes_every_new_enemy_stronger() -> None:
    calm, late = doors(), doors()
    late.world.spent = ALLOWANCE + 25
    health, damage = figures(fought(calm))
    grown = 1000 + 5 * tables.STALE_STEP
    assert figures(fought(late)) == (health * grown // 1000, damage * grown // 1000)


def test_the_growth_has_an_end() -> None:
    state = hub()
    state.world.spent = 10**7
    assert world.stirring(state) == tables.STALE_MOST


def test_a_first_clear_gives_a_new_allowance() -> None:
    state = hub()
    state.world.spent = ALLOWANCE + 50
    world.first_clear(rules().catalogue, state)
    assert (world.stirring(state), world.allowance_left(state)) == (0, ALLOWANCE)


def test_a_clone_gets_a_new_allowance() -> None:
    state = combat_state(faces=(10, 10), at=1)
    state.hero.health = 1
    state.world.spent = ALLOWANCE + 50
    play(state, "1")
    play(state, "1")
    assert world.stirring(state) == 0


@pytest.mark.parametrize(("room", "kills", "grown"), [(4, 4, 0), (4, 1, 3), (4, 0, 4), (0, 0, 0), (4, 9, 0)])
def test_the_guardian_gathers_for_each_room_without_a_kill(room: int, kills: int, grown: int) -> None:
    state = cleared(rooms=5, kills=kills)
    the_dungeon(state).room = room
    assert world.gathered(the_dungeon(state)) == tables.GATHER * grown


@pytest.mark.parametrize(("room", "factor"), [(4, 1000 + 3 * tables.GATHER), (2, 1000)])
def test_only_the_guardian_has_gathered(room: int, factor: int) -> None:
    state, calm = cleared(rooms=5, kills=1), cleared(rooms=5, kills=9)
    for one in (state, calm):
        the_dungeon(one).room = room
        the_dungeon(one).phase = int(RoomPhase.doors)
    health, damage = figures(fought(calm))
    assert figures(fought(state)) == (health * factor // 1000, damage * factor // 1000)


def test_the_door_of_the_guardian_tells_what_it_has_gathered() -> None:
    state = cleared(rooms=5, kills=1)
    the_dungeon(state).room = 4
    play(state, "1")
    text = rules().text(state, "e1 t1")
    assert f"guardian +{3 * tables.GATHER // 10}% " in text
    seen = rules().observe(state)
    assert seen.current_dungeon is not None
    assert seen.current_dungeon.guardian_grown == 3 * tables.GATHER // 10


def test_the_views_of_a_dungeon_tell_what_gathers_on_the_way() -> None:
    state = cleared(rooms=5, kills=0)
    the_dungeon(state).room = 2
    assert f"Guardian +{2 * tables.GATHER // 10}%." in rules().text(state, "e1 t1")


def test_the_strength_of_the_guardian_is_shown_before_the_way_to_its_door() -> None:
    state = cleared(rooms=5, kills=0)
    the_dungeon(state).room = 3
    play(state, "1")
    assert f"Behind: guardian +{3 * tables.GATHER // 10}%." in rules().text(state, "e1 t1")
    the_dungeon(state).phase, the_dungeon(state).room = int(RoomPhase.cleared), 4
    grown = 4 * tables.GATHER // 10
    assert f"Doors: guardian +{grown}%." in rules().text(state, "e1 t1")


def test_the_hub_tells_the_allowance_and_then_the_growth() -> None:
    state = hub()
    assert f"Stirs in {ALLOWANCE}." in rules().text(state, "e1 t1")
    assert (rules().observe(state).allowance_left, rules().observe(state).stirring) == (ALLOWANCE, 0)
    state.world.spent = ALLOWANCE + 20
    assert (
        f"The dungeons stir: enemies +{4 * tables.STALE_STEP // 10}% until a new level is cleared."
        in rules().text(state, "e1 t1")
    )
    assert (rules().observe(state).allowance_left, rules().observe(state).stirring) == (
        0,
        4 * tables.STALE_STEP // 10,
    )


def first_line(state: State) -> str:
    return rules().text(state, "e1 t1").split("\n")[0]


def test_a_dungeon_always_tells_the_clock() -> None:
    state = cleared()
    assert first_line(state).endswith(f", stirs in {ALLOWANCE}")
    state.world.spent = ALLOWANCE + 1
    assert first_line(state).endswith(", stirring")
    state.world.spent = ALLOWANCE + 2 * tables.STALE_EVERY
    assert first_line(state).endswith(f", stirred +{2 * STEP // 10}%")


def test_a_fight_tells_the_last_turns_of_the_allowance() -> None:
    state = combat_state()
    state.world.spent = ALLOWANCE - STIRS_SOON - 1
    assert "stir" not in first_line(state)
    state.world.spent = ALLOWANCE - STIRS_SOON
    assert first_line(state).endswith(f" | stirs in {STIRS_SOON}")


def test_the_views_tell_that_enemies_will_grow_before_they_have() -> None:
    state = hub()
    state.world.spent = ALLOWANCE + 1
    words = f"enemies +{STEP // 10}% every {tables.STALE_EVERY} turns until"
    assert f"The dungeons stir: {words}" in rules().text(state, "e1 t1")
    state.world.spent = ALLOWANCE + tables.STALE_EVERY
    assert f"The dungeons stir: enemies +{STEP // 10}% until" in rules().text(state, "e1 t1")


def left() -> State:
    """Return a state at the hub after the hero left a dungeon of level 1 in room 1 of 9."""
    state = cleared(rooms=9, level=1, kills=1, searched=True)
    play(state, "9")
    return state


def test_a_left_dungeon_is_entered_where_it_was_left() -> None:
    state = left()
    step = play(state, "dungeon 1")
    assert happened(step, Event.DungeonResumed)
    dungeon = the_dungeon(state)
    assert (dungeon.room, dungeon.kills, dungeon.searched) == (1, 1, True)
    assert state.world.held is None


def test_the_offers_name_the_room_of_a_left_dungeon() -> None:
    state = left()
    play(state, "1")
    assert "(you left it in room 1)" in rules().text(state, "e1 t1")
    assert [offer.resumes_at for offer in rules().observe(state).dungeons] == [1, 0]


def test_another_level_is_a_new_dungeon_and_keeps_the_left_one() -> None:
    state = left()
    assert happened(play(state, "dungeon 2"), Event.DungeonEntered)
    assert state.world.held is not None


def test_a_guardian_that_one_fled_from_is_fresh() -> None:
    state = combat_state(rank=Rank.guardian, faces=(10, 0, 20), health=500, level=1)
    dungeon = the_dungeon(state)
    dungeon.level, dungeon.room, dungeon.rooms = 1, 5, 5
    the_fight(state).health = 10
    kind = the_fight(state).enemy_kind
    play(state, "8")
    play(state, "dungeon 1")
    assert [(door.kind, door.enemy) for door in the_dungeon(state).doors] == [(RoomKind.fight, kind)]
    assert the_dungeon(state).room == 4
    assert world.gathered(the_dungeon(state)) == 5 * tables.GATHER, "the flight counts as another room"
    roll_event(state, 8)
    play(state, "1")
    assert the_fight(state).rank == Rank.guardian
    assert the_fight(state).health == the_fight(state).health_max


def test_a_copied_state_does_not_share_the_resumed_dungeon() -> None:
    state = left()
    after = rules().apply(state, "dungeon 1").state
    the_dungeon(after).room = 7
    assert state.world.held is not None
    assert state.world.held.room == 1
