"""The facts beside the observation: what a level brought, the bonuses of the strip, talents in figures."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import GameOptions, tables
from dungeonfighter.rules.journey import dungeon as dungeon_rules
from dungeonfighter.rules.state import Phase, Rank, State
from dungeonfighter.terminal.facts import Facts, facts
from tests.unit.rules.position import cleared, combat_state, hub, play, rules, teach, the_dungeon


def of(state: State) -> Facts:
    return facts(rules().catalogue, rules().observe(state))


def test_before_the_choice_of_a_weapon_there_are_few() -> None:
    few = of(rules().new_game(GameOptions(seed=1)))
    assert (few.grown, few.too_dear, few.bonuses, few.found, few.is_braced) == ((), "", (), 0, False)


def strip(*names: str, step: int = 0) -> State:
    state = combat_state(step=step)
    numbers = {row.id: number for number, row in enumerate(rules().catalogue.actions)}
    state.hero.strip = [numbers[name] for name in names]
    return state


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (strip("battle_roar", "slam"), ("opener",)),
        (strip("slam", "battle_roar", step=1), ()),
        (strip("slam", "last_word", step=1), ("finisher",)),
        (strip("slam", "last_word", "slam", step=1), ()),
        (strip("earth_crack", "slam", step=1), ("set up",)),
        (strip("earth_crack", "last_word", step=1), ("finisher", "set up")),
        (strip("last_word"), ()),
    ],
)
def test_the_next_action_has_the_bonuses_of_its_place(state: State, expected: tuple[str, ...]) -> None:
    assert of(state).bonuses == expected


def test_a_new_level_tells_what_it_brought_until_the_choice() -> None:
    state = hub()
    assert of(state).grown == ()
    state.hero.xp = tables.xp_next(state.hero.level)
    play(state, "2")
    assert state.phase == Phase.LevelUp
    assert "STR +3" in of(state).grown
    play(state, "1")
    assert of(state).grown == ()


def test_the_talents_and_the_actions_of_items_have_their_figures() -> None:
    state = hub()
    amount = teach(state, "executioner")
    assert f"x{amount / 1000:g} " in of(state).talents["Executioner"]
    cat = rules().catalogue
    number = next(n for n, row in enumerate(cat.actions) if row.name == "Cinder")
    worn = state.hero.worn[0]
    assert worn is not None
    assert "Cinder" not in of(state).actions
    worn.actions = [number]
    assert of(state).actions["Cinder"].startswith("60%, ")


def test_every_archetype_has_its_factors() -> None:
    kinds = of(hub()).kinds
    assert kinds.keys() == {row.archetype for row in rules().catalogue.enemies}
    assert "deals x1.25" in kinds["giant"]


def test_a_boss_has_changed_from_half_health_on() -> None:
    state = combat_state(rank=Rank.boss)
    assert not of(state).has_changed
    assert of(combat_state(rank=Rank.boss, low=True)).has_changed


def test_a_repeat_is_known_in_its_turn_only() -> None:
    state = cleared(rooms=2, level=5)
    the_dungeon(state).room = 2
    for expected in (False, True):
        the_dungeon(state).level = 5
        state.turn_start = len(state.log)
        dungeon_rules._room_cleared(rules().catalogue, state, the_dungeon(state))
        assert of(state).is_repeat is expected
    state.turn_start = len(state.log)
    assert not of(state).is_repeat


def test_the_hub_names_what_is_too_dear() -> None:
    state = hub()
    state.hero.gold = 0
    assert of(state).too_dear.startswith("Too dear: Potion ")
    assert of(cleared()).too_dear == ""
