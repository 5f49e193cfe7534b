"""Every status has an effect: a fight goes another way with it than without."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import GameOptions, Phase, State
from dungeonfighter.rules.state import Status
from tests.unit.content.playing import RULES, of_rules, states

AMOUNT = 2
ON_BOTH = [(status, side) for status in Status for side in ("hero", "enemy")]


def fight(seed: int) -> State:
    """A fight in which both sides wear armour, so that what ignores or eats it shows."""
    for state in states(seed, 100):
        if state.phase == Phase.Combat and state.fight is not None:
            state.fight.armour = state.fight.hero_armour = 5
            return state
    raise AssertionError("no fight in 100 turns")


FIGHTS = [fight(seed) for seed in range(20, 44)]


def course(state: State, inputs: str = "1111") -> list[tuple[int, ...]]:
    """How a fight goes: health, armour and times of both sides after each input."""
    went: list[tuple[int, ...]] = []
    for text in inputs:
        if state.phase != Phase.Combat or state.fight is None:
            break
        state = RULES.apply(state, text).state
        bout = state.fight
        health = state.hero.health
        went.append((health,) if bout is None else (
            health, bout.health, bout.armour, bout.hero_armour, bout.hero.next_at, bout.enemy.next_at,
        ))  # fmt: skip
    return went


@pytest.mark.parametrize(("status", "side"), ON_BOTH, ids=[f"{s.name}-{side}" for s, side in ON_BOTH])
def test_with_the_status_the_fight_goes_another_way(status: Status, side: str) -> None:
    differing = 0
    for clean in FIGHTS:
        marked = of_rules(RULES, clean)
        assert marked.fight is not None
        getattr(marked.fight, side).statuses[status] = AMOUNT if status != Status.fortify else 6
        differing += course(marked) != course(clean)
    assert differing > 0


def test_a_fight_without_statuses_begins_clean() -> None:
    state = RULES.new_game(GameOptions(seed=1, weapon=0))
    assert state.fight is None
