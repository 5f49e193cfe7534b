"""Unique items: the power of each, and how they are found."""

from __future__ import annotations

import itertools

import pytest

from dungeonfighter.rules import State, dice
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.character.hero import refresh, search_faces
from dungeonfighter.rules.character.progress import found
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.goods import bomb_damage
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Intent, Item, Phase, RoomKind, Slot, Status, Weapon
from tests.unit.rules.gear import weapon_of, wear_unique
from tests.unit.rules.position import (
    cleared,
    combat_state,
    dealt,
    happened,
    hub,
    play,
    roll,
    rules,
    taken,
    the_dungeon,
    the_fight,
)

CAT = rules().catalogue
MISS, HIT, COMBO = 3, 10, 16


def with_unique(name: str, *faces: int, **facts: object) -> State:
    state = combat_state(weapon_of(name), **facts)  # type: ignore[arg-type]
    state.hero.health = 100_000
    wear_unique(state, name)
    state.hero.health = state.hero.figures.health_max * 8 // 10
    if faces:
        roll(state, *faces)
    return state


def without(name: str, *faces: int, **facts: object) -> State:
    state = combat_state(weapon_of(name), **facts)  # type: ignore[arg-type]
    state.hero.health = state.hero.figures.health_max * 8 // 10
    if faces:
        roll(state, *faces)
    return state


def test_anvil_song_doubles_the_attack_after_a_guard() -> None:
    plain, guarded = (dealt(with_unique("anvil_song", HIT, last=last), "1") for last in (0, 1))
    assert guarded == 2 * plain


def test_downhill_takes_the_penalty_from_power() -> None:
    assert happened(play(with_unique("downhill", HIT), "3"), Event.HeroAttacked)[0][2] == HIT
    assert happened(play(without("downhill", HIT), "3"), Event.HeroAttacked)[0][2] == HIT - 3


def test_second_thought_makes_an_opening_of_a_miss() -> None:
    state = with_unique("second_thought", MISS)
    play(state, "1")
    assert the_fight(state).opening
    state = without("second_thought", MISS)
    play(state, "1")
    assert not the_fight(state).opening


@pytest.mark.parametrize(("text", "stopped"), [("3", True), ("1", False)])
def test_full_stop_interrupts_a_heavy_with_power(text: str, stopped: bool) -> None:
    state = with_unique("full_stop", 13, intent=Intent.heavy)
    play(state, text)
    assert (the_fight(state).intent == Intent.light) == stopped


