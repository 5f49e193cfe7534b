"""A fight made from the view alone goes on as the real one does under the same dice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from dungeonfighter.bots.imagined import bonuses_of, imagine
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Mode, State, bonuses, codec, tables
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.dice import streams
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.state import Intent, Item
from tests.unit.rules.position import rules

SEEDS = range(500, 502)
DICE = 4
ATTACK, PRECISE, POWER = 1, 2, 3


@cache
def positions() -> list[State]:
    """Return every eighth moment of the fights of some runs."""
    return [state for seed in SEEDS for state in list(_fights(seed))[::8]]


def _fights(seed: int) -> Iterator[State]:
    player = make_policy("heuristic", seed)
    state = rules().new_game(GameOptions(seed=seed, mode=Mode.ironman))
    while not state.over:
        if state.fight is not None:
            yield state
        state = rules().apply(state, choose(rules(), player, state)).state


def made(state: State) -> State:
    seen = rules().observe(state)
    assert seen.combat is not None
    return imagine(seen, seen.combat)


def after(state: State, stance: int, seed: int) -> tuple[float, float]:
    """Return the shares of health of both sides after an attack in a stance (0: a guard)."""
    twin = codec.copy(state)
    twin.dice = streams(seed)
    fight = twin.fight
    assert fight is not None
    if stance:
        combat.attack(rules().catalogue, twin, stance)
    else:
        combat.guard(rules().catalogue, twin)
    return max(0, twin.hero.health) / twin.hero.figures.health_max, max(0, fight.health) / fight.health_max


@pytest.mark.parametrize("stance", [0, ATTACK, PRECISE, POWER])
def test_an_input_ends_as_in_the_real_fight(stance: int) -> None:
    apart = []
    for state in positions():
        copy = made(state)
        for seed in range(DICE):
            real, imagined = after(state, stance, seed), after(copy, stance, seed)
            apart.append(abs(real[0] - imagined[0]) + abs(real[1] - imagined[1]))
    assert sum(apart) / len(apart) < 0.02
    assert sum(one < 0.02 for one in apart) / len(apart) > 0.9


def test_the_shown_action_and_the_one_after_it_are_the_same() -> None:
    cat = rules().catalogue
    for state in positions():
        copy = made(state)
        assert state.fight is not None
        assert copy.fight is not None
        assert copy.fight.intent == state.fight.intent
        assert following(cat, copy.fight) == following(cat, state.fight)
        assert combat.enemy_first(copy) == combat.enemy_first(state)


def test_the_damage_of_the_enemy_is_the_shown_one() -> None:
    cat = rules().catalogue
    for state in positions():
        shown = combat.incoming(cat, state)
        assert abs(combat.incoming(cat, made(state)) - shown) <= max(2, shown // 20)


def test_the_texts_of_worn_items_tell_their_bonuses() -> None:
    cat = rules().catalogue
    for number, place in enumerate(cat.affix_stat):
        if place < loot.STATS:
            continue
        item = Item(cat.armours[1][0][0], 12, 3, 10, [number])
        kind, which = cat.bonuses[place - loot.STATS]
        deals, takes, rolls, _, perks = bonuses_of((("", *loot.affix_texts(cat, item)),))
        amount = loot.affix_value(cat, number, item.level, item.rarity)
        found = {bonuses.DEALS: deals, bonuses.TAKES: takes, bonuses.ROLLS: rolls}.get(kind)
        if found is not None:
            assert found[0] == which
            assert abs(found[1] - amount) <= 5
        elif kind == bonuses.PERK:
            assert abs(perks[0][1] - amount) <= 5


def test_the_name_of_a_unique_item_tells_its_power() -> None:
    cat = rules().catalogue
    for relic, item in enumerate(cat.relic_items):
        assert bonuses_of(((cat.items[item].name,),))[3] == 1 << relic


def test_an_enemy_that_has_summoned_twice_attacks_in_place_of_a_third_time() -> None:
    cat = rules().catalogue
    found = 0
    for state in positions():
        twin = codec.copy(state)
        fight = twin.fight
        assert fight is not None
        pattern = cat.enemy_pattern[fight.enemy_kind] if fight.rank else ()
        if Intent.summon not in pattern or fight.low:
            continue
        place = pattern.index(Intent.summon)
        fight.pattern_at, fight.intent, fight.heals = place, pattern[place - 1], tables.ENEMY_HEALS_MAX
        copy = made(twin).fight
        assert copy is not None
        assert following(cat, copy) == Intent.normal
        found += 1
    assert found
