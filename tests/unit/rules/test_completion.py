"""The completion of a dungeon: its rewards, the scars, and what it does not give."""

from __future__ import annotations

from dungeonfighter.rules import State
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import dungeon as dungeon_rules
from dungeonfighter.rules.state import Phase
from tests.unit.rules.position import cleared, rules, the_dungeon


def complete_dungeon(level: int = 10, hero_level: int = 1) -> State:
    state = cleared(rooms=2)
    state.hero.level = hero_level
    dungeon = the_dungeon(state)
    dungeon.level, dungeon.room = level, 2
    dungeon_rules._room_cleared(rules().catalogue, state, dungeon)
    return state


def test_completion_does_not_heal() -> None:
    state = cleared(rooms=2)
    state.hero.health = 10
    the_dungeon(state).room = 2
    dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
    assert (state.phase, state.hero.health) == (Phase.DungeonCompletion, 10)


def test_the_item_of_a_bosss_dungeon_is_two_rarities_better() -> None:
    rarities = set()
    for start in range(40):
        state = cleared(rooms=2, boss=True)
        the_dungeon(state).room = 2
        state.dice.loot = start
        dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
        rarities.add(state.hero.bag[-1].rarity)
    assert min(rarities) == 2


def test_completion_gives_one_item_above_the_dungeons_level() -> None:
    state = complete_dungeon(level=6, hero_level=4)
    assert [item.level for item in state.hero.bag] == [8]


def test_the_first_completion_always_gives_level_2() -> None:
    state = complete_dungeon(level=1)
    assert state.hero.xp >= 300


def test_a_new_level_heals_the_scars() -> None:
    state = cleared(rooms=2)
    state.hero.scars = 3
    the_dungeon(state).room = 2
    dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
    assert state.hero.scars == 0


def test_a_repeat_is_named_in_the_turn_that_completes_it() -> None:
    state = complete_dungeon(level=5)
    assert "A repeat" not in rules().text(state, "e1 t1")
    the_dungeon(state).level = 5
    state.turn_start = len(state.log)
    dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
    assert "A repeat: no points, the clock runs on." in rules().text(state, "e1 t1")
    state.turn_start = len(state.log)
    assert "A repeat" not in rules().text(state, "e1 t1")


def test_all_experience_of_the_last_room_is_in_the_events() -> None:
    state = cleared(rooms=2)
    state.hero.level = 9
    the_dungeon(state).room = 2
    before = state.hero.xp
    dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
    by_code = {event[0]: event for event in state.log}
    gained = by_code[Event.ExperienceGained][1] + by_code[Event.DungeonCleared][2]
    assert gained == state.hero.xp - before
    assert f"+{by_code[Event.ExperienceGained][1]} xp." in rules().text(state, "e1 t1")


def test_a_repeated_completion_is_worth_less_than_two_thirds() -> None:
    first, repeated = complete_dungeon(level=5), complete_dungeon(level=5)
    assert first.reward[0] == 750
    the_dungeon(repeated).level = 5
    dungeon_rules._complete(rules().catalogue, repeated, the_dungeon(repeated))
    assert repeated.reward[0] == 425
