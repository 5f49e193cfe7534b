"""The intents of the enemy: how they are drawn, and what each does."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat, intents
from dungeonfighter.rules.fighting.common import begin_fight
from dungeonfighter.rules.state import Band, Dice, Intent, Rank, Status, Weapon
from tests.unit.rules.position import ANY, combat_state, enemy, happened, play, rules, taken, the_fight


@pytest.mark.parametrize(
    ("intent", "permille"),
    [(Intent.light, 600), (Intent.normal, 1000), (Intent.heavy, 2200), (Intent.status, 500)],
)
def test_an_intent_deals_its_damage(intent: Intent, permille: int) -> None:
    state = combat_state(faces=(10, 10), at=1, intent=intent, level=4)
    assert taken(state, "1") == the_fight(state).damage * permille // 1000


@pytest.mark.parametrize("text", ["1", "3", "4"])
def test_no_hit_takes_more_than_its_share_of_full_health(text: str) -> None:
    """Neither a critical, nor an exposed hero, nor a feint that meets a guard changes that."""
    intent = Intent.feint if text == "4" else Intent.crush
    state = combat_state(faces=(10, 20), at=1, intent=intent, damage=10_000)
    shown = combat.incoming(rules().catalogue, state)
    most = state.hero.figures.health_max * tables.HIT_MOST // 1000
    assert shown == most
    assert taken(state, text) == most


def test_a_critical_of_the_enemy_deals_more() -> None:
    state = combat_state(faces=(10, 20), at=1, level=6)
    assert taken(state, "1") == the_fight(state).damage * 1600 // 1000


@pytest.mark.parametrize(("face", "hits"), [(5, False), (6, True)])
def test_a_normal_attack_misses_up_to_5(face: int, hits: bool) -> None:
    step = play(combat_state(faces=(10, face), at=1), "1")
    assert bool(happened(step, Event.EnemyAttacked)) == hits


@pytest.mark.parametrize(("face", "hits"), [(3, False), (4, True)])
def test_a_heavy_attack_misses_only_up_to_3(face: int, hits: bool) -> None:
    step = play(combat_state(faces=(10, face), at=1, intent=Intent.heavy), "1")
    assert bool(happened(step, Event.EnemyAttacked)) == hits


def test_a_critical_miss_costs_the_enemy_two_periods() -> None:
    slow, fast = combat_state(faces=(10, 1), at=1), combat_state(faces=(10, 3), at=1)
    play(slow, "1")
    play(fast, "1")
    assert (
        happened(play(combat_state(faces=(10, 1), at=1), "1"), Event.EnemyMissed)[0][3] == Band.critical_miss
    )
    length = tables.INTENT_LENGTH[the_fight(slow).intent]
    assert the_fight(slow).enemy.next_at == 1 + 2 * the_fight(slow).period * length // 1000


@pytest.mark.parametrize(
    ("intent", "permille"), [(Intent.light, 800), (Intent.normal, 1000), (Intent.heavy, 1300)]
)
def test_a_wind_up_takes_its_length(intent: Intent, permille: int) -> None:
    fight = the_fight(combat_state(period=1000))
    cat = rules().catalogue
    for start in range(10_000):
        intents.choose(cat, fight, Dice(start, 0, 0, 0), 0)
        if fight.intent == intent:
            break
    assert fight.enemy.next_at == permille


def test_the_status_intent_inflicts_the_enemys_status() -> None:
    state = combat_state(faces=(10, 10), at=1, intent=Intent.status)
    play(state, "1")
    row = rules().catalogue.enemies[the_fight(state).enemy_kind]
    assert the_fight(state).hero.statuses[Status[row.status]] > 0


def test_heal_gives_a_fifth() -> None:
    state = combat_state(faces=(3,), at=1, intent=Intent.heal)
    the_fight(state).health = 10_000
    play(state, "1")
    assert the_fight(state).health == 30_000


def intents_shown(**facts: Any) -> set[int]:
    """Return the intents that a shaman shows in 400 draws in such a fight."""
    cat = rules().catalogue
    fight = the_fight(combat_state(against=enemy("shaman"), **facts))
    seen = set()
    for start in range(400):
        intents.choose(cat, fight, Dice(start * 7919, 0, 0, 0), 0)
        seen.add(fight.intent)
    return seen


def test_the_enemy_does_not_heal_above_80_percent() -> None:
    assert Intent.heal not in intents_shown()


def test_a_wounded_enemy_heals() -> None:
    assert Intent.heal in intents_shown(health_max=200_000)


def test_the_enemy_heals_at_most_twice() -> None:
    assert Intent.heal not in intents_shown(health_max=200_000, heals=2)


def test_a_normal_enemy_flees_under_20_percent() -> None:
    assert Intent.flee in intents_shown(health_max=600_000)


def test_an_elite_never_flees() -> None:
    assert Intent.flee not in intents_shown(health_max=600_000, rank=Rank.elite)


def test_fleeing_ends_the_fight_without_a_kill() -> None:
    step = play(combat_state(faces=(3,), at=1, intent=Intent.flee), "1")
    assert happened(step, Event.EnemyFled)
    assert not happened(step, Event.EnemyDied)


def test_a_boss_follows_its_pattern() -> None:
    cat = rules().catalogue
    boss = cat.boss_of_region[0]
    fight = the_fight(combat_state(against=boss, rank=Rank.boss, pattern_at=0))
    seen = []
    for _ in cat.enemy_pattern[boss]:
        intents.choose(cat, fight, Dice(1, 1, 1, 1), 0)
        seen.append(fight.intent)
    allowed = [i if i != Intent.heal else Intent.normal for i in cat.enemy_pattern[boss]]
    assert seen == allowed


def test_under_half_health_a_boss_follows_the_other_pattern() -> None:
    cat = rules().catalogue
    boss = cat.boss_of_region[0]
    fight = the_fight(combat_state(against=boss, rank=Rank.boss, pattern_at=3))
    fight.health = fight.health_max // 2 - 1
    intents.choose(cat, fight, Dice(1, 1, 1, 1), 0)
    first = cat.enemy_pattern_low[boss][0]
    assert fight.intent == first
    assert fight.low


@pytest.mark.parametrize(
    ("hero", "other"), [(Weapon.wand, "sword"), (Weapon.sword, "dagger"), (Weapon.dagger, "wand")]
)
def test_the_class_wheel_favours_the_hero(hero: Weapon, other: str) -> None:
    favoured = combat_state(hero, against=enemy("", hero_class=other))
    even = combat_state(hero, against=enemy("", hero_class=""))
    cat = rules().catalogue
    assert combat.outgoing(cat, favoured) == combat.outgoing(cat, even) * 1200 // 1000


def test_the_class_wheel_can_favour_the_enemy() -> None:
    state = combat_state(Weapon.sword, against=enemy("", hero_class="wand"))
    assert combat.incoming(rules().catalogue, state) == the_fight(state).damage * 1200 // 1000


def test_incoming_is_the_damage_of_a_plain_hit() -> None:
    state = combat_state(faces=(10, 10), at=1)
    expected = combat.incoming(rules().catalogue, state)
    assert taken(state, "1") == expected


def test_enemy_first_compares_with_a_plain_attack() -> None:
    state = combat_state()
    the_fight(state).enemy.next_at = state.hero.figures.period - 1
    assert combat.enemy_first(state)


def test_an_elite_has_more_health_and_damage() -> None:
    cat = rules().catalogue
    state = combat_state()
    normal = begin_fight(cat, state, enemy(), Rank.normal, 10, 0)
    elite = begin_fight(cat, state, enemy(), Rank.elite, 10, 0)
    usual, hit = tables.ENEMY_HEALTH[10], tables.ENEMY_DAMAGE[10]
    kind = cat.archetypes[cat.enemy_archetype[enemy()]]
    assert (normal.health, normal.damage) == (usual * kind.health // 1000, hit * kind.damage // 1000)
    assert elite.health == usual * kind.health * 1400 // 1_000_000
    assert elite.damage == hit * kind.damage * 1200 // 1_000_000


def test_the_next_intent_is_drawn_from_the_fight_stream_only() -> None:
    state = combat_state(faces=(10, ANY), at=1)
    before = (state.dice.layout, state.dice.loot)
    play(state, "1")
    assert (state.dice.layout, state.dice.loot) == before
