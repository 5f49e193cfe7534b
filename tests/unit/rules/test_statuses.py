"""The thirteen statuses, each by its effect, on both sides."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat, statuses
from dungeonfighter.rules.state import Intent, Status
from tests.unit.rules.position import combat_state, dealt, enemy, happened, play, rules, taken, the_fight


def hurt_hero(status: Status, amount: int, text: str = "1") -> int:
    state = combat_state(faces=(10, 10))
    the_fight(state).hero.statuses[status] = amount
    return taken(state, text)


def enemy_cost(status: Status, amount: int, intent: Intent = Intent.normal) -> int:
    """What a status costs the enemy at its own action, beyond the hero's blow."""
    free, ill = (
        combat_state(faces=(10, 3), at=1, intent=intent),
        combat_state(faces=(10, 3), at=1, intent=intent),
    )
    the_fight(ill).enemy.statuses[status] = amount
    return dealt(ill, "1") - dealt(free, "1")


def test_poison_costs_1_percent_a_stack() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.poison] = 3
    assert taken(state, "1") == state.hero.figures.health_max * 3 // 100


def test_poison_stays() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.poison] = 3
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.poison] == 3


def test_burn_costs_its_strength() -> None:
    assert hurt_hero(Status.burn, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_burn_fades() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.burn] = 3
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.burn] == 2


def test_acid_eats_armour() -> None:
    state = combat_state(faces=(10,), hero_armour=9)
    the_fight(state).hero.statuses[Status.acid] = 4
    play(state, "1")
    assert the_fight(state).hero_armour == 5


def test_acid_eats_the_enemys_armour() -> None:
    state = combat_state(faces=(10, 3), at=1, armour=9)
    the_fight(state).enemy.statuses[Status.acid] = 4
    play(state, "1")
    assert the_fight(state).armour == 5


def test_bleeding_costs_an_attacker() -> None:
    assert hurt_hero(Status.bleed, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_bleeding_rests_while_drinking() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.bleed] = 3
    assert taken(state, "5") == 0


def test_bleeding_costs_an_attacking_enemy() -> None:
    assert enemy_cost(Status.bleed, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_bleeding_spares_a_defending_enemy() -> None:
    assert enemy_cost(Status.bleed, 3, Intent.defend) == 0


def test_weaken_takes_half_more() -> None:
    plain, weak = combat_state(faces=(10,)), combat_state(faces=(10,))
    the_fight(weak).enemy.statuses[Status.weaken] = 2
    assert dealt(weak, "1") == dealt(plain, "1") * 3 // 2


def test_weaken_lasts_so_many_actions() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.weaken] = 2
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.weaken] == 1


def test_stun_skips_the_enemys_action() -> None:
    state = combat_state(faces=(10,), at=1)
    the_fight(state).enemy.statuses[Status.stun] = 1
    assert taken(state, "1") == 0


def test_stun_skips_the_heros_action() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.stun] = 1
    step = play(state, "1")
    assert happened(step, Event.Stunned)
    assert the_fight(state).hero.next_at == 2 * state.hero.figures.period


def test_slow_stretches_the_heros_time() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.slow] = 1
    play(state, "1")
    assert the_fight(state).hero.next_at == state.hero.figures.period * 3 // 2


def test_slow_stretches_the_enemys_time() -> None:
    state = combat_state(faces=(10, 3), at=1)
    the_fight(state).enemy.statuses[Status.slow] = 1
    play(state, "1")
    length = tables.INTENT_LENGTH[the_fight(state).intent]
    assert the_fight(state).enemy.next_at == 1 + the_fight(state).period * length // 1000 * 3 // 2


def test_a_confused_hero_may_strike_itself() -> None:
    state = combat_state(faces=(20,))
    the_fight(state).hero.statuses[Status.confusion] = 1
    assert happened(play(state, "1"), Event.StruckSelf)


def test_a_confused_hero_may_strike_right() -> None:
    state = combat_state(faces=(2, 10))
    the_fight(state).hero.statuses[Status.confusion] = 1
    assert happened(play(state, "1"), Event.HeroAttacked)


