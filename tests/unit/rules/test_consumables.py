"""Consumables in a fight: the effect of each, and the bounds on what the hero carries."""

from __future__ import annotations

from collections import Counter

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.character.progress import find_good, has_room, other_good
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Intent, Phase, Rank, RoomPhase, Status
from tests.unit.rules.position import (
    combat_state,
    dealt,
    happened,
    hub,
    inputs,
    play,
    roll,
    rules,
    the_dungeon,
    the_fight,
)

CAT = rules().catalogue
NUMBERS = {row.id: number for number, row in enumerate(CAT.consumables)}


def holding(name: str, **facts: object) -> tuple[State, str]:
    """Return a fight of a hero with one consumable, and the input that uses it."""
    state = combat_state(**facts)  # type: ignore[arg-type]
    state.hero.consumables = [int(row.id == name) for row in CAT.consumables]
    return state, f"item {NUMBERS[name] + 1}"


@pytest.mark.parametrize(
    "row", [row for row in CAT.consumables if row.effect == "status"], ids=lambda r: r.id
)
def test_a_status_comes_upon_its_bearer(row: object) -> None:
    good = next(each for each in CAT.consumables if each is row)
    state, text = holding(good.id)
    play(state, text)
    fight = the_fight(state)
    bearer = fight.enemy if good.who == "foe" else fight.hero
    assert bearer.statuses[Status[good.status]] == good.amount
    assert fight.hero.next_at == state.hero.figures.period // 2
    assert state.hero.consumables[NUMBERS[good.id]] == 0


def test_bitter_root_ends_what_ails_the_hero_and_spares_the_good() -> None:
    state, text = holding("bitter_root")
    own = the_fight(state).hero.statuses
    own[Status.bleed], own[Status.roll_penalty], own[Status.shield] = 3, 4, 2
    state.hero.health = 10
    play(state, text)
    assert (own[Status.bleed], own[Status.roll_penalty], own[Status.shield]) == (0, 0, 2)
    assert state.hero.health == 10 + state.hero.figures.health_max * 12 // 100


def test_lucky_bone_rerolls_misses() -> None:
    state, text = holding("lucky_bone")
    play(state, text)
    roll(state, 3, 10)
    assert dealt(state, "1") > 0
    assert the_fight(state).luck == 3


@pytest.mark.parametrize("intent", [Intent.heavy, Intent.crush, Intent.heal, Intent.normal])
def test_iron_bell_interrupts_whatever_is_shown(intent: Intent) -> None:
    state, text = holding("iron_bell", intent=intent)
    before = the_fight(state).enemy.next_at
    step = play(state, text)
    assert happened(step, Event.Interrupted)
    assert the_fight(state).intent == Intent.light
    assert the_fight(state).enemy.next_at > before


def test_tailor_chalk_prepares_one_power_attack() -> None:
    state, text = holding("tailor_chalk")
    play(state, text)
    assert the_fight(state).opening
    roll(state, 13)
    large = dealt(state, "3")
    bare, _ = holding("tailor_chalk")
    roll(bare, 13)
    assert large > 2 * dealt(bare, "3")
    assert not the_fight(state).exposed


def test_honeycomb_takes_no_time() -> None:
    state, text = holding("honeycomb")
    state.hero.health = 10
    play(state, text)
    assert state.hero.health == 10 + state.hero.figures.health_max * 15 // 100
    assert the_fight(state).hero.next_at == 0


def test_quick_hands_does_not_slow_what_takes_no_time() -> None:
    state, text = holding("honeycomb", talents=("quick_hands",))
    play(state, text)
    assert the_fight(state).hero.next_at == 0


@pytest.mark.parametrize("rank", [Rank.normal, Rank.elite])
def test_trapdoor_dust_slips_past_without_a_roll(rank: Rank) -> None:
    state, text = holding("trapdoor_dust", at=0, rank=rank)
    before = state.hero.health
    play(state, text)
    assert (state.phase, the_dungeon(state).phase) == (Phase.Dungeon, RoomPhase.cleared)
    assert state.hero.health == before


def test_nobody_escapes_a_boss_and_the_refusal_says_so() -> None:
    state, text = holding("trapdoor_dust", rank=Rank.boss)
    assert text not in inputs(state)
    with pytest.raises(Exception, match="nobody flees from a boss"):
        play(state, text)


def test_a_fight_and_a_boss_of_one_holding_have_menus_of_their_own() -> None:
    state, text = holding("trapdoor_dust")
    assert text in inputs(state)
    boss, _ = holding("trapdoor_dust", rank=Rank.boss)
    assert text not in inputs(boss)


def test_the_hero_carries_few_other_consumables() -> None:
    state = hub()
    state.hero.consumables = [0] * len(CAT.consumables)
    for number in CAT.other_consumables[: tables.OTHERS_MAX]:
        find_good(CAT, state, number)
    gold = state.hero.gold
    one_more = CAT.other_consumables[tables.OTHERS_MAX]
    assert not has_room(CAT, state.hero, one_more)
    find_good(CAT, state, one_more)
    assert sum(state.hero.consumables) == tables.OTHERS_MAX
    assert state.hero.gold > gold, "the rest is sold"
    assert has_room(CAT, state.hero, CAT.consumable_at[6])


def test_one_in_three_other_finds_is_a_bomb_or_a_ration_and_all_others_come() -> None:
    state = hub()
    seen = Counter(other_good(CAT, state) for _ in range(6000))
    staples = seen[CAT.consumable_at[6]] + seen[CAT.consumable_at[7]]
    assert 1800 < staples < 2200
    assert set(seen) == {*CAT.other_consumables, CAT.consumable_at[6], CAT.consumable_at[7]}


def test_the_menu_and_the_merchant_say_what_a_consumable_does() -> None:
    state, text = holding("web_jar")
    label = next(choice.label for choice in rules().legal_inputs(state) if choice.input == text)
    assert label == "web jar: The enemy takes x1.5 the time for 4 actions"
    assert "|item 8 slow 4 |" in rules().text(state, "e1 t1")


def test_the_short_names_of_a_fight_are_all_different() -> None:
    short = [CAT.consumables[number].name.rpartition(" ")[2] for number in CAT.other_consumables]
    assert len(set(short)) == len(short)
