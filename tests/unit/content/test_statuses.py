"""Every status changes the course of some fight."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import GameOptions, Phase, State
from dungeonfighter.rules.state import Status
from tests.unit.content.playing import RULES, copy_of, states

AMOUNT = 2
ON_BOTH = [(status, side) for status in Status for side in ("hero", "enemy")]


def state_in_a_fight(seed: int) -> State:
    """Return a fight in which both sides have armour, so that pierce and acid have an effect."""
    for state in states(seed, 100):
        if state.phase == Phase.Combat and state.fight is not None:
            state.fight.armour = state.fight.hero_armour = 5
            return state
    raise AssertionError("no fight in 100 turns")


FIGHTS = [state_in_a_fight(seed) for seed in range(20, 44)]


def course(state: State, inputs: str = "1111") -> list[tuple[int, ...]]:
    """Return the course of a fight: health, armour and times of both sides after each input."""
    steps: list[tuple[int, ...]] = []
    for text in inputs:
        if state.phase != Phase.Combat or state.fight is None:
            break
        state = RULES.apply(state, text).state
        fight = state.fight
        health = state.hero.health
        steps.append((health,) if fight is None else (
            health, fight.health, fight.armour, fight.hero_armour, fight.hero.next_at, fight.enemy.next_at,
        ))  # fmt: skip
    return steps


@pytest.mark.parametrize(("status", "side"), ON_BOTH, ids=[f"{s.name}-{side}" for s, side in ON_BOTH])
def test_a_status_changes_the_course_of_some_fight(status: Status, side: str) -> None:
    differing = 0
    for clean in FIGHTS:
        marked = copy_of(RULES, clean)
        assert marked.fight is not None
        getattr(marked.fight, side).statuses[status] = AMOUNT if status != Status.fortify else 6
        differing += course(marked) != course(clean)
    assert differing > 0


def test_a_fight_without_statuses_begins_clean() -> None:
    state = RULES.new_game(GameOptions(seed=1, weapon=0))
    assert state.fight is None
