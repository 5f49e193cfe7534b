"""Deaths: a way out is found where there is one, and forks leave the state as it was."""

from __future__ import annotations

from dungeonfighter.laboratory.deaths import (
    BEFORE_FIGHT,
    NO_WAY_OUT,
    LastDecisions,
    has_way_out,
    is_dead,
    unanswered,
)
from dungeonfighter.rules import State
from dungeonfighter.rules.state import Intent
from tests.unit.rules import position


def threatened(health: int, damage: int) -> State:
    """Return a fight in which the enemy acts at once, whatever the hero does."""
    state = position.combat_state(intent=Intent.heavy, at=1)
    assert state.fight is not None
    state.fight.damage = damage
    state.hero.health = health
    state.hero.consumables = [0] * len(state.hero.consumables)
    return state


def test_a_hero_that_survives_the_next_hit_has_a_way_out() -> None:
    rules = position.rules()
    state = threatened(health=200, damage=30)
    before = rules.encode(state)
    assert has_way_out(rules, state, seed=1)
    assert rules.encode(state) == before


def test_a_hero_that_every_input_kills_has_none() -> None:
    rules = position.rules()
    state = threatened(health=1, damage=5000)
    assert not has_way_out(rules, state, seed=1)
    assert unanswered(rules, [state], 1) == NO_WAY_OUT


def test_a_way_out_one_decision_earlier_counts() -> None:
    rules = position.rules()
    states = [threatened(health=200, damage=30), threatened(health=1, damage=5000)]
    assert unanswered(rules, states, 1) == ""


def test_a_death_without_any_input_of_the_fight_is_unanswered() -> None:
    assert unanswered(position.rules(), [], 1) == BEFORE_FIGHT


def test_the_decisions_of_an_earlier_fight_answer_no_later_death() -> None:
    rules, last = position.rules(), LastDecisions()
    last.note(threatened(health=200, damage=30))
    assert (last.unanswered(rules, 1), last.place) == ("", "Combat")
    last.note(position.cleared())
    assert (last.unanswered(rules, 1), last.place) == (BEFORE_FIGHT, "Dungeon")


def test_a_decision_is_kept_as_it_was() -> None:
    rules, last = position.rules(), LastDecisions()
    state = threatened(health=200, damage=30)
    last.note(state)
    state.hero.health = 1
    assert last.unanswered(rules, 1) == ""
    assert last.health == 200 / state.hero.figures.health_max


def test_only_the_dead_are_dead() -> None:
    rules = position.rules()
    state = threatened(health=1, damage=5000)
    assert not is_dead(state)
    for seed in range(20):
        rules.reseed(state, seed)
        step = rules.apply(state, "1")
        if step.state.hero.health == 0:
            assert is_dead(step.state)
            return
    raise AssertionError("the enemy never hit")
