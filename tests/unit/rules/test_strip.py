"""The combo strip: slots, order, reset, routing, and what its actions do."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import State
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Status, Weapon
from tests.unit.rules.position import combat_state, dealt, enemy, happened, hub, play, rules, the_fight

ACTIONS = {row.id: number for number, row in enumerate(rules().catalogue.actions)}


def strung(*ids: str, face: int = 15, intelligence: int = 3, **facts: Any) -> State:
    """A fight with these actions in the strip and the next die known."""
    state = combat_state(faces=(face, face), **facts)
    state.hero.stats = replaced(state.hero.stats, 3, intelligence)
    refresh(rules().catalogue, state.hero)
    state.hero.strip = [ACTIONS[name] for name in ids]
    return state


def base(state: State) -> int:
    return state.hero.figures.damage * state.hero.figures.amp


def test_a_combo_plays_the_current_slot() -> None:
    step = play(strung("slam", "haymaker", step=1), "1")
    assert happened(step, Event.HeroAttacked)[0][4] == ACTIONS["haymaker"]


def test_a_combo_advances_the_strip() -> None:
    state = strung("slam", "haymaker")
    play(state, "1")
    assert the_fight(state).step == 1


def test_the_strip_begins_again_after_its_end() -> None:
    state = strung("slam", "haymaker", step=1)
    play(state, "1")
    assert the_fight(state).step == 0


def test_a_hit_resets_the_strip() -> None:
    state = strung("slam", "haymaker", face=10, step=1)
    play(state, "1")
    assert the_fight(state).step == 0


def test_a_miss_resets_the_strip() -> None:
    state = strung("slam", "haymaker", face=3, step=1)
    play(state, "1")
    assert the_fight(state).step == 0


def test_a_combo_is_worth_three_halves() -> None:
    state = strung("slam")
    assert dealt(state, "1") == base(state) * 1500 // 1_000_000 * 1200 // 1000


def test_a_critical_is_worth_eight_fifths() -> None:
    state = strung("slam", face=20)
    assert dealt(state, "1") == base(state) * 1600 // 1_000_000 * 1200 // 1000


def test_each_slot_is_worth_a_tenth_more() -> None:
    first, third = strung("slam", "haymaker", "slam"), strung("haymaker", "haymaker", "slam", step=2)
    assert abs(dealt(third, "1") - dealt(first, "1") * 1200 // 1000) <= 1


def test_an_action_takes_its_length() -> None:
    state = strung("haymaker")
    play(state, "1")
    length = rules().catalogue.actions[ACTIONS["haymaker"]].length
    assert the_fight(state).hero.next_at == state.hero.figures.period * length // 1000


def test_armour_counts_against_every_blow_of_a_multi_hit() -> None:
    bare, armoured = strung("stab"), strung("stab", armour=2)
    assert dealt(bare, "1") - dealt(armoured, "1") == 6


def test_every_blow_deals_at_least_3() -> None:
    assert dealt(strung("stab", armour=500), "1") == 9


def test_magic_missile_ignores_two_thirds_of_armour() -> None:
    bare, armoured = strung("magic_missile"), strung("magic_missile", armour=12)
    assert dealt(bare, "1") - dealt(armoured, "1") == 3


def test_magic_missile_leaves_a_burn() -> None:
    state = strung("magic_missile")
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.burn] > 0


def test_an_opener_is_worth_a_quarter_more_in_the_first_slot() -> None:
    first, second = strung("battle_roar", "slam"), strung("slam", "battle_roar", step=1)
    assert dealt(first, "1") > dealt(second, "1")


def test_a_finisher_is_worth_a_quarter_more_in_the_last_slot() -> None:
    last, middle = strung("slam", "last_word", step=1), strung("slam", "last_word", "slam", step=1)
    assert dealt(last, "1") > dealt(middle, "1")


def test_intelligence_lengthens_statuses() -> None:
    dull, clever = strung("rend"), strung("rend", intelligence=20)
    play(dull, "1")
    play(clever, "1")
    assert the_fight(clever).enemy.statuses[Status.bleed] == the_fight(dull).enemy.statuses[Status.bleed] + 2


@pytest.mark.parametrize(
    ("action", "intelligence", "expected"),
    [("echo", 10, 1), ("echo", 9, 2), ("return", 10, 0), ("leap", 10, 3), ("long_leap", 10, 2)],
)
def test_routing_from_10_intelligence_on(action: str, intelligence: int, expected: int) -> None:
    state = strung("slam", action, "slam", "slam", intelligence=intelligence, step=1)
    play(state, "1")
    assert the_fight(state).step == expected


def test_a_combo_interrupts_a_heal() -> None:
    state = strung("slam", intent=5, period=1000)
    play(state, "1")
    assert (the_fight(state).intent, the_fight(state).enemy.next_at) == (0, 1_000_500)


def test_a_combo_interrupts_a_status() -> None:
    state = strung("slam", intent=3)
    play(state, "1")
    assert the_fight(state).intent == 0


def test_a_hit_does_not_interrupt() -> None:
    state = strung("slam", face=10, intent=5)
    play(state, "1")
    assert the_fight(state).intent == 5


def test_a_combo_does_not_interrupt_a_heavy() -> None:
    state = strung("slam", intent=2)
    play(state, "1")
    assert the_fight(state).intent == 2


@pytest.mark.parametrize(
    ("weapon", "status"),
    [
        (Weapon.mace, Status.stun),
        (Weapon.sword, Status.bleed),
        (Weapon.dagger, Status.poison),
        (Weapon.wand, Status.slow),
    ],
)
def test_a_critical_adds_the_weapons_effect(weapon: Weapon, status: Status) -> None:
    state = combat_state(weapon, faces=(20,))
    play(state, "1")
    assert the_fight(state).enemy.statuses[status] > 0


def test_the_undead_get_acid_instead_of_poison() -> None:
    state = combat_state(Weapon.dagger, against=enemy("", undead=True), faces=(20,))
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.acid] > 0


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([0, 0, 0, 0], 1),
        ([2, 0, 0, 0], 2),
        ([6, 0, 0, 0], 3),
        ([12, 0, 0, 0], 4),
        ([20, 0, 0, 0], 5),
        ([20, 12, 0, 0], 8),
        ([20, 20, 20, 20], 8),
    ],
)
def test_slots_come_with_class_tiers(points: list[int], expected: int) -> None:
    state = hub()
    state.hero.class_points = points
    refresh(rules().catalogue, state.hero)
    assert state.hero.figures.slots == expected


def test_the_basic_stays_in_the_strip() -> None:
    state = hub(Weapon.sword)
    state.hero.strip = []
    refresh(rules().catalogue, state.hero)
    assert state.hero.strip == [rules().catalogue.basic[Weapon.sword]]


def test_a_healing_action_heals() -> None:
    cat = rules().catalogue
    healing = next(row.id for row in cat.actions if row.heal)
    state = strung(healing)
    state.hero.health = 10
    play(state, "1")
    assert state.hero.health > 10