def test_a_confused_enemy_may_strike_itself() -> None:
    state = combat_state(faces=(10, 20), at=1)
    the_fight(state).enemy.statuses[Status.confusion] = 1
    play(state, "1")
    assert happened_to_enemy(state.log)


def happened_to_enemy(log: list[list[int]]) -> bool:
    return any(event[:2] == [Event.StruckSelf, 1] for event in log)


def test_pierce_ignores_the_enemys_armour() -> None:
    bare, armoured = combat_state(faces=(10,)), combat_state(faces=(10,), armour=5)
    the_fight(armoured).hero.statuses[Status.pierce] = 1
    assert dealt(armoured, "1") == dealt(bare, "1")


def test_pierce_of_the_enemy_ignores_the_heros_armour() -> None:
    state = combat_state(hero_armour=20)
    the_fight(state).enemy.statuses[Status.pierce] = 1
    assert combat.incoming(rules().catalogue, state) == the_fight(state).damage


def test_fortify_is_armour_for_the_fight() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.fortify] = 2
    fewer = the_fight(state).damage - 2 * tables.FORTIFY[10]
    assert combat.incoming(rules().catalogue, state) == fewer


def test_shield_halves_one_hit() -> None:
    state = combat_state(faces=(10, 10), at=1)
    the_fight(state).hero.statuses[Status.shield] = 1
    assert taken(state, "1") == the_fight(state).damage // 2


def test_shield_is_used_up() -> None:
    state = combat_state(faces=(10, 10), at=1)
    the_fight(state).hero.statuses[Status.shield] = 1
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.shield] == 0


def test_the_roll_penalty_takes_3_off_the_die() -> None:
    state = combat_state(faces=(8,))
    the_fight(state).hero.statuses[Status.roll_penalty] = 1
    assert happened(play(state, "1"), Event.HeroMissed)[0][2] == 5


def test_the_roll_penalty_counts_for_the_enemy() -> None:
    state = combat_state(faces=(10, 8), at=1)
    the_fight(state).enemy.statuses[Status.roll_penalty] = 1
    assert happened(play(state, "1"), Event.EnemyMissed)


def test_mark_makes_the_next_hit_three_halves() -> None:
    plain, marked = combat_state(faces=(10,)), combat_state(faces=(10,))
    the_fight(marked).enemy.statuses[Status.mark] = 1
    assert dealt(marked, "1") == dealt(plain, "1") * 3 // 2


def test_mark_is_used_up() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).enemy.statuses[Status.mark] = 1
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.mark] == 0


@pytest.mark.parametrize("status", [Status.poison, Status.bleed])
def test_the_undead_do_not_care(status: Status) -> None:
    assert statuses.inflict([0] * 13, status, 3, undead=True) == 0


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_cap(status: Status) -> None:
    worn = [0] * 13
    for _ in range(30):
        statuses.inflict(worn, status, 9)
    assert worn[status] == tables.STATUS_CAP[status]


def test_durations_do_not_add_up() -> None:
    worn = [0] * 13
    statuses.inflict(worn, Status.slow, 2)
    statuses.inflict(worn, Status.slow, 1)
    assert worn[Status.slow] == 2


def test_a_status_can_kill_the_hero() -> None:
    state = combat_state(faces=(10,))
    state.hero.health = 1
    the_fight(state).hero.statuses[Status.burn] = 3
    assert happened(play(state, "1"), Event.HeroDied)


def test_a_status_can_kill_the_enemy() -> None:
    state = combat_state(faces=(3, 3), at=1, health=2)
    the_fight(state).enemy.statuses[Status.burn] = 3
    assert happened(play(state, "1"), Event.EnemyDied)


def test_undead_exist() -> None:
    assert rules().catalogue.enemies[enemy("", undead=True)].undead


@pytest.mark.parametrize("status", Status)
def test_what_a_blow_is_expected_to_take_is_what_it_takes_and_uses_nothing_up(status: Status) -> None:
    victim = [0] * len(Status)
    victim[status], victim[Status.weaken] = 1, status % 2
    before = victim.copy()
    expected = statuses.expected(victim, 101)
    assert victim == before
    assert statuses.taken(victim, 101) == expected
