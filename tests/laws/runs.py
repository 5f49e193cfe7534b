"""Runs for the laws: a seed, a weapon, and choices among the legal inputs.

A third of the runs begin late, with a strong hero before a boss, so that travel, victory and the endless
levels occur.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import strategies as st

from dungeonfighter.rules import GameOptions, Mode, State
from dungeonfighter.rules.character.hero import learn
from dungeonfighter.rules.journey import world
from dungeonfighter.rules.lists import replaced
from tests.unit.rules.position import rules


def _picks(seed: int, count: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(10_000) for _ in range(count)]


PICKS = st.builds(_picks, st.integers(0, 2**32), st.integers(1, 160))
"""The choice of a legal input for each turn. Long runs find more faults than short ones, which shrink better.
"""


@st.composite
def options(draw: st.DrawFn) -> GameOptions:
    return GameOptions(
        seed=draw(st.integers(0, 2**53 - 1)),
        mode=draw(st.sampled_from(list(Mode))),
        weapon=draw(st.integers(-1, 3)),
        ranked=draw(st.booleans()),
    )


def begin(start: GameOptions) -> State:
    """Return the first state of a run; its seed decides between an early and a late start."""
    state = rules().new_game(start)
    if start.weapon < 0 or start.seed % 3:
        return state
    hero, here = state.hero, state.world
    region = start.seed // 3 % 3
    hero.level = 10 + 10 * region
    hero.stats = [40 + 40 * region] * 4
    hero.class_points = replaced(hero.class_points, start.weapon, hero.level)
    hero.gold = 500
    learn(rules().catalogue, hero)
    hero.health = hero.figures.health_max
    here.region = here.bosses = region
    here.frontier, here.first_clears = 10 * region + 11, 10 * region + 10
    here.offers = world.draw_offers(rules().catalogue, state)
    return state


def legal(state: State) -> list[str]:
    """Return the legal inputs; `1` three times, so that runs make progress."""
    shown = [choice.input for choice in rules().legal_inputs(state)]
    return [*shown, "1", "1"] if "1" in shown else shown


def walk(start: GameOptions, picks: list[int]) -> Iterator[tuple[State, str]]:
    """Yield the states of a run themselves (no copies), each with the input that is played next."""
    state = begin(start)
    for pick in picks:
        choices = legal(state)
        if not choices:
            return
        text = choices[pick % len(choices)]
        yield state, text
        state = rules().apply(state, text).state
