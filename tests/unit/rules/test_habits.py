"""The actions of enemies beside those of their archetypes, and what each asks of the hero."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.catalog.model import HABITS
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import intents
from dungeonfighter.rules.state import Intent, Rank, Status
from tests.unit.rules.position import combat_state, happened, play, roll, rules, taken, the_fight

CAT = rules().catalogue
HITS = 10
"""A face with which the enemy hits."""


def before(intent: Intent, *, guarded: bool = False, damage: int = 200, **facts: Any) -> State:
    """Return a fight in which the enemy acts right after the hero: after a miss, or on guard."""
    faces = (HITS,) if guarded else (3, HITS)
    state = combat_state(intent=intent, at=1, faces=faces, damage=damage, hero_armour=0, **facts)
    state.hero.health = state.hero.figures.health_max = 100_000
    return state


def of(habit: str) -> int:
    return next(n for n, row in enumerate(CAT.enemies) if row.habit == habit and row.rank == "normal")


@pytest.mark.parametrize("habit", HABITS)
def test_every_habit_is_one_of_some_enemy(habit: str) -> None:
    assert of(habit) >= 0


def test_there_are_at_least_fourteen_behaviours() -> None:
    assert len(HABITS) + len(CAT.archetypes) >= 14


@pytest.mark.parametrize("habit", [habit for habit in HABITS if habit != "rage"])
@pytest.mark.parametrize("rank", [Rank.normal, Rank.elite])
def test_an_enemy_shows_its_habit(habit: str, rank: Rank) -> None:
    state = combat_state(against=of(habit), rank=rank)
    shown = set()
    for start in range(200):
        state.dice.combat = start
        the_fight(state).heals = 0
        intents.choose(CAT, the_fight(state), state.dice, 0)
        shown.add(the_fight(state).intent)
    assert Intent[habit] in shown


def test_a_feint_punishes_a_guard() -> None:
    bare, guarded = taken(before(Intent.feint), "1"), taken(before(Intent.feint, guarded=True), "4")
    assert (bare, guarded) == (200, 360)


@pytest.mark.parametrize("rank", [Rank.normal, Rank.guardian])
def test_a_crush_follows_a_charge(rank: Rank) -> None:
    place = CAT.enemy_pattern[of("charge")].index(Intent.crush)
    state = before(Intent.charge, against=of("charge"), rank=rank, pattern_at=place)
    assert taken(state, "1") == 0
    assert the_fight(state).intent == Intent.crush


def test_a_crush_needs_the_charge_before_it() -> None:
    state = combat_state(against=of("charge"), rank=Rank.guardian, intent=Intent.light)
    pattern = CAT.enemy_pattern[of("charge")]
    the_fight(state).pattern_at = pattern.index(Intent.crush)
    assert intents.following(CAT, the_fight(state)) == Intent.normal


def test_a_guarded_crush_counts_as_a_heavy() -> None:
    state = before(Intent.crush, guarded=True)
    step = play(state, "4")
    assert happened(step, Event.EnemyAttacked)[0][-1] == 200 * 3 * 400 // 1000
    assert happened(step, Event.HeavyGuarded)
    assert taken(before(Intent.crush), "1") == 600


@pytest.mark.parametrize(
    ("intent", "status", "amount"),
    [
        (Intent.ward, Status.shield, tables.WARD),
        (Intent.harden, Status.fortify, tables.HARDEN),
        (Intent.aim, Status.pierce, tables.AIM),
    ],
)
def test_an_enemy_prepares_itself(intent: Intent, status: Status, amount: int) -> None:
    state = before(intent)
    assert taken(state, "1") == 0
    assert the_fight(state).enemy.statuses[status] == amount


def test_an_aimed_attack_ignores_armour_as_often_as_the_aim_says() -> None:
    state = before(Intent.normal)
    fight = the_fight(state)
    fight.hero_armour, fight.enemy.statuses[Status.pierce] = 50, 1
    assert taken(state, "1") == 200
    assert fight.enemy.statuses[Status.pierce] == 0


def test_a_drain_heals_by_what_it_takes_unless_guarded() -> None:
    for guarded, gained in ((False, 140), (True, 0)):
        state = before(Intent.drain, guarded=guarded)
        the_fight(state).health = 1000
        play(state, "4" if guarded else "1")
        assert the_fight(state).health == 1000 + gained


def test_a_thief_takes_the_most_plentiful_consumable_unless_guarded() -> None:
    state = before(Intent.steal)
    potion, bomb = CAT.consumable_at[5], CAT.consumable_at[6]
    state.hero.consumables = [0] * len(CAT.consumables)
    state.hero.consumables[potion], state.hero.consumables[bomb] = 1, 2
    assert happened(play(state, "1"), Event.Stolen)[0][1] == bomb
    assert (state.hero.consumables[potion], state.hero.consumables[bomb]) == (1, 1)
    guarded = before(Intent.steal, guarded=True)
    assert not happened(play(guarded, "4"), Event.Stolen)


def test_a_thief_takes_gold_from_a_hero_without_consumables() -> None:
    state = before(Intent.steal)
    state.hero.consumables = [0] * len(CAT.consumables)
    state.hero.gold = 105
    play(state, "1")
    assert state.hero.gold == 105 - tables.STOLEN_GOLD * 10


def test_a_thief_takes_no_more_gold_than_there_is() -> None:
    state = before(Intent.steal)
    state.hero.consumables = [0] * len(state.hero.consumables)
    state.hero.gold = 3
    step = play(state, "1")
    assert state.hero.gold == 0
    assert happened(step, Event.Paid) == [[Event.Paid, 3]]


def test_a_drain_heals_at_most_to_the_maximum() -> None:
    state = before(Intent.drain)
    fight = the_fight(state)
    fight.health = fight.health_max - 10
    step = play(state, "1")
    assert fight.health == fight.health_max
    assert happened(step, Event.EnemyHealed) == [[Event.EnemyHealed, 10]]


@pytest.mark.parametrize(("face", "misses"), [(3, True), (4, False)])
def test_a_crush_misses_only_up_to_3(face: int, misses: bool) -> None:
    state = before(Intent.crush)
    roll(state, 3, face)
    assert (taken(state, "1") == 0) is misses


def test_a_stunned_enemy_ends_the_guard_without_a_rage() -> None:
    state = before(Intent.normal, guarded=True, against=of("rage"))
    the_fight(state).enemy.statuses[Status.stun] = 1
    play(state, "4")
    assert not the_fight(state).guarding
    assert the_fight(state).damage == 200


def test_a_summon_counts_as_one_of_two_heals_of_an_ordinary_enemy() -> None:
    state = before(Intent.summon, against=of("summon"))
    play(state, "1")
    assert the_fight(state).heals == 1
    the_fight(state).heals = tables.ENEMY_HEALS_MAX
    for start in range(300):
        state.dice.combat = start
        intents.choose(CAT, the_fight(state), state.dice, 0)
        assert the_fight(state).intent != Intent.summon


def test_a_summoned_helper_is_a_second_health_bar_twice_a_fight() -> None:
    state = before(Intent.summon, against=of("summon"), rank=Rank.guardian)
    play(state, "1")
    assert (the_fight(state).health, the_fight(state).health_max) == (115_000, 115_000)
    the_fight(state).heals = 2
    pattern = CAT.enemy_pattern[of("summon")]
    the_fight(state).pattern_at = pattern.index(Intent.summon)
    assert intents.following(CAT, the_fight(state)) == Intent.normal


def test_rage_grows_only_with_guarded_actions() -> None:
    for text, faces, grown in (("4", (HITS,), 240), ("1", (3, HITS), 200)):
        state = before(Intent.normal, against=of("rage"))
        roll(state, *faces)
        play(state, text)
        assert the_fight(state).damage == grown


@pytest.mark.parametrize("intent", sorted(tables.INTERRUPTED))
def test_a_precise_hit_interrupts_every_preparation(intent: int) -> None:
    state = combat_state(intent=Intent(intent), faces=(10,))
    assert happened(play(state, "2"), Event.Interrupted)
    assert the_fight(state).intent == Intent.light


@pytest.mark.parametrize("intent", [Intent.heavy, Intent.feint, Intent.drain, Intent.defend])
def test_an_attack_or_defence_is_not_interrupted(intent: Intent) -> None:
    assert not happened(play(combat_state(intent=intent, faces=(10,)), "2"), Event.Interrupted)


def test_the_view_names_the_habit_when_the_fight_begins() -> None:
    state = combat_state(against=of("charge"))
    state.log = [[Event.FightBegan, of("charge"), 0, 10]]
    state.turn_start = 0
    assert f"{CAT.archetypes[CAT.enemy_archetype[of('charge')]].id} (charge)" in rules().text(state, "e1")
    seen = rules().observe(state).combat
    assert seen is not None
    assert seen.habit == "charge"
