"""The fields of an observation about bonuses of the strip, a new level, a boss change and a repeat."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.journey import dungeon as dungeon_rules
from dungeonfighter.rules.state import Phase, Rank, State
from dungeonfighter.rules.views.observation import CombatView, Observation
from tests.unit.rules.position import cleared, combat_state, hub, play, rules, the_dungeon


def of(state: State) -> Observation:
    return rules().observe(state)


def fight(state: State) -> CombatView:
    combat = of(state).combat
    assert combat is not None
    return combat


def strip(*names: str, step: int = 0) -> State:
    state = combat_state(step=step)
    numbers = {row.id: number for number, row in enumerate(rules().catalogue.actions)}
    state.hero.strip = [numbers[name] for name in names]
    return state


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (strip("battle_roar", "slam"), ["opener"]),
        (strip("slam", "battle_roar", step=1), []),
        (strip("slam", "last_word", step=1), ["finisher"]),
        (strip("slam", "last_word", "slam", step=1), []),
        (strip("earth_crack", "slam", step=1), ["set up"]),
        (strip("earth_crack", "last_word", step=1), ["finisher", "set up"]),
        (strip("last_word"), []),
    ],
)
def test_the_next_action_has_the_bonuses_of_its_place(state: State, expected: list[str]) -> None:
    assert fight(state).bonuses == expected


def test_a_new_level_tells_what_it_brought_until_the_choice() -> None:
    state = hub()
    assert of(state).growth is None
    state.hero.xp = tables.xp_next(state.hero.level)
    play(state, "2")
    assert state.phase == Phase.LevelUp
    growth = of(state).growth
    assert growth is not None
    assert "STR +3" in growth.words
    play(state, "1")
    assert of(state).growth is None


def test_a_boss_has_changed_from_half_health_on() -> None:
    state = combat_state(rank=Rank.boss)
    changed = combat_state(rank=Rank.boss, low=True)
    assert not fight(state).changed
    assert fight(changed).changed


def test_a_repeat_is_known_in_its_turn_only() -> None:
    state = cleared(rooms=2, level=5)
    the_dungeon(state).room = 2
    for expected in (False, True):
        the_dungeon(state).level = 5
        state.turn_start = len(state.log)
        dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
        assert of(state).repeat is expected
    state.turn_start = len(state.log)
    assert not of(state).repeat