def test_slow_goodbye_deals_more_for_each_poison() -> None:
    hits = []
    for poison in (0, 4):
        state = with_unique("slow_goodbye", HIT)
        state.hero.stats = replaced(state.hero.stats, 0, 90)
        refresh(CAT, state.hero)
        the_fight(state).enemy.statuses[Status.poison] = poison
        hits.append(dealt(state, "1"))
    assert abs(hits[1] - hits[0] * 1480 // 1000) <= 1


def test_first_word_doubles_the_first_attack() -> None:
    first, later = (dealt(with_unique("first_word", HIT, opened=opened), "1") for opened in (False, True))
    assert first == 2 * later


def test_pilot_flame_keeps_a_fire_alive() -> None:
    for name, left in (("pilot_flame", 4), ("", 3)):
        state = with_unique(name, MISS, at=1) if name else combat_state(Weapon.wand, faces=(MISS,), at=1)
        the_fight(state).enemy.statuses[Status.burn] = 4
        play(state, "1")
        assert the_fight(state).enemy.statuses[Status.burn] == left


def test_pilot_flame_does_not_light_or_feed_a_fire() -> None:
    for burn, left in ((0, 0), (2, 2)):
        state = with_unique("pilot_flame", MISS, at=1)
        the_fight(state).enemy.statuses[Status.burn] = burn
        play(state, "1")
        assert the_fight(state).enemy.statuses[Status.burn] == left


def test_red_lens_deals_more_and_costs_health_but_never_the_last_point() -> None:
    assert dealt(with_unique("red_lens", HIT), "1") > dealt(without("red_lens", HIT), "1") * 12 // 10
    state = with_unique("red_lens", HIT)
    assert taken(state, "1") == state.hero.figures.health_max // 100
    state = with_unique("red_lens", HIT)
    state.hero.health = 1
    play(state, "1")
    assert state.hero.health == 1


def test_pointing_hood_marks_by_any_guarded_attack() -> None:
    for state, marked in (
        (with_unique("pointing_hood", HIT, at=1), 1),
        (without("pointing_hood", HIT, at=1), 0),
    ):
        play(state, "4")
        assert the_fight(state).enemy.statuses[Status.mark] == marked


def test_crown_of_burrs_answers_a_guarded_attack() -> None:
    state = with_unique("crown_of_burrs", HIT, at=1)
    lost = dealt(state, "4")
    assert lost == state.hero.figures.damage * state.hero.figures.amp * 600 // 1_000_000
    assert dealt(without("crown_of_burrs", HIT, at=1), "4") == 0


@pytest.mark.parametrize(("text", "heals"), [("3", True), ("1", False)])
def test_reaper_cowl_heals_by_a_kill_with_power(text: str, heals: bool) -> None:
    state = with_unique("reaper_cowl", 13)
    the_fight(state).health = 1
    before = state.hero.health
    play(state, text)
    assert (state.hero.health - before == state.hero.figures.health_max * 12 // 100) == heals


def test_coat_of_debts_saves_the_hero_once_a_fight() -> None:
    state = with_unique("coat_of_debts", MISS, HIT, MISS, HIT, at=1, level=30)
    the_fight(state).period = 1
    state.hero.health = 1
    step = play(state, "1")
    assert happened(step, Event.HeldOn)
    assert state.phase == Phase.Death


def test_a_coat_of_debts_that_saved_the_hero_leaves_one_point() -> None:
    state = with_unique("coat_of_debts", MISS, HIT, at=1, level=30)
    state.hero.health = 1
    play(state, "1")
    assert (state.phase, state.hero.health, the_fight(state).spared) == (Phase.Combat, 1, True)


def test_two_way_coat_gives_the_enemy_its_own_status() -> None:
    state = with_unique("two_way_coat", MISS, HIT, at=1, intent=Intent.status)
    status = the_fight(state).intent_status
    play(state, "1")
    assert the_fight(state).enemy.statuses[status] == the_fight(state).hero.statuses[status] > 0


def test_brewers_apron_adds_a_shield_to_a_potion() -> None:
    for state, shield in ((with_unique("brewer_apron"), 3), (without("brewer_apron"), 0)):
        play(state, "5")
        assert the_fight(state).hero.statuses[Status.shield] == shield


def test_thiefs_hose_flees_before_the_enemy_acts() -> None:
    assert happened(play(without("thief_hose", HIT, 20, at=1), "8"), Event.EnemyAttacked)
    step = play(with_unique("thief_hose", 20, at=1), "8")
    assert happened(step, Event.HeroFled)
    assert not happened(step, Event.EnemyAttacked)


def test_coiled_greaves_shorten_the_attack_after_a_guard() -> None:
    state = with_unique("coiled_greaves", HIT, last=1)
    play(state, "1")
    assert the_fight(state).hero.next_at == state.hero.figures.period // 2
    state = with_unique("coiled_greaves", HIT)
    play(state, "1")
    assert the_fight(state).hero.next_at == state.hero.figures.period


def test_purse_breeches_count_the_gold_up_to_a_bound() -> None:
    hits = []
    for gold in (0, 400, 800, 8000):
        state = with_unique("purse_breeches", HIT)
        state.hero.stats = replaced(state.hero.stats, 0, 90)
        refresh(CAT, state.hero)
        state.hero.gold = gold
        hits.append(dealt(state, "1"))
    assert abs(hits[1] - hits[0] * 12 // 10) <= 1
    assert abs(hits[2] - hits[0] * 14 // 10) <= 1
    assert hits[2] == hits[3]


def test_pilgrim_boots_prepare_by_a_rest() -> None:
    for boots, shield in (("pilgrim_boots", 2), ("", 0)):
        state = cleared(rooms=9)
        if boots:
            wear_unique(state, boots)
        state.hero.health = 1
        play(state, "3")
        assert the_dungeon(state).omen == shield


def test_quiet_soles_heal_by_an_interrupt() -> None:
    state = with_unique("quiet_soles", COMBO, intent=Intent.heal)
    before = state.hero.health
    play(state, "1")
    assert state.hero.health - before == state.hero.figures.health_max * 6 // 100


def test_digger_boots_find_or_wake() -> None:
    state = cleared(rooms=9)
    wear_unique(state, "digger_boots")
    assert sum(search_faces(CAT, state.hero, int(RoomKind.fight))) == 20
    assert "search 70% find, 30% fight" in rules().text(state, "e1 t1")


def test_a_unique_item_has_the_figures_of_its_tier_and_no_second_name() -> None:
    for level in (3, 12, 25):
        for seed in range(30):
            item = loot.roll_item(CAT, dice.streams(seed), level, kind=1, unique=True)
            row = CAT.items[item.base]
            assert row.power
            assert item.rarity >= loot.UNIQUE_RARITY
            assert loot.name(CAT, item) == row.name
            assert loot.affix_texts(CAT, item)[0] == row.power
    blade = next(n for n, row in enumerate(CAT.items) if row.id == "second_thought")
    values = {
        level: [item.value for seed in range(400) if (item := _sword(seed, level)).base == blade]
        for level in (3, 25)
    }
    assert max(values[3]) < min(values[25])


def _sword(seed: int, level: int) -> Item:
    return loot.roll_item(CAT, dice.streams(seed), level, kind=1, slot=int(Slot.weapon), unique=True)


def test_finds_are_unique_now_and_then_and_never_in_a_row() -> None:
    state = hub()
    places = [n for n in range(4000) if CAT.items[found(CAT, state, 5).base].power]
    assert 30 < len(places) < 60
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert min(gaps) > 10, "the meter spaces them"
    assert max(gaps) < 200


def test_wares_are_never_unique() -> None:
    rolls = dice.streams(5)
    assert not any(CAT.items[loot.roll_item(CAT, rolls, 9, steps=2).base].power for _ in range(2000))


def test_a_bomb_counts_no_bonus_of_attacks() -> None:
    state = with_unique("first_word")
    bare = without("first_word")
    assert bomb_damage(state.hero, the_fight(state), 2500) == bomb_damage(bare.hero, the_fight(bare), 2500)
