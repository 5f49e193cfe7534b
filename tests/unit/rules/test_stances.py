"""The inputs of a fight, one by one."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Band, Intent, Phase, Rank, RoomPhase, Status
from tests.unit.rules.position import (
    ANY,
    combat_state,
    dealt,
    happened,
    inputs,
    play,
    rules,
    taken,
    the_dungeon,
    the_fight,
)


def plain(state: State) -> int:
    figures = state.hero.figures
    return figures.damage * figures.amp // 1000


def test_attack_deals_the_plain_hit() -> None:
    state = combat_state(faces=(10,))
    assert dealt(state, "1") == plain(state)


def test_precise_rolls_3_higher() -> None:
    step = play(combat_state(faces=(11,)), "2")
    assert happened(step, Event.HeroAttacked)[0][2:4] == [14, Band.combo]


def test_precise_deals_three_quarters() -> None:
    state = combat_state(faces=(8,))
    assert dealt(state, "2") == plain(state) * 750 // 1000


def test_power_rolls_3_lower() -> None:
    step = play(combat_state(faces=(8,)), "3")
    assert happened(step, Event.HeroMissed)[0][2] == 5


def test_power_deals_seven_quarters() -> None:
    state = combat_state(faces=(10,))
    assert dealt(state, "3") == plain(state) * 1750 // 1000


def test_power_exposes_until_the_next_action() -> None:
    calm, exposed = (combat_state(faces=(10, 10), at=1, level=6) for _ in range(2))
    assert taken(exposed, "3") == taken(calm, "1") * 3 // 2


def test_exposure_ends_with_the_next_action() -> None:
    state = combat_state(faces=(10,))
    play(state, "3")
    play(state, "1")
    assert not the_fight(state).exposed


def test_power_ignores_defence() -> None:
    undefended, defended = combat_state(faces=(10,)), combat_state(faces=(10,), intent=Intent.defend)
    assert dealt(defended, "3") == dealt(undefended, "3")


def test_defence_halves_an_attack() -> None:
    state = combat_state(faces=(10,), intent=Intent.defend)
    assert dealt(state, "1") == plain(state) // 2


def test_guard_weakens_a_normal_attack() -> None:
    unguarded, guarded = combat_state(faces=(10, 10), at=1), combat_state(faces=(10,), at=1)
    assert taken(guarded, "4") == taken(unguarded, "1") * 600 // 1000


def test_guard_weakens_a_heavy_attack_more() -> None:
    unguarded, guarded = (
        combat_state(faces=(10, 10), at=1, intent=Intent.heavy, level=4),
        combat_state(faces=(10,), at=1, intent=Intent.heavy, level=4),
    )
    assert abs(taken(guarded, "4") - taken(unguarded, "1") * 400 // 1000) <= 1


def test_a_guarded_heavy_marks_the_enemy() -> None:
    state = combat_state(faces=(10,), at=1, intent=Intent.heavy)
    play(state, "4")
    assert the_fight(state).enemy.statuses[Status.mark] == 1


def test_guard_blocks_the_status() -> None:
    state = combat_state(faces=(10,), at=1, intent=Intent.status)
    play(state, "4")
    assert not any(the_fight(state).hero.statuses)


def test_guard_keeps_the_strip() -> None:
    state = combat_state(faces=(10,), at=1, step=2)
    play(state, "4")
    assert the_fight(state).step == 2


def test_after_a_guard_the_hero_acts_right_after_the_enemy() -> None:
    state = combat_state(faces=(10,), at=5000)
    play(state, "4")
    assert the_fight(state).hero.next_at == 5001


def test_guard_ends_with_the_enemys_action() -> None:
    state = combat_state(faces=(10,), at=1)
    play(state, "4")
    assert not the_fight(state).guarding


def test_the_potion_heals_35_percent() -> None:
    state = combat_state()
    state.hero.health = 10
    play(state, "5")
    assert state.hero.health == 10 + state.hero.figures.health_max * 350 // 1000


def test_the_potion_clears_poison() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.poison] = 3
    play(state, "5")
    assert the_fight(state).hero.statuses[Status.poison] == 0


def test_a_consumable_takes_half_an_action() -> None:
    state = combat_state()
    play(state, "5")
    assert the_fight(state).hero.next_at == state.hero.figures.period // 2


def test_a_consumable_is_used_up() -> None:
    state = combat_state()
    play(state, "5")
    assert state.hero.consumables[rules().catalogue.consumable_at[5]] == 1


def test_without_a_potion_5_is_not_offered() -> None:
    state = combat_state()
    state.hero.consumables = replaced(state.hero.consumables, rules().catalogue.consumable_at[5], 0)
    assert "5" not in inputs(state)


def test_the_bomb_deals_its_share_of_a_plain_hit() -> None:
    state = combat_state()
    amount = rules().catalogue.consumables[rules().catalogue.consumable_at[6]].amount
    share = the_fight(state).health_max * tables.BOMB_SHARE[0] // 1000
    assert dealt(state, "6") == plain(state) * amount // 1000 + share


def test_the_bomb_takes_a_smaller_share_of_a_boss() -> None:
    boss = combat_state(rank=Rank.boss, against=rules().catalogue.boss_of_region[0])
    usual = combat_state()
    assert dealt(usual, "6") - dealt(boss, "6") == 100_000 * 100 // 1000


@pytest.mark.parametrize("intent", [Intent.heal, Intent.status])
def test_a_bomb_interrupts(intent: Intent) -> None:
    state = combat_state(intent=intent)
    assert happened(play(state, "6"), Event.Interrupted)
    assert the_fight(state).intent == Intent.light


@pytest.mark.parametrize("intent", [Intent.heal, Intent.status])
def test_a_precise_hit_interrupts(intent: Intent) -> None:
    assert happened(play(combat_state(intent=intent, faces=(10,)), "2"), Event.Interrupted)


def test_a_plain_hit_does_not_interrupt() -> None:
    assert not happened(play(combat_state(intent=Intent.heal, faces=(10,)), "1"), Event.Interrupted)


def test_a_ration_is_no_input_of_a_fight() -> None:
    assert "7" not in inputs(combat_state())


@pytest.mark.parametrize("number", rules().catalogue.other_consumables)
def test_every_other_consumable_inflicts_its_status(number: int) -> None:
    state = combat_state()
    state.hero.consumables = replaced(state.hero.consumables, number, 1)
    row = rules().catalogue.consumables[number]
    step = play(state, f"item {number + 1}")
    side = 1 if row.who == "foe" else 0
    inflicted = happened(step, Event.StatusPut)
    assert row.effect != "status" or inflicted[0][1:3] == [side, rules().catalogue.consumable_status[number]]


def test_fleeing_lets_an_enemy_that_is_due_act_first() -> None:
    step = play(combat_state(faces=(10, ANY, 20), at=1), "8")
    assert happened(step, Event.EnemyAttacked)


def test_fleeing_from_an_enemy_that_is_not_due_meets_no_attack() -> None:
    step = play(combat_state(faces=(20,), at=100_000), "8")
    assert happened(step, Event.HeroFled)
    assert not happened(step, Event.EnemyAttacked)


@pytest.mark.parametrize("rank", [Rank.normal, Rank.elite])
def test_fleeing_from_an_ordinary_enemy_or_elite_passes_its_room(rank: Rank) -> None:
    state = combat_state(faces=(20,), rank=rank)
    step = play(state, "8")
    assert happened(step, Event.SlippedPast)
    assert (the_dungeon(state).phase, the_dungeon(state).kills) == (RoomPhase.cleared, 1)
    assert (state.hero.scars, state.world.spent, state.hero.xp) == (0, 6, 0)
    assert "2" not in inputs(state), "there is nothing to search"


def test_fleeing_from_a_guardian_leaves_the_dungeon() -> None:
    state = combat_state(faces=(20,), rank=Rank.guardian)
    play(state, "8")
    assert (state.phase, state.dungeon) == (Phase.GameLoop, None)


def test_fleeing_from_a_guardian_costs_a_scar() -> None:
    state = combat_state(faces=(20,), rank=Rank.guardian)
    play(state, "8")
    assert state.hero.scars == 1


def test_fleeing_can_fail() -> None:
    state = combat_state(faces=(2,))
    play(state, "8")
    assert state.phase == Phase.Combat


def test_fleeing_from_a_boss_is_illegal() -> None:
    boss = rules().catalogue.boss_of_region[0]
    assert "8" not in inputs(combat_state(against=boss, rank=Rank.boss))


def test_auto_attacks_until_the_end() -> None:
    state = combat_state(health=60)
    play(state, "9")
    assert state.phase != Phase.Combat


def test_auto_stops_under_30_percent_health() -> None:
    state = combat_state(at=1, level=12, period=7000)
    play(state, "9")
    assert state.phase == Phase.Death or state.hero.health * 10 < state.hero.figures.health_max * 3


def test_auto_counts_every_attack() -> None:
    state = combat_state(health=60)
    step = play(state, "9")
    assert state.turn + state.world.spent == happened(step, Event.AutoFought)[0][1]


def test_an_undecided_fight_ends_after_400_acts() -> None:
    state = combat_state(actions=399, faces=(3,))
    assert happened(play(state, "1"), Event.FightStalled)
    assert (state.phase, state.fight) == (Phase.Dungeon, None)


def test_the_enemy_acts_when_its_time_comes_first() -> None:
    step = play(combat_state(faces=(10, 10), at=1), "1")
    assert happened(step, Event.EnemyAttacked)


def test_at_equal_times_the_hero_acts() -> None:
    state = combat_state(faces=(10, 10))
    the_fight(state).enemy.next_at = state.hero.figures.period
    assert not happened(play(state, "1"), Event.EnemyAttacked)


def test_the_kill_clears_the_room() -> None:
    state = combat_state(faces=(10,), health=1)
    play(state, "1")
    assert (state.phase, the_dungeon(state).kills) == (Phase.Dungeon, 1)


def test_at_0_health_a_casual_hero_dies() -> None:
    state = combat_state(faces=(10, 10), at=1)
    state.hero.health = 1
    play(state, "1")
    assert (state.phase, state.over) == (Phase.Death, False)
