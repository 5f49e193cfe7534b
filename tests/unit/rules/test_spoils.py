"""Choices of one item among several shown: the spoils of an elite, a treasure with a lock and a guard."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import State, Step, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Door, Phase, Rank, RoomKind, RoomPhase, Status
from tests.unit.rules.position import (
    LATER,
    cleared,
    doors,
    happened,
    inputs,
    play,
    roll,
    roll_event,
    room,
    rules,
    the_dungeon,
    the_fight,
)


def beaten_elite() -> State:
    state = room(RoomKind.elite)
    roll_event(state, 8)
    play(state, "1")
    win(state)
    return state


def win(state: State) -> None:
    """Kill the enemy with the next attack."""
    the_fight(state).health = 1
    the_fight(state).enemy.next_at = LATER
    roll(state, 20)
    play(state, "1")


@pytest.mark.parametrize("choice", [1, 2, 3])
def test_an_elite_gives_the_chosen_one_of_three_shown_items(choice: int) -> None:
    state = beaten_elite()
    assert inputs(state) == ["1", "2", "3"]
    seen = rules().observe(state).current_room
    assert seen is not None
    wanted = the_dungeon(state).stock[choice - 1]
    step = play(state, str(choice))
    assert state.hero.bag[-1] == wanted
    assert len(state.hero.bag) == 1
    assert len(seen.stock) == 3
    assert happened(step, Event.RoomCleared)
    assert the_dungeon(state).phase == RoomPhase.cleared


def treasure() -> State:
    state = room(RoomKind.treasure)
    play(state, "1")
    return state


def test_a_treasure_shows_an_open_a_locked_and_a_guarded_item() -> None:
    state = treasure()
    assert inputs(state) == ["1", "2", "3"]
    text = rules().text(state, "e1 t1")
    for words in ("1 take ", "2 lock 60% (else -", "3 fight for "):
        assert words in text


def test_the_locked_item_is_two_levels_higher_and_the_shown_rarities_have_their_steps() -> None:
    found = []
    for start in range(60):
        state = room(RoomKind.treasure)
        state.dice.loot = start
        play(state, "1")
        found.append(the_dungeon(state).stock)
    assert {tuple(item.level for item in stock) for stock in found} == {(10, 12, 10)}
    assert [min(stock[place].rarity for stock in found) for place in range(3)] == [0, 1, 2]


def test_the_spoils_of_an_elite_are_one_rarity_better() -> None:
    rarities = set()
    for start in range(60):
        state = room(RoomKind.elite)
        roll_event(state, 8)
        play(state, "1")
        state.dice.loot = start
        win(state)
        rarities |= {item.rarity for item in the_dungeon(state).stock}
    assert min(rarities) == 1


def test_the_guarded_item_is_given_for_a_kill() -> None:
    state = treasure()
    wanted = the_dungeon(state).stock[2]
    play(state, "3")
    assert (state.phase, the_fight(state).rank) == (Phase.Combat, Rank.normal)
    win(state)
    assert state.hero.bag[-1] == wanted
    assert (the_dungeon(state).kills, the_dungeon(state).stock) == (1, [])


def test_who_flees_from_the_guard_loses_the_item() -> None:
    state = treasure()
    play(state, "3")
    the_fight(state).enemy.next_at = LATER
    roll(state, 20)
    play(state, "8")
    assert (state.hero.bag, the_dungeon(state).stock) == ([], [])
    assert the_dungeon(state).phase == RoomPhase.cleared


def test_preparing_gives_a_shield_in_the_next_fight_for_a_ration() -> None:
    state = cleared(rooms=9)
    play(state, "6")
    assert state.hero.consumables[rules().catalogue.consumable_at[7]] == 0
    assert the_dungeon(state).omen == 2
    assert "3" not in inputs(state), "a ration is for a rest or for this"


def test_a_prepared_shield_counts_in_a_fight_that_a_search_wakes() -> None:
    state = cleared(rooms=9)
    play(state, "6")
    roll_event(state, 1)
    play(state, "2")
    assert the_fight(state).hero.statuses[Status.shield] == 2
    assert the_dungeon(state).omen == 0


def test_a_prepared_shield_counts_against_the_guard_of_a_treasure() -> None:
    state = treasure()
    the_dungeon(state).omen = 2
    play(state, "3")
    assert (the_fight(state).hero.statuses[Status.shield], the_dungeon(state).omen) == (2, 0)


def test_the_doors_of_the_room_after_the_next_are_shown_and_come_true() -> None:
    state = cleared(rooms=9)
    for _ in range(6):
        play(state, "1")  # go on
        ahead = the_dungeon(state).ahead
        seen = rules().observe(state).current_room
        assert seen is not None
        assert len(seen.ahead) == len(ahead)
        assert "Behind: " in rules().text(state, "e1 t1")
        trap = rules().catalogue.places[the_dungeon(state).theme][RoomKind.trap][0]
        the_dungeon(state).doors = [Door(int(RoomKind.trap), 1, trap)]
        play(state, "1")
        if the_dungeon(state).phase == RoomPhase.offer:  # a trap with options
            play(state, "1")
        assert "Doors: " in rules().text(state, "e1 t1")
        the_dungeon(state).ahead = ahead
        play(state, "1")
        assert the_dungeon(state).doors == ahead
        the_dungeon(state).phase = int(RoomPhase.cleared)
        the_dungeon(state).doors = []


def test_the_guardian_is_shown_two_rooms_ahead() -> None:
    state = doors(level=1)
    play(state, "9")
    play(state, "dungeon 2")
    assert "Behind: guardian." in rules().text(state, "e1 t1")


def test_an_informing_entry_lets_the_hero_see_through_the_next_doors() -> None:
    state = room(RoomKind.fight)
    dungeon = the_dungeon(state)
    dungeon.rooms = 9
    dungeon.ahead = [Door(-1, 0, -1)]
    roll_event(state, 11)
    assert happened(play(state, "1"), Event.Learned)
    win(state)
    play(state, "1")
    assert the_dungeon(state).doors[0].kind >= 0


@pytest.mark.parametrize("rooms", [1, 2])
def test_an_entry_without_doors_to_learn_about_makes_an_opening(rooms: int) -> None:
    state = room(RoomKind.fight)
    the_dungeon(state).rooms = rooms
    roll_event(state, 11)
    step = play(state, "1")
    assert not happened(step, Event.Learned)
    assert happened(step, Event.OpeningSeen)
    assert the_fight(state).opening
    assert "Entry roll 11: an opening." in rules().text(state, "e1")


def searched(kind: RoomKind, face: int) -> Step:
    """Search a room of this kind with this face of the d20."""
    state = cleared(kind=int(kind))
    roll_event(state, face)
    return play(state, "2")


@pytest.mark.parametrize("kind", list(RoomKind))
def test_search_finds_on_the_highest_faces_and_wakes_on_the_lowest(kind: RoomKind) -> None:
    finds, wakes = tables.SEARCH_FINDS[kind], tables.SEARCH_WAKES[kind]
    for face in (20, 21 - finds):
        step = searched(kind, face)
        assert happened(step, Event.ConsumableFound) or happened(step, Event.ItemFound)
    for face in (20 - finds, wakes + 1):
        assert happened(searched(kind, face), Event.SearchFailed)
    if wakes:
        assert searched(kind, wakes).state.phase == Phase.Combat


@pytest.mark.parametrize("kind", list(RoomKind))
def test_the_view_tells_the_chances_of_a_search(kind: RoomKind) -> None:
    finds, wakes = (5 * table[kind] for table in (tables.SEARCH_FINDS, tables.SEARCH_WAKES))
    words = f"2 search {finds}% find" + (f", {wakes}% fight" if wakes else "") + " |"
    assert words in rules().text(cleared(kind=int(kind)), "e1")
