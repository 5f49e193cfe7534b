"""The mechanism of each talent, compared with the same position without it."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.character import prices
from dungeonfighter.rules.character.progress import carried_max, take_talent
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.state import Door, Intent, Phase, Rank, RoomKind, Status, Weapon
from dungeonfighter.rules.talents import KEYS, Perk
from dungeonfighter.rules.views.classes import STATS
from tests.unit.rules import position
from tests.unit.rules.position import (
    combat_state,
    dealt,
    doors,
    happened,
    play,
    roll_event,
    room,
    rules,
    taken,
    teach,
    the_dungeon,
    the_fight,
)


def amount(key: str) -> int:
    cat = rules().catalogue
    return cat.talents[cat.talent_by_key[key]].amount


def test_every_mechanism_has_a_talent() -> None:
    assert set(rules().catalogue.talent_by_key) == set(KEYS)


def test_counter_guard_answers_a_guarded_heavy() -> None:
    state = combat_state(faces=(10,), at=1, intent=Intent.heavy, talents=("counter_guard",))
    assert dealt(state, "4") > 0


def test_precise_combo_rolls_higher() -> None:
    step = play(combat_state(faces=(8,), talents=("precise_combo",)), "2")
    assert happened(step, Event.HeroAttacked)[0][2] == 11 + amount("precise_combo")


def test_power_armour_lowers_the_damage_of_exposure() -> None:
    soft, hard = (
        combat_state(faces=(10, 10), at=1, talents=("power_armour",)),
        combat_state(faces=(10, 10), at=1),
    )
    assert taken(soft, "3") < taken(hard, "3")


def test_bleed_on_combo_inflicts_bleed() -> None:
    state = combat_state(faces=(15,), talents=("bleed_on_combo",))
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.bleed] == amount("bleed_on_combo")


def test_executioner_needs_a_wounded_enemy() -> None:
    whole, wounded = (
        combat_state(faces=(10,), talents=("executioner",)),
        combat_state(faces=(10,), talents=("executioner",)),
    )
    the_fight(wounded).health_max *= 10
    assert dealt(wounded, "1") == dealt(whole, "1") * amount("executioner") // 1000


def test_second_wind_heals_once_a_fight() -> None:
    state = combat_state(faces=(10, 10), at=1, level=1, talents=("second_wind",))
    state.hero.health = state.hero.figures.health_max // 4 + 5
    step = play(state, "1")
    assert happened(step, Event.SecondWind)
    assert the_fight(state).winded


def test_scavenger_finds_on_more_faces() -> None:
    state = position.cleared()
    teach(state, "scavenger")
    roll_event(state, 21 - 2 * amount("scavenger"))
    assert not happened(play(state, "2"), Event.SearchFailed)


def test_scavenger_wakes_no_enemy() -> None:
    state = position.cleared()
    teach(state, "scavenger")
    roll_event(state, 1)
    play(state, "2")
    assert state.phase == Phase.Dungeon


def test_door_sense_sees_no_dark_door() -> None:
    state = position.cleared(rooms=12)
    teach(state, "door_sense")
    for _ in range(30):
        the_dungeon(state).phase = 2
        the_dungeon(state).room = 1
        play(state, "1")
        assert all(door.kind >= 0 for door in the_dungeon(state).doors)


def test_cheap_potions_lower_prices() -> None:
    state = position.hub()
    cat = rules().catalogue
    before = prices.good(cat, state.hero, 0)
    teach(state, "cheap_potions")
    assert prices.good(cat, state.hero, 0) == before * amount("cheap_potions") // 1000


def test_opener_crit_widens_the_first_attack() -> None:
    step = play(combat_state(faces=(20 - amount("opener_crit"),), talents=("opener_crit",)), "1")
    assert happened(step, Event.HeroAttacked)[0][3] == 4


def test_opener_crit_ends_with_the_first_attack() -> None:
    step = play(combat_state(faces=(19,), talents=("opener_crit",), opened=True), "1")
    assert happened(step, Event.HeroAttacked)[0][3] == 3


def test_interrupt_mark_marks_and_delays() -> None:
    state = combat_state(faces=(15,), intent=Intent.heal, talents=("interrupt_mark",), period=1000)
    play(state, "1")
    fight = the_fight(state)
    assert (fight.enemy.statuses[Status.mark], fight.enemy.next_at) == (
        1,
        1_000_500 + amount("interrupt_mark"),
    )


def test_hazard_ward_spares_the_hero() -> None:
    state = combat_state(talents=("hazard_ward",))
    for _ in range(20):
        combat.room_acts(rules().catalogue, state, the_fight(state))
    assert state.hero.health == state.hero.figures.health_max


def test_hazard_ward_spares_the_cost_of_traps() -> None:
    hard, soft = room(RoomKind.trap), room(RoomKind.trap, talents=("hazard_ward",))
    roll_event(hard, 1)
    roll_event(soft, 1)
    assert 0 == taken(soft, "1") < taken(hard, "1")


def test_thick_skin_adds_armour() -> None:
    state = position.hub()
    before = state.hero.figures.armour
    assert teach(state, "thick_skin") == state.hero.figures.armour - before


def test_quick_hands_shorten_a_consumable() -> None:
    state = combat_state(talents=("quick_hands",))
    play(state, "5")
    assert the_fight(state).hero.next_at == state.hero.figures.period * amount("quick_hands") // 1000


def test_strip_keeper_spares_a_reset() -> None:
    state = combat_state(faces=(3,), step=1, talents=("strip_keeper",))
    play(state, "1")
    assert the_fight(state).step == 1


def test_strip_keeper_is_used_up() -> None:
    state = combat_state(faces=(3,), step=1, talents=("strip_keeper",), kept=9)
    play(state, "1")
    assert the_fight(state).step == 0


def test_gambler_turns_1_into_a_critical() -> None:
    step = play(combat_state(faces=(1,), talents=("gambler",)), "1")
    assert happened(step, Event.HeroAttacked)[0][3] == 4


def test_gambler_turns_2_into_a_critical_miss() -> None:
    step = play(combat_state(faces=(2,), talents=("gambler",)), "1")
    assert happened(step, Event.HeroMissed)[0][3] == 0


def test_long_statuses_lengthen_a_burn() -> None:
    state = combat_state(Weapon.wand, faces=(15,), talents=("long_statuses",))
    other = combat_state(Weapon.wand, faces=(15,))
    play(state, "1")
    play(other, "1")
    longer = the_fight(state).enemy.statuses[Status.burn] - the_fight(other).enemy.statuses[Status.burn]
    assert longer == amount("long_statuses")


def test_poisoner_poisons_on_a_critical() -> None:
    state = combat_state(faces=(20,), talents=("poisoner",))
    play(state, "1")
    assert the_fight(state).enemy.statuses[Status.poison] == amount("poisoner")


def test_field_medic_heals_more_at_a_rest() -> None:
    state = position.cleared()
    teach(state, "field_medic")
    state.hero.health = 1
    play(state, "3")
    assert (
        state.hero.health == 1 + state.hero.figures.health_max * (tables.REST + amount("field_medic")) // 1000
    )


def test_field_medic_heals_more_at_a_camp() -> None:
    state = position.hub()
    teach(state, "field_medic")
    state.hero.health = 1
    play(state, "4")
    most = state.hero.figures.health_max
    assert state.hero.health == min(most, 1 + most * (tables.CAMP + amount("field_medic")) // 1000)


def test_giant_slayer_needs_an_elite() -> None:
    small = combat_state(faces=(10,), talents=("giant_slayer",))
    giant = combat_state(faces=(10,), talents=("giant_slayer",), rank=Rank.elite)
    assert dealt(giant, "1") == dealt(small, "1") * amount("giant_slayer") // 1000


def test_momentum_shortens_the_second_combo() -> None:
    state = combat_state(faces=(15,), talents=("momentum",), run=1)
    play(state, "1")
    assert the_fight(state).hero.next_at == state.hero.figures.period * (1000 - amount("momentum")) // 1000


@pytest.mark.parametrize("face", [3, 10])
def test_momentum_ends_with_a_miss_or_a_plain_hit(face: int) -> None:
    state = combat_state(faces=(face,), talents=("momentum",), run=2)
    play(state, "1")
    assert the_fight(state).run == 0


def test_last_stand_needs_a_wounded_hero() -> None:
    whole, wounded = (
        combat_state(faces=(10,), talents=("last_stand",)),
        combat_state(faces=(10,), talents=("last_stand",)),
    )
    wounded.hero.health = 20
    assert dealt(wounded, "1") == dealt(whole, "1") * amount("last_stand") // 1000


def test_escape_artist_flees_before_the_enemy_acts() -> None:
    step = play(combat_state(talents=("escape_artist",)), "8")
    assert happened(step, Event.HeroFled)
    assert not happened(step, Event.EnemyAttacked)


def test_escape_artist_gets_no_scar() -> None:
    state = position.cleared()
    teach(state, "escape_artist")
    play(state, "9")
    assert state.hero.scars == 0


def test_hoarder_carries_more_potions() -> None:
    state = position.hub()
    cat = rules().catalogue
    teach(state, "hoarder")
    assert carried_max(cat, state.hero, cat.consumable_at[5]) == tables.POTIONS_MAX + amount("hoarder")


def level_up(state: State) -> None:
    state.hero.xp = tables.xp_next(state.hero.level)
    play(state, "2")


def test_a_level_offers_three_talents() -> None:
    state = position.hub()
    level_up(state)
    assert (state.phase, len(set(state.talent_offer))) == (Phase.LevelUp, 3)


def test_a_talent_of_the_hero_is_not_offered() -> None:
    state = position.hub()
    cat = rules().catalogue
    state.hero.talents = list(range(len(cat.talents) - 2))
    level_up(state)
    assert sorted(state.talent_offer) == [len(cat.talents) - 2, len(cat.talents) - 1]


def test_taking_a_talent_returns_to_the_phase_before() -> None:
    state = position.hub()
    level_up(state)
    play(state, "2")
    assert state.phase == Phase.Inventory
    assert len(state.hero.talents) == 1


@pytest.mark.parametrize("weapon", list(Weapon))
def test_training_instead_of_a_talent_raises_the_stat_of_the_weapon(weapon: Weapon) -> None:
    state = position.hub(weapon)
    level_up(state)
    before = list(state.hero.stats)
    damage = state.hero.figures.damage
    assert position.inputs(state) == ["1", "2", "3", "4"]
    assert f"|4 train: {STATS[weapon]} +{tables.TRAINED}" in rules().text(state, "e1")
    play(state, "4")
    before[weapon] += tables.TRAINED
    assert (state.hero.stats, state.hero.talents, state.talent_offer) == (before, [], [])
    assert (state.phase, state.hero.figures.damage > damage) == (Phase.Inventory, True)


def test_without_talents_left_there_is_no_choice() -> None:
    state = position.hub()
    state.hero.talents = list(range(len(rules().catalogue.talents)))
    level_up(state)
    assert state.phase == Phase.Inventory


def test_taking_a_talent_empties_the_offer() -> None:
    state = position.hub()
    level_up(state)
    take_talent(rules().catalogue, state, 0)
    assert state.talent_offer == []


def test_perks_are_read_from_the_figures() -> None:
    state = doors()
    teach(state, "giant_slayer")
    assert state.hero.figures.perks[Perk.giant_slayer] == amount("giant_slayer")


def test_door_kinds_come_with_a_place() -> None:
    assert isinstance(the_dungeon(room(RoomKind.trap)).doors[0], Door)
