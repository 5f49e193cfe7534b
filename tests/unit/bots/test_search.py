"""The search sees kills, heavies, feints and openings by simulated fights; a budget is a number of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dungeonfighter.bots.imagined import imagine
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.rollouts import Rollouts
from dungeonfighter.bots.runner import play_run
from dungeonfighter.bots.search import Search
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Mode, Observation
from dungeonfighter.rules.state import Intent, Rank
from tests.unit.rules.position import combat_state, enemy, rules

STANCES = "1234"


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


def worth(seen: Observation, text: str, simulations: int = 200) -> float:
    """Return the mean worth of the fights that begin with an input."""
    assert seen.combat is not None
    rollouts = Rollouts(imagine(seen, seen.combat))
    return sum(rollouts.worth(text, seed) for seed in range(simulations)) / simulations


def best(seen: Observation, inputs: str = STANCES) -> str:
    return max(inputs, key=lambda text: worth(seen, text))


def test_it_guards_against_a_shown_heavy() -> None:
    assert best(fight(Intent.heavy, incoming=132)) == "4"


def test_it_does_not_guard_against_a_feint() -> None:
    assert best(fight(Intent.feint, incoming=60)) != "4"


def test_it_ends_the_fight_with_the_surest_hit() -> None:
    assert best(fight(health=3)) == "2"


def test_it_uses_an_opening_when_the_enemy_defends() -> None:
    assert best(fight(Intent.defend, incoming=0, opening=True)) == "3"


def test_it_drinks_rather_than_dies() -> None:
    seen = fight(Intent.heavy, incoming=132)
    weak = replace(seen, player=replace(seen.player, health=100, potions=2))
    assert best(weak, "1235") == "5"


def test_a_better_input_replaces_the_usual_one_and_an_equal_one_does_not() -> None:
    seen = fight(Intent.heavy, incoming=132)
    assert seen.combat is not None
    state = imagine(seen, seen.combat)
    assert Rollouts(state).best("34", "3", 2000) == "4"
    assert Rollouts(state).best("34", "4", 2000) == "4"
    assert Rollouts(state).best(["3", "4"], "4", 1) == "4"


def test_the_simulations_do_not_change_the_fight() -> None:
    seen = fight()
    assert seen.combat is not None
    state = imagine(seen, seen.combat)
    before = rules().encode(state)
    Rollouts(state).best(STANCES, "1", 100)
    assert rules().encode(state) == before


def test_it_plays_as_the_heuristic_against_an_enemy_of_other_content() -> None:
    seen = fight(enemy="Nobody Known")
    assert Search(10_000).choose(seen) == make_policy("heuristic").choose(seen)


def test_the_name_of_the_policy_may_have_a_budget() -> None:
    assert isinstance(make_policy("search-1728"), Search)
    assert isinstance(make_policy("search-50ms"), Search)
    for wrong in ("search-0", "search-9999999", "search-x", "search-0ms", "search-60001ms", "search-ms"):
        with pytest.raises(BadInput):
            make_policy(wrong)
    with pytest.raises(ValueError, match="budget"):
        Search(0)


def rounds(milliseconds: int) -> int:
    """Return the rounds of one decision, by a clock that goes on by 10 ms from each look to the next."""
    looks: list[float] = []

    def clock() -> float:
        looks.append(len(looks) / 100)
        return looks[-1]

    Search(400, milliseconds=milliseconds, clock=clock).choose(fight(Intent.heavy, incoming=132))
    return len(looks) - 1


def test_no_round_begins_after_the_milliseconds() -> None:
    assert rounds(1) == 1
    assert rounds(15) == 2
    assert min(rounds(0), rounds(60_000)) > 2


def test_equal_runs_of_the_search_are_equal() -> None:
    first = play_run(rules(), make_policy("search-20"), 3, 60, mode=Mode.casual)
    assert play_run(rules(), make_policy("search-20"), 3, 60, mode=Mode.casual) == first
