"""The planner sees a kill, a heavy after the shown action, and an opening; a budget is a depth."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dungeonfighter.bots.planner import Planner, depth_of, foreseen
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import play_run
from dungeonfighter.bots.search import Search
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Mode, Observation
from dungeonfighter.rules.state import Intent, Rank
from tests.unit.rules.position import combat_state, enemy, rules

STANCES = frozenset("1234")


def fight(intent: Intent = Intent.normal, *, pattern_at: int = 0, **changes: object) -> Observation:
    """Return a fight with a guardian of level 1 that acts in 4 s; `changes` are fields of the view."""
    state = combat_state(
        against=enemy("knight"), rank=Rank.guardian, level=1, intent=intent, at=4000, damage=60,
        health=200, pattern_at=pattern_at,
    )  # fmt: skip
    seen = rules().observe(state)
    assert seen.combat is not None
    usual: dict[str, object] = {"enemy_period": 7600}
    return replace(seen, combat=replace(seen.combat, **(usual | changes)))


def planned(seen: Observation, budget: int = 200, legal: frozenset[str] = STANCES) -> str:
    assert seen.combat is not None
    costs = Planner(seen, seen.combat).costs(legal, budget)
    return min(costs, key=lambda text: (costs[text], text))


@pytest.mark.parametrize(("budget", "depth"), [(1, 1), (143, 1), (144, 2), (1728, 3), (300_000, 4)])
def test_a_budget_of_outcomes_is_a_depth(budget: int, depth: int) -> None:
    assert depth_of(budget) == depth


@pytest.mark.parametrize("budget", [1, 200])
def test_it_guards_against_a_shown_heavy(budget: int) -> None:
    assert planned(fight(Intent.heavy, incoming=220), budget) == "4"


def test_it_does_not_guard_against_a_feint() -> None:
    assert planned(fight(Intent.feint)) != "4"


def test_it_ends_the_fight_with_the_surest_hit() -> None:
    assert planned(fight(health=3)) == "2"


def test_it_uses_an_opening_when_the_enemy_defends() -> None:
    assert planned(fight(Intent.defend, incoming=0, opening=True)) == "3"


def test_it_drinks_when_the_next_action_would_kill() -> None:
    seen = fight(Intent.heavy, incoming=132)
    weak = replace(seen, player=replace(seen.player, health=45, potions=2))
    assert planned(weak, legal=frozenset("12345")) in ("4", "5")
    assert planned(weak, legal=frozenset("1235")) == "5"


def test_it_foresees_the_rest_of_the_pattern_from_two_actions() -> None:
    against = enemy("knight")
    names = [Intent(n).name for n in rules().catalogue.enemy_pattern[against]]
    seen = fight(Intent[names[1]], pattern_at=2)
    assert seen.combat is not None
    assert foreseen(seen.combat)[:4] == [names[1], names[2], names[3], names[4]]


def test_it_foresees_only_what_is_shown_without_a_pattern() -> None:
    seen = rules().observe(combat_state())
    assert seen.combat is not None
    assert foreseen(seen.combat) == [seen.combat.intent]


def test_the_name_of_the_policy_may_have_a_budget() -> None:
    assert isinstance(make_policy("search-1728"), Search)
    for wrong in ("search-0", "search-9999999", "search-x"):
        with pytest.raises(BadInput):
            make_policy(wrong)
    with pytest.raises(ValueError, match="budget"):
        Search(0)


def test_equal_runs_of_the_search_are_equal() -> None:
    first = play_run(rules(), make_policy("search"), 3, 150, mode=Mode.casual)
    assert play_run(rules(), make_policy("search"), 3, 150, mode=Mode.casual) == first
