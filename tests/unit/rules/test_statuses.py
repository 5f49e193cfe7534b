"""The thirteen statuses: the effect of each on both sides."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat, statuses
from dungeonfighter.rules.state import Intent, Status
from tests.unit.rules.position import combat_state, dealt, enemy, happened, play, rules, taken, the_fight


def hero_loss(status: Status, amount: int, text: str = "1") -> int:
    state = combat_state(faces=(10, 10))
    the_fight(state).hero.statuses[status] = amount
    return taken(state, text)


def enemy_loss(status: Status, amount: int, intent: Intent = Intent.normal) -> int:
    """Return the health that a status costs the enemy at its action, without the damage of the hero."""
    clean, afflicted = (
        combat_state(faces=(10, 3), at=1, intent=intent),
        combat_state(faces=(10, 3), at=1, intent=intent),
    )
    the_fight(afflicted).enemy.statuses[status] = amount
    return dealt(afflicted, "1") - dealt(clean, "1")


def test_poison_costs_1_percent_a_stack() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.poison] = 3
    assert taken(state, "1") == state.hero.figures.health_max * 3 // 100


def test_poison_does_not_fade() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.poison] = 3
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.poison] == 3


def test_burn_costs_its_strength() -> None:
    assert hero_loss(Status.burn, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_burn_fades() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.burn] = 3
    play(state, "1")
    assert the_fight(state).hero.statuses[Status.burn] == 2


def test_acid_corrodes_the_heros_armour() -> None:
    state = combat_state(faces=(10,), hero_armour=9)
    the_fight(state).hero.statuses[Status.acid] = 4
    play(state, "1")
    assert the_fight(state).hero_armour == 5


def test_acid_corrodes_the_enemys_armour() -> None:
    state = combat_state(faces=(10, 3), at=1, armour=9)
    the_fight(state).enemy.statuses[Status.acid] = 4
    play(state, "1")
    assert the_fight(state).armour == 5


def test_bleeding_costs_an_attacker() -> None:
    assert hero_loss(Status.bleed, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_bleeding_does_not_cost_a_drinking_hero() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.bleed] = 3
    assert taken(state, "5") == 0


def test_bleeding_costs_an_attacking_enemy() -> None:
    assert enemy_loss(Status.bleed, 3) == 3 * tables.STATUS_DAMAGE[10]


def test_bleeding_spares_a_defending_enemy() -> None:
    assert enemy_loss(Status.bleed, 3, Intent.defend) == 0


def test_a_weakened_enemy_takes_half_more() -> None:
    plain, weak = combat_state(faces=(10,)), combat_state(faces=(10,))
    the_fight(weak).enemy.statuses[Status.weaken] = 2
    assert dealt(weak, "1") == dealt(plain, "1") * 3 // 2


def test_weaken_fades_by_one_an_action() -> None:
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


def test_slow_lengthens_the_heros_action() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).hero.statuses[Status.slow] = 1
    play(state, "1")
    assert the_fight(state).hero.next_at == state.hero.figures.period * 3 // 2


def test_slow_lengthens_the_enemys_action() -> None:
    state = combat_state(faces=(10, 3), at=1)
    the_fight(state).enemy.statuses[Status.slow] = 1
    play(state, "1")
    length = tables.INTENT_LENGTH[the_fight(state).intent]
    assert the_fight(state).enemy.next_at == 1 + the_fight(state).period * length // 1000 * 3 // 2


def test_a_confused_hero_may_strike_itself() -> None:
    state = combat_state(faces=(20,))
    the_fight(state).hero.statuses[Status.confusion] = 1
    assert happened(play(state, "1"), Event.StruckSelf)


def test_a_confused_hero_may_strike_the_enemy() -> None:
    state = combat_state(faces=(2, 10))
    the_fight(state).hero.statuses[Status.confusion] = 1
    assert happened(play(state, "1"), Event.HeroAttacked)


def test_a_confused_enemy_may_strike_itself() -> None:
    state = combat_state(faces=(10, 20), at=1)
    the_fight(state).enemy.statuses[Status.confusion] = 1
    play(state, "1")
    assert enemy_struck_itself(state.log)


def enemy_struck_itself(log: list[list[int]]) -> bool:
    return any(event[:2] == [Event.StruckSelf, 1] for event in log)


def test_pierce_ignores_the_enemys_armour() -> None:
    bare, armoured = combat_state(faces=(10,)), combat_state(faces=(10,), armour=5)
    the_fight(armoured).hero.statuses[Status.pierce] = 1
    assert dealt(armoured, "1") == dealt(bare, "1")


def test_pierce_of_the_enemy_ignores_the_heros_armour() -> None:
    state = combat_state(hero_armour=20)
    the_fight(state).enemy.statuses[Status.pierce] = 1
    assert combat.incoming(rules().catalogue, state) == the_fight(state).damage


def test_fortify_adds_armour() -> None:
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


def test_the_roll_penalty_subtracts_3_from_the_heros_die() -> None:
    state = combat_state(faces=(8,))
    the_fight(state).hero.statuses[Status.roll_penalty] = 1
    assert happened(play(state, "1"), Event.HeroMissed)[0][2] == 5


def test_the_roll_penalty_subtracts_3_from_the_enemys_die() -> None:
    state = combat_state(faces=(10, 8), at=1)
    the_fight(state).enemy.statuses[Status.roll_penalty] = 1
    assert happened(play(state, "1"), Event.EnemyMissed)


def test_a_marked_enemy_takes_half_more_from_the_next_hit() -> None:
    plain, marked = combat_state(faces=(10,)), combat_state(faces=(10,))
    the_fight(marked).enemy.statuses[Status.mark] = 1
    assert dealt(marked, "1") == dealt(plain, "1") * 3 // 2


def test_mark_is_used_up() -> None:
    state = combat_state(faces=(10,))
    the_fight(state).enemy.statuses[Status.mark] = 1
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.mark] == 0


@pytest.mark.parametrize("status", [Status.poison, Status.bleed])
def test_the_undead_are_immune_to_poison_and_bleed(status: Status) -> None:
    assert statuses.inflict([0] * 13, status, 3, undead=True) == 0


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_cap(status: Status) -> None:
    amounts = [0] * 13
    for _ in range(30):
        statuses.inflict(amounts, status, 9)
    assert amounts[status] == tables.STATUS_CAP[status]


def test_durations_do_not_add_up() -> None:
    amounts = [0] * 13
    statuses.inflict(amounts, Status.slow, 2)
    statuses.inflict(amounts, Status.slow, 1)
    assert amounts[Status.slow] == 2


def test_a_status_can_kill_the_hero() -> None:
    state = combat_state(faces=(10,))
    state.hero.health = 1
    the_fight(state).hero.statuses[Status.burn] = 3
    assert happened(play(state, "1"), Event.HeroDied)


def test_a_status_can_kill_the_enemy() -> None:
    state = combat_state(faces=(3, 3), at=1, health=2)
    the_fight(state).enemy.statuses[Status.burn] = 3
    assert happened(play(state, "1"), Event.EnemyDied)


def test_the_content_has_undead() -> None:
    assert rules().catalogue.enemies[enemy("", undead=True)].undead


@pytest.mark.parametrize("status", Status)
def test_expected_equals_taken_and_changes_no_status(status: Status) -> None:
    victim = [0] * len(Status)
    victim[status], victim[Status.weaken] = 1, status % 2
    before = victim.copy()
    expected = statuses.expected(victim, 101)
    assert victim == before
    assert statuses.taken(victim, 101) == expected
