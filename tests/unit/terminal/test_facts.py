"""The facts beside the observation: talents, actions and archetypes in figures, wares that are too dear."""

from __future__ import annotations

from dungeonfighter.rules import GameOptions
from dungeonfighter.rules.state import State
from dungeonfighter.terminal.facts import Facts, facts
from tests.unit.rules.position import cleared, hub, rules, teach


def of(state: State) -> Facts:
    return facts(rules().catalogue, rules().observe(state))


def test_before_the_choice_of_a_weapon_there_are_few() -> None:
    few = of(rules().new_game(GameOptions(seed=1)))
    assert (few.too_dear, dict(few.talents), dict(few.actions)) == ("", {}, {})


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


def test_the_hub_names_what_is_too_dear() -> None:
    state = hub()
    state.hero.gold = 0
    assert of(state).too_dear.startswith("Too dear: Potion ")
    assert of(cleared()).too_dear == ""
