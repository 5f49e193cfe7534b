"""The combo strip: slots, order, reset, routing, and the effects of its actions."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Item, Slot, Status, Weapon
from tests.unit.rules.position import combat_state, dealt, enemy, happened, hub, play, rules, the_fight

ACTIONS = {row.id: number for number, row in enumerate(rules().catalogue.actions)}


def with_strip(*ids: str, face: int = 15, intelligence: int = 3, **facts: Any) -> State:
    """Return a fight with these actions in the strip; the next dice show `face`."""
    state = combat_state(faces=(face, face), **facts)
    state.hero.stats = replaced(state.hero.stats, 3, intelligence)
    refresh(rules().catalogue, state.hero)
    state.hero.strip = [ACTIONS[name] for name in ids]
    return state


def full_damage(state: State) -> int:
    return state.hero.figures.damage * state.hero.figures.amp


def test_a_combo_plays_the_current_slot() -> None:
    step = play(with_strip("slam", "haymaker", step=1), "1")
    assert happened(step, Event.HeroAttacked)[0][4] == ACTIONS["haymaker"]


def test_a_combo_advances_the_strip() -> None:
    state = with_strip("slam", "haymaker")
    play(state, "1")
    assert the_fight(state).step == 1


def test_the_strip_returns_to_its_first_slot_after_the_last() -> None:
    state = with_strip("slam", "haymaker", step=1)
    play(state, "1")
    assert the_fight(state).step == 0


def test_a_hit_keeps_the_place_in_the_strip() -> None:
    state = with_strip("slam", "haymaker", face=10, step=1)
    play(state, "1")
    assert the_fight(state).step == 1


def test_a_miss_resets_the_strip() -> None:
    state = with_strip("slam", "haymaker", face=3, step=1)
    play(state, "1")
    assert the_fight(state).step == 0


def test_a_combo_deals_three_halves() -> None:
    state = with_strip("slam")
    assert dealt(state, "1") == full_damage(state) * 1500 // 1_000_000 * 1200 // 1000


def test_a_critical_deals_eight_fifths() -> None:
    state = with_strip("slam", face=20)
    assert dealt(state, "1") == full_damage(state) * 1600 // 1_000_000 * 1200 // 1000


def test_each_slot_deals_20_percent_more() -> None:
    first, third = with_strip("slam", "haymaker", "slam"), with_strip("haymaker", "haymaker", "slam", step=2)
    assert abs(dealt(third, "1") - dealt(first, "1") * 1400 // 1000) <= 1


def test_an_action_takes_its_length() -> None:
    state = with_strip("haymaker")
    play(state, "1")
    length = rules().catalogue.actions[ACTIONS["haymaker"]].length
    assert the_fight(state).hero.next_at == state.hero.figures.period * length // 1000


def test_armour_counts_against_each_hit_of_an_action() -> None:
    bare, armoured = with_strip("stab"), with_strip("stab", armour=2)
    assert dealt(bare, "1") - dealt(armoured, "1") == 6


def test_each_hit_deals_at_least_3() -> None:
    assert dealt(with_strip("stab", armour=500), "1") == 9


def test_magic_missile_ignores_two_thirds_of_armour() -> None:
    bare, armoured = with_strip("magic_missile"), with_strip("magic_missile", armour=12)
    assert dealt(bare, "1") - dealt(armoured, "1") == 3


def test_magic_missile_inflicts_burn() -> None:
    state = with_strip("magic_missile")
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.burn] > 0


def test_an_opener_deals_more_in_the_first_slot() -> None:
    first, second = with_strip("battle_roar", "slam"), with_strip("slam", "battle_roar", step=1)
    assert dealt(first, "1") > dealt(second, "1")


def test_a_finisher_deals_more_in_the_last_slot() -> None:
    last, middle = with_strip("slam", "last_word", step=1), with_strip("slam", "last_word", "slam", step=1)
    assert dealt(last, "1") > dealt(middle, "1")


def test_intelligence_lengthens_statuses() -> None:
    simple, clever = with_strip("rend"), with_strip("rend", intelligence=20)
    play(simple, "1")
    play(clever, "1")
    assert (
        the_fight(clever).enemy.statuses[Status.bleed] == the_fight(simple).enemy.statuses[Status.bleed] + 2
    )


@pytest.mark.parametrize(
    ("action", "intelligence", "expected"),
    [("echo", 10, 1), ("echo", 9, 2), ("return", 10, 0), ("leap", 10, 3), ("long_leap", 10, 2)],
)
def test_routes_count_from_10_intelligence_on(action: str, intelligence: int, expected: int) -> None:
    state = with_strip("slam", action, "slam", "slam", intelligence=intelligence, step=1)
    play(state, "1")
    assert the_fight(state).step == expected


def test_a_combo_interrupts_a_heal() -> None:
    state = with_strip("slam", intent=5, period=1000)
    play(state, "1")
    assert (the_fight(state).intent, the_fight(state).enemy.next_at) == (0, 1_000_500)


def test_a_combo_interrupts_a_status() -> None:
    state = with_strip("slam", intent=3)
    play(state, "1")
    assert the_fight(state).intent == 0


def test_a_hit_does_not_interrupt() -> None:
    state = with_strip("slam", face=10, intent=5)
    play(state, "1")
    assert the_fight(state).intent == 5


def test_a_combo_does_not_interrupt_a_heavy() -> None:
    state = with_strip("slam", intent=2)
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


def test_a_critical_puts_acid_instead_of_poison_on_the_undead() -> None:
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
    state = with_strip(healing)
    state.hero.health = 10
    play(state, "1")
    assert state.hero.health > 10


def set_up_by(first: str, **facts: Any) -> int:
    """Return the damage of a haymaker in the second slot, behind this action."""
    return dealt(with_strip(first, "haymaker", step=1, **facts), "1")


def test_an_action_behind_one_that_inflicts_a_status_deals_more() -> None:
    worth = 1000 + tables.SLOT_BONUS
    plain, more = set_up_by("slam"), set_up_by("earth_crack")
    assert abs(more - plain * (worth + tables.SET_UP_BONUS) // worth) <= 1


@pytest.mark.parametrize("first", ["iron_hide", "mountain_fall"])
def test_a_status_on_the_hero_or_on_criticals_only_sets_no_action_up(first: str) -> None:
    assert set_up_by(first) == set_up_by("slam")


def test_the_first_slot_is_never_set_up() -> None:
    assert dealt(with_strip("haymaker", "earth_crack"), "1") == dealt(with_strip("haymaker", "slam"), "1")


def test_the_view_says_that_the_next_action_is_set_up() -> None:
    assert "14+ Haymaker+" in rules().text(with_strip("earth_crack", "haymaker", step=1), "e1")
    assert "Haymaker+" not in rules().text(with_strip("slam", "haymaker", step=1), "e1")


def test_taking_an_item_off_names_the_actions_that_leave_the_strip() -> None:
    state = hub()
    number, cap = ACTIONS["brand"], rules().catalogue.armours[Slot.head][0][0]
    state.hero.class_points = [2, 0, 0, 0]
    item = Item(base=cap, level=1, rarity=0, value=2, actions=[number])
    state.hero.worn = replaced(state.hero.worn, Slot.head, item)
    refresh(rules().catalogue, state.hero)
    state.hero.strip = [*state.hero.strip, number]
    step = play(state, "unequip head")
    assert happened(step, Event.StripLost) == [[Event.StripLost, number]]
    assert "Brand is lost, and leaves the strip." in rules().text(state, "e1")
    assert not happened(play(state, "equip 1"), Event.StripLost)


def test_wearing_another_item_names_the_actions_that_leave_the_strip() -> None:
    state = hub()
    number, cap = ACTIONS["brand"], rules().catalogue.armours[Slot.head][0][0]
    state.hero.class_points = [2, 0, 0, 0]
    worn = Item(base=cap, level=1, rarity=0, value=2, actions=[number])
    state.hero.worn = replaced(state.hero.worn, Slot.head, worn)
    state.hero.bag = [Item(base=cap, level=1, rarity=0, value=9)]
    refresh(rules().catalogue, state.hero)
    state.hero.strip = [*state.hero.strip, number]
    assert happened(play(state, "equip 1"), Event.StripLost) == [[Event.StripLost, number]]
