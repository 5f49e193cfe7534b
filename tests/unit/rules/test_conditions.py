"""Affixes that count under a condition: each counts while it holds, and not otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dungeonfighter.rules import State
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Intent, Rank, Status, Weapon
from tests.unit.rules.gear import wear_affixes
from tests.unit.rules.position import (
    combat_state,
    dealt,
    enemy,
    play,
    roll,
    rules,
    taken,
    the_fight,
)

CAT = rules().catalogue
HIT, MISS, COMBO = 10, 3, 16
Prepare = Callable[[State], object]


def amount(name: str) -> int:
    return next(row.base for row in CAT.affixes if row.id == name)


def strong(state: State) -> State:
    """Make the hero deal enough that permille show."""
    state.hero.stats = replaced(state.hero.stats, 0, 90)
    refresh(CAT, state.hero)
    state.hero.health = state.hero.figures.health_max * 7 // 10
    return state


def after_guard(state: State) -> None:
    the_fight(state).last = 1


def hurt(state: State) -> None:
    state.hero.health = state.hero.figures.health_max * 4 // 10


def hale(state: State) -> None:
    state.hero.health = state.hero.figures.health_max


def half_dead(state: State) -> None:
    the_fight(state).health = the_fight(state).health_max * 4 // 10


def burning(state: State) -> None:
    the_fight(state).enemy.statuses[Status.burn] = 1


def defending(state: State) -> None:
    the_fight(state).intent = int(Intent.defend)


def late(state: State) -> None:
    the_fight(state).hero.next_at = 50_000


def missed(state: State) -> None:
    the_fight(state).last = 2


DEALS: dict[str, tuple[int | None, Rank, Prepare]] = {
    "hallowed": (enemy("", undead=True), Rank.normal, lambda state: None),
    "trophy": (None, Rank.elite, lambda state: None),
    "wardens": (None, Rank.guardian, lambda state: None),
    "of_rivets": (enemy("knight"), Rank.normal, lambda state: None),
    "desperate": (None, Rank.normal, hurt),
    "proud": (None, Rank.normal, hale),
    "merciless": (None, Rank.normal, half_dead),
    "cruel": (None, Rank.normal, burning),
    "patient": (None, Rank.normal, after_guard),
    "spiteful": (None, Rank.normal, missed),
    "of_the_breach": (None, Rank.normal, defending),
    "of_the_long_fight": (None, Rank.normal, late),
}


@pytest.mark.parametrize("name", DEALS)
def test_damage_rises_under_the_condition_only(name: str) -> None:
    against, rank, prepare = DEALS[name]

    def hits(*affixes: str, met: bool) -> int:
        state = strong(combat_state(against=against if met else None, rank=rank if met else Rank.normal))
        wear_affixes(state, *affixes)
        if met:
            prepare(state)
        shown = combat.outgoing(CAT, state)
        roll(state, HIT)
        lost = dealt(state, "1")
        assert lost == shown, "the view foretells the hit"
        return lost

    plain = hits(met=True)
    assert abs(hits(name, met=True) - plain * (1000 + amount(name)) // 1000) <= 1
    assert hits(name, met=False) == hits(met=False)


@pytest.mark.parametrize(
    ("name", "text", "face", "other"),
    [("reckless", "3", 14, "1"), ("leading", "1", COMBO, "")],
)
def test_damage_rises_with_the_stance_and_the_slot(name: str, text: str, face: int, other: str) -> None:
    def hits(*affixes: str, text: str, face: int) -> int:
        state = strong(combat_state())
        wear_affixes(state, *affixes)
        roll(state, face)
        return dealt(state, text)

    plain = hits(text=text, face=face)
    assert abs(hits(name, text=text, face=face) - plain * (1000 + amount(name)) // 1000) <= 2
    if other:
        assert hits(name, text=other, face=HIT) == hits(text=other, face=HIT)
    else:
        assert hits(name, text="1", face=HIT) == hits(text="1", face=HIT), "a plain hit is in no slot"


@pytest.mark.parametrize(
    ("name", "against", "rank"),
    [
        ("of_muzzles", enemy("beast"), Rank.normal),
        ("of_the_ossuary", enemy("", undead=True), Rank.normal),
        ("of_grit", None, Rank.elite),
        ("of_the_duel", None, Rank.boss),
    ],
)
def test_less_damage_is_taken_from_some_enemies(name: str, against: int | None, rank: Rank) -> None:
    def hurts(*affixes: str, against: int | None = enemy("brute"), rank: Rank = Rank.normal) -> int:
        state = combat_state(against=against, rank=rank, at=0, level=6)
        wear_affixes(state, *affixes)
        state.hero.health = 100_000
        the_fight(state).enemy.next_at = 1
        shown = combat.incoming(CAT, state)
        roll(state, MISS, HIT)
        lost = taken(state, "1")
        assert lost == shown
        return lost

    plain = hurts(against=against, rank=rank)
    assert abs(hurts(name, against=against, rank=rank) - plain * (1000 - amount(name)) // 1000) <= 1
    assert hurts(name) == hurts()


def test_footing_protects_an_exposed_hero_only() -> None:
    def hurts(*affixes: str, text: str) -> int:
        state = combat_state(at=1, level=6)
        wear_affixes(state, *affixes)
        state.hero.health = 100_000
        roll(state, MISS, HIT)
        return taken(state, text)

    assert hurts("of_footing", text="1") == hurts(text="1")
    assert hurts("of_footing", text="3") < hurts(text="3") * 85 // 100


@pytest.mark.parametrize(
    ("name", "prepare", "face"),
    [
        ("of_the_rebuke", lambda state: setattr(the_fight(state), "intent", int(Intent.heal)), 4),
        ("of_recovery", missed, 4),
        ("of_the_sure_start", lambda state: None, 4),
    ],
)
def test_rolls_rise_under_the_condition_and_the_view_says_so(name: str, prepare: Prepare, face: int) -> None:
    def hits(*affixes: str, opened: bool) -> tuple[int, int]:
        state = strong(combat_state(opened=opened))
        wear_affixes(state, *affixes)
        if not opened or name != "of_the_sure_start":
            prepare(state)
        lowest = rules().observe(state).player.hit_at
        roll(state, face)
        return dealt(state, "1"), lowest

    missed_by, needs = hits(opened=name != "of_the_sure_start")
    landed, needs_less = hits(name, opened=name != "of_the_sure_start")
    assert missed_by == 0
    assert landed > 0
    assert needs_less == max(2, needs - amount(name))


def test_the_sure_start_ends_with_the_first_attack() -> None:
    state = combat_state(opened=True)
    wear_affixes(state, "of_the_sure_start")
    roll(state, 4)
    assert dealt(state, "1") == 0


def test_a_guard_and_a_miss_are_remembered_until_the_next_attack() -> None:
    state = combat_state(at=1)
    state.hero.health = 100_000
    play(state, "4")
    assert the_fight(state).last == 1
    roll(state, MISS)
    the_fight(state).enemy.next_at = the_fight(state).hero.next_at + 100_000
    play(state, "1")
    assert the_fight(state).last == 2
    roll(state, HIT)
    play(state, "1")
    assert the_fight(state).last == 0


@pytest.mark.parametrize("hero_class", ["sword", "dagger", "wand"])
def test_envy_counts_against_the_class_that_beats_the_heros(hero_class: str) -> None:
    against = enemy("", hero_class=hero_class)
    for weapon in (Weapon.sword, Weapon.dagger, Weapon.wand):
        with_envy, without = (combat_state(weapon, against=against) for _ in range(2))
        wear_affixes(with_envy, "of_envy")
        for state in (with_envy, without):
            state.hero.stats = replaced(state.hero.stats, 0, 90)
            refresh(CAT, state.hero)
            roll(state, HIT)
        more = dealt(with_envy, "1") > dealt(without, "1")
        assert more == (CAT.enemy_beats[against] == weapon)


def test_affixes_that_raise_a_perk_add_to_the_talent() -> None:
    state = combat_state()
    perks = list(state.hero.figures.perks)
    wear_affixes(state, "barbed", "venomed", "of_rest", "of_answers")
    raised = [new - old for new, old in zip(state.hero.figures.perks, perks, strict=True)]
    assert sorted(filter(None, raised)) == [1, 2, 40, 500]
    roll(state, COMBO)
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.bleed] == 1


def test_the_bonuses_of_two_items_add_up() -> None:
    state = combat_state()
    wear_affixes(state, "desperate", "desperate", "of_recovery")
    deals, rolls = list(state.hero.figures.deals), list(state.hero.figures.rolls)
    assert deals[1] == 2 * amount("desperate")
    assert rolls[1] == amount("of_recovery")
