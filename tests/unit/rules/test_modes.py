"""Short runs end at their limit; each ascension makes a run harder by what its row says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import CATEGORIES, RANKED_CATEGORIES, GameOptions, Mode, State, category, tables
from dungeonfighter.rules.catalog.ascents import Ascent
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import begin_fight
from dungeonfighter.rules.journey import dungeon, hub, rooms, world
from dungeonfighter.rules.seed_sets import PUBLIC, public_seeds
from dungeonfighter.rules.state import Ending, Fight, Rank
from tests.unit.rules.position import doors, enemy, rules, the_dungeon

ROWS = rules().catalogue.content.ascensions
STEPS = rules().catalogue.ascents


def ascension_of(key: str) -> int:
    """Return the first ascension with a change of this key."""
    return next(number for number, row in enumerate(ROWS, 1) if row.key == key)


def begun(ascension: int, mode: Mode = Mode.ironman) -> State:
    return rules().new_game(GameOptions(seed=5, mode=mode, weapon=0, ranked=True, ascension=ascension))


def fight(ascension: int, rank: Rank) -> Fight:
    return begin_fight(rules().catalogue, begun(ascension), enemy(), int(rank), 5, 0)


def damage(rank: Rank) -> Callable[[int], int]:
    return lambda ascension: -fight(ascension, rank).damage


def health(rank: Rank) -> Callable[[int], int]:
    return lambda ascension: -fight(ascension, rank).health_max


def period(rank: Rank) -> Callable[[int], int]:
    return lambda ascension: fight(ascension, rank).period


def stock(ascension: int) -> int:
    return begun(ascension).world.potions_left


def light_doors(ascension: int) -> int:
    """Return the number of doors that are not dark, of many."""
    state = doors()
    state.ascension = ascension
    seen = 0
    for seed in range(200):
        state.dice.layout = seed << 32
        the_dungeon(state).ahead = []
        dungeon.go_on(rules().catalogue, state)
        seen += sum(door.kind >= 0 for door in the_dungeon(state).doors)
    return seen


def quiet_entries(ascension: int) -> int:
    """Return the number of fights, of many, in which the enemy does not surprise the hero."""
    quiet = 0
    for seed in range(200):
        state = doors()
        state.ascension, state.dice.event = ascension, seed << 32
        rooms.start_fight(rules().catalogue, state, the_dungeon(state), enemy(), int(Rank.normal))
        quiet += not any(event[0] == Event.Surprised for event in state.log)
    return quiet


def allowance(ascension: int) -> int:
    return world.allowance_left(begun(ascension))


EASE: dict[str, Callable[[int], int]] = {
    "allowance": allowance,
    "damage_normal": damage(Rank.normal),
    "damage_guardian": damage(Rank.guardian),
    "health_normal": health(Rank.normal),
    "health_guardian": health(Rank.boss),
    "time_elite": period(Rank.elite),
    "stock": stock,
    "goods": lambda ascension: sum(begun(ascension).hero.consumables),
    "dark": light_doors,
    "surprise": quiet_entries,
}
"""What becomes less with a key of `ascents.KEYS`, by the ascension."""


@pytest.mark.parametrize("number", range(1, len(ROWS) + 1))
def test_each_ascension_is_harder_than_the_one_before_in_what_its_row_names(number: int) -> None:
    ease = EASE[ROWS[number - 1].key]
    assert ease(number) < ease(number - 1)


@pytest.mark.parametrize("number", range(1, len(ROWS) + 1))
def test_an_ascension_keeps_what_those_before_it_change(number: int) -> None:
    before, after = STEPS[number - 1], STEPS[number]
    changed = [name for name in Ascent._fields if getattr(before, name) != getattr(after, name)]
    assert changed == [ROWS[number - 1].key.partition("_")[0]]


def test_a_run_without_ascension_is_unchanged() -> None:
    assert STEPS[0] == Ascent()
    assert len(ROWS) == limits.ascensions_max


def test_a_new_allowance_is_shorter_too() -> None:
    state, plain = begun(ascension_of("allowance")), begun(0)
    less = ROWS[ascension_of("allowance") - 1].amount
    for each in (state, plain):
        each.world.spent = 500
        world.first_clear(rules().catalogue, each)
    assert world.allowance_left(state) == world.allowance_left(plain) - less


def test_the_hub_restocks_with_fewer_potions() -> None:
    state = begun(ascension_of("stock"))
    state.world.potions_left, state.world.restocks = 0, True
    hub.arrive(rules().catalogue, state)
    assert state.world.potions_left == tables.STOCK[5] - 1


@pytest.mark.parametrize("is_ranked", [True, False])
def test_a_short_run_ends_at_its_limit_whether_ranked_or_not(is_ranked: bool) -> None:
    state = rules().new_game(GameOptions(seed=5, mode=Mode.short, weapon=0, ranked=is_ranked))
    state.turn = limits.short_turns_max - 2
    assert world.turns_left(state) == 2
    step = rules().advance(state, "2")
    assert not step.truncated
    step = rules().advance(step.state, "1")
    assert step.truncated
    assert step.state.ending == Ending.turns
    assert step.state.turn == limits.short_turns_max


def test_a_ranked_run_of_another_mode_has_the_long_limit() -> None:
    assert world.turns_left(begun(0)) == limits.ranked_turns_max
    assert world.turns_left(rules().new_game(GameOptions(seed=1, mode=Mode.ironman))) is None


def test_a_death_ends_a_short_run() -> None:
    state = begun(0, Mode.short)
    dungeon.die(state)
    assert (state.over, state.ending) == (True, Ending.died)


def test_the_first_view_and_the_hub_tell_the_conditions() -> None:
    state = rules().new_game(GameOptions(seed=5, mode=Mode.short, ascension=2))
    lines = rules().text(state, "e1 t0").split("\n")
    assert lines[1] == f"A short run: it ends after {limits.short_turns_max} turns."
    assert lines[2] == f"Ascension 2: {ROWS[0].text}. {ROWS[1].text}."
    later = rules().apply(state, "1").state
    first, *rest = rules().text(later, "e1 t1").split("\n")
    assert f"ascension 2, {limits.short_turns_max - 1} turns" in first
    assert not any(line.startswith("Ascension") for line in rest)
    seen = rules().observe(later)
    assert (seen.mode, seen.ascension) == ("short", 2)
    assert seen.hardships == [row.text for row in ROWS[:2]]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (GameOptions(1, Mode.ironman, ascension=11), "ascension must be 0 to 10"),
        (GameOptions(1, Mode.short, ascension=-1), "ascension must be 0 to 10"),
        (GameOptions(1, Mode.daily, ascension=1), "leave ascension out"),
        (GameOptions(1, 4), "mode must be one of casual, ironman, daily, short"),
    ],
)
def test_other_conditions_are_refused(options: GameOptions, answer: str) -> None:
    with pytest.raises(BadInput, match=answer):
        rules().new_game(options)


def test_a_category_names_mode_and_ascension() -> None:
    assert all(category(*pair) == name for name, pair in CATEGORIES.items())
    assert CATEGORIES["short-3"] == (Mode.short, 3)
    assert {"ironman", "ironman-10", "short", "short-1", "daily"} <= RANKED_CATEGORIES
    assert not RANKED_CATEGORIES & {"casual", "casual-1", "daily-1"}


def test_a_state_keeps_its_ascension_and_a_branch_too() -> None:
    state = rules().decode(rules().encode(begun(7)))
    assert state.ascension == 7
    rules().branch(state, 9)
    assert (state.ascension, state.ranked) == (7, False)


def test_the_public_seeds_are_fixed_for_a_version_of_the_rules() -> None:
    assert (PUBLIC[0], PUBLIC[-1]) == (7268564701786012, 950070461554581)
    assert len(set(PUBLIC)) == limits.public_seeds
    assert all(0 <= seed <= limits.seed_max for seed in PUBLIC)
    assert not set(PUBLIC) & set(public_seeds(3))
