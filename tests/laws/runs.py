"""Runs for the laws: a seed, a weapon, and choices among what is legal.

A third of the runs begin far on, with a strong hero before a boss, so that travel, victory and what follows
are met.
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
"""Which of the legal inputs to play, one after the other: long runs find more than short ones that shrink
well.
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
    """The first state of a run; the seed says whether it begins far on."""
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
    """What can be sent as it is; `1` three times as often, so that runs get somewhere."""
    shown = [choice.input for choice in rules().legal_inputs(state) if not choice.pattern]
    return [*shown, "1", "1"] if "1" in shown else shown


def walk(start: GameOptions, picks: list[int]) -> Iterator[tuple[State, str]]:
    """The states of a run, each with the input that will be played next; every state is the run's own."""
    state = begin(start)
    for pick in picks:
        choices = legal(state)
        if not choices:
            return
        text = choices[pick % len(choices)]
        yield state, text
        state = rules().apply(state, text).state
