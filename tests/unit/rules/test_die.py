"""The bands of the d20, their thresholds, and beginner's luck."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.character.hero import bounds, refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Band, Weapon
from tests.unit.rules.position import combat_state, happened, hub, play, rules, the_fight


def band(face: int, **facts: Any) -> int:
    step = play(combat_state(faces=(face,), **facts), "1")
    attacked = happened(step, Event.HeroAttacked) + happened(step, Event.HeroMissed)
    return attacked[0][3]


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (1, Band.critical_miss),
        (2, Band.miss),
        (5, Band.miss),
        (6, Band.hit),
        (13, Band.hit),
        (14, Band.combo),
        (19, Band.combo),
        (20, Band.critical),
    ],
)
def test_the_face_decides_the_band(face: int, expected: Band) -> None:
    assert band(face) == expected


def test_a_critical_miss_takes_half_a_period_more() -> None:
    missed, critical = combat_state(faces=(3,)), combat_state(faces=(1,))
    play(missed, "1")
    play(critical, "1")
    assert the_fight(critical).hero.next_at == the_fight(missed).hero.next_at * 3 // 2


def test_the_room_shifts_the_hit_threshold() -> None:
    assert band(6, hit=-1) == Band.miss


def test_the_room_shifts_the_combo_threshold() -> None:
    assert band(13, combo=1) == Band.combo


def test_the_room_widens_the_critical_face() -> None:
    assert band(19, crit=1) == Band.critical


def test_critical_looks_at_the_bare_die() -> None:
    step = play(combat_state(faces=(17,)), "2")
    assert happened(step, Event.HeroAttacked)[0][2:4] == [20, Band.combo]


@pytest.mark.parametrize(
    ("technique", "expected"),
    [(3, (6, 14, 20)), (10, (5, 14, 20)), (30, (2, 13, 20)), (50, (2, 11, 19)), (100, (2, 7, 15))],
)
def test_milestones_of_technique(technique: int, expected: tuple[int, int, int]) -> None:
    state = hub()
    state.hero.stats = replaced(state.hero.stats, 2, technique)
    refresh(rules().catalogue, state.hero)
    figures = state.hero.figures
    assert bounds(figures.hit, figures.combo, figures.crit) == expected


def test_a_combo_always_hits() -> None:
    hit, combo, _ = bounds(-10, 7, 0)
    assert hit <= combo


def test_luck_rerolls_a_miss() -> None:
    step = play(combat_state(faces=(3, 9), luck=1), "1")
    assert happened(step, Event.HeroAttacked)[0][3] == Band.hit


def test_luck_is_used_up() -> None:
    state = combat_state(faces=(3, 9), luck=1)
    play(state, "1")
    assert the_fight(state).luck == 0


def test_luck_rerolls_only_once() -> None:
    step = play(combat_state(faces=(3, 4), luck=5), "1")
    assert happened(step, Event.HeroMissed)


def test_luck_does_not_reroll_a_critical_miss() -> None:
    assert band(1, luck=5) == Band.critical_miss


@pytest.mark.parametrize(("level", "expected"), [(1, 8), (2, 7), (8, 1), (9, 0), (30, 0)])
def test_luck_fades_with_the_level(level: int, expected: int) -> None:
    state = hub()
    state.hero.level = level
    refresh(rules().catalogue, state.hero)
    assert state.hero.figures.luck == expected


def test_amplification_at_99_is_156_percent() -> None:
    assert tables.AMP[99] == 1560


def test_each_weapon_has_its_period() -> None:
    periods = [hub(weapon).hero.figures.period for weapon in Weapon]
    assert periods[Weapon.sword] > periods[Weapon.mace] > periods[Weapon.wand] > periods[Weapon.dagger]
