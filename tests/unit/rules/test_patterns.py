"""Elites, guardians and bosses repeat patterns; a precise hit makes an opening; a surprise never kills."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dungeonfighter.rules import State, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import habits, intents
from dungeonfighter.rules.fighting.combat import room_acts, surprise
from dungeonfighter.rules.fighting.statuses import BAD, SHIELD, STUN
from dungeonfighter.rules.state import Door, Fight, Intent, Phase, Rank, RoomKind, Status
from dungeonfighter.rules.views.sentences import CHANGES
from tests.unit.rules.position import (
    LATER,
    combat_state,
    dealt,
    doors,
    enemy,
    happened,
    play,
    roll_event,
    rules,
    the_dungeon,
    the_fight,
)

ARCHETYPES = [row.id for row in rules().catalogue.archetypes]


@pytest.mark.parametrize("rank", [Rank.elite, Rank.guardian])
@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_elites_and_guardians_repeat_the_pattern_of_their_archetype(archetype: str, rank: Rank) -> None:
    cat = rules().catalogue
    state = combat_state(against=enemy(archetype), rank=rank, pattern_at=0)
    fight = the_fight(state)
    fight.health = fight.health_max // 2  # it may heal
    pattern = cat.enemy_pattern[fight.enemy_kind]
    shown = []
    for _ in range(2 * len(pattern)):
        foretold = intents.following(cat, fight)
        intents.choose(cat, fight, state.dice, 0)
        assert fight.intent == foretold
        shown.append(fight.intent)
    assert shown == [*pattern, *pattern]


def test_no_two_archetypes_have_the_same_pattern() -> None:
    assert len({row.pattern for row in rules().catalogue.archetypes}) == len(ARCHETYPES)


def test_a_pattern_draws_no_dice() -> None:
    state = combat_state(rank=Rank.guardian)
    before = state.dice.combat
    intents.choose(rules().catalogue, the_fight(state), state.dice, 0)
    assert state.dice.combat == before


def test_an_ordinary_enemy_foretells_only_its_shown_action() -> None:
    state = combat_state()
    assert intents.following(rules().catalogue, the_fight(state)) == -1
    assert " then " not in rules().text(state, "e1")


def test_the_views_tell_the_next_two_actions_of_a_guardian() -> None:
    against = enemy("brute")
    place = rules().catalogue.enemy_pattern[against].index(Intent.heavy)
    state = combat_state(against=against, rank=Rank.guardian, pattern_at=place)
    assert ": normal " in rules().text(state, "e1")
    assert " then heavy\n" in rules().text(state, "e1")
    seen = rules().observe(state).combat
    assert seen is not None
    assert (seen.intent, seen.intent_after) == ("normal", "heavy")


def test_a_boss_announces_its_second_pattern() -> None:
    boss = rules().catalogue.boss_of_region[0]
    state = combat_state(against=boss, rank=Rank.boss, at=1, faces=(10, 10))
    the_fight(state).health = the_fight(state).health_max // 2 - 1
    assert happened(play(state, "1"), Event.BossChanged)


def changed_boss(region: int, **facts: Any) -> tuple[Fight, Fight]:
    """Return the fight with a region's boss before and after the action at which it changes."""
    boss = rules().catalogue.boss_of_region[region]
    state = combat_state(against=boss, rank=Rank.boss, at=1, faces=(10, 10), **facts)
    state.hero.health = state.hero.figures.health_max = 1_000_000
    fight = the_fight(state)
    fight.armour, fight.health = 30, fight.health_max // 2 - 1000
    before = msgspec.structs.replace(fight)
    play(state, "1")
    assert (before.low, fight.low) == (False, True)
    return before, the_fight(state)


def test_the_first_boss_acts_more_often_under_half_health() -> None:
    before, after = changed_boss(0)
    assert after.period == before.period * tables.QUICKENED // 1000
    assert (after.damage, after.armour) == (before.damage, before.armour)


def test_the_second_boss_loses_its_armour_and_hits_harder_under_half_health() -> None:
    before, after = changed_boss(1)
    assert (after.damage, after.armour) == (before.damage * tables.MOLTEN // 1000, 0)
    assert after.period == before.period


def test_the_third_boss_rises_under_half_health() -> None:
    before, after = changed_boss(2)
    assert after.health > before.health
    assert after.enemy.statuses[SHIELD] == tables.RISEN_SHIELD
    assert (after.period, after.damage, after.armour) == (before.period, before.damage, before.armour)


def test_a_boss_that_rises_sheds_its_statuses() -> None:
    boss = rules().catalogue.boss_of_region[2]
    state = combat_state(against=boss, rank=Rank.boss)
    the_fight(state).enemy.statuses = [1] * len(Status)
    habits.change(rules().catalogue, state, the_fight(state))
    assert not any(the_fight(state).enemy.statuses[status] for status in BAD)


@pytest.mark.parametrize("region", [0, 1, 2])
def test_the_views_tell_the_change_of_a_boss_from_the_start(region: int) -> None:
    cat = rules().catalogue
    boss = cat.boss_of_region[region]
    state = combat_state(against=boss, rank=Rank.boss)
    seen = rules().observe(state).combat
    assert seen is not None
    assert seen.change_below_half == CHANGES[cat.enemy_phase[boss]]
    assert f"below half {seen.change_below_half}" in rules().text(state, "e1")


def test_an_ordinary_enemy_does_not_change() -> None:
    seen = rules().observe(combat_state()).combat
    assert seen is not None
    assert seen.change_below_half == ""


def test_the_second_pattern_begins_at_its_beginning_and_is_foretold() -> None:
    cat = rules().catalogue
    boss = cat.boss_of_region[1]
    state = combat_state(against=boss, rank=Rank.boss, pattern_at=2)
    fight = the_fight(state)
    fight.health = fight.health_max // 2 - 1
    for wanted in cat.enemy_pattern_low[boss]:
        foretold = intents.following(cat, fight)
        intents.choose(cat, fight, state.dice, 0)
        assert fight.intent == foretold
        assert wanted in {fight.intent, Intent.heal, Intent.summon}


def test_an_opening_is_announced_once() -> None:
    state = combat_state(faces=(10,), opening=True)
    assert not happened(play(state, "2"), Event.Opened)


def test_a_precise_hit_makes_an_opening() -> None:
    state = combat_state(faces=(10,))
    assert happened(play(state, "2"), Event.Opened)
    assert " opening |4 guard" in rules().text(state, "e1")


@pytest.mark.parametrize(("text", "face"), [("2", 2), ("1", 10)])
def test_a_miss_or_another_stance_makes_no_opening(text: str, face: int) -> None:
    state = combat_state(faces=(face,))
    play(state, text)
    assert not the_fight(state).opening


def test_power_into_an_opening_deals_x1_5_and_does_not_expose() -> None:
    usual, opened = combat_state(faces=(12,)), combat_state(faces=(12,), opening=True)
    hits = dealt(usual, "3"), dealt(opened, "3")
    assert abs(hits[1] - hits[0] * 3 // 2) <= 1
    assert (the_fight(usual).exposed, the_fight(opened).exposed) == (True, False)
    assert not the_fight(opened).opening


def test_power_that_misses_keeps_the_opening_and_exposes() -> None:
    state = combat_state(faces=(3,), opening=True)
    play(state, "3")
    assert (the_fight(state).exposed, the_fight(state).opening) == (True, True)


def test_an_opening_does_not_change_other_stances() -> None:
    assert dealt(combat_state(faces=(10,)), "1") == dealt(combat_state(faces=(10,), opening=True), "1")


def surprised(*, last: bool) -> State:
    """Return a state in which an enemy of level 60 has surprised a new hero."""
    state = doors(level=60, rooms=9)
    dungeon = the_dungeon(state)
    dungeon.room = 8 if last else 0
    place = rules().catalogue.places[dungeon.theme][RoomKind.fight][0]
    dungeon.doors = [Door(int(RoomKind.fight), 2, place, dungeon.roster[0])]
    roll_event(state, 1)
    play(state, "1")
    return state


def test_a_surprise_by_an_ordinary_enemy_hurts_but_never_kills() -> None:
    seen = set()
    for start in range(40):
        state = doors(level=60, rooms=9)
        state.dice.combat = start
        dungeon = the_dungeon(state)
        place = rules().catalogue.places[dungeon.theme][RoomKind.fight][0]
        dungeon.doors = [Door(int(RoomKind.fight), 2, place, dungeon.roster[0])]
        state.hero.health = state.hero.figures.health_max // 2
        before = state.hero.health
        roll_event(state, 1)
        step = play(state, "1")
        assert state.phase == Phase.Combat
        assert the_fight(state).enemy.next_at > 0
        assert not the_fight(state).hero.statuses[STUN]
        if happened(step, Event.HeldOn):
            assert state.hero.health == 1
            seen.add("held on")
        elif state.hero.health == before:
            seen.add("unhurt")
    assert seen == {"held on", "unhurt"}


def test_a_guardian_that_surprises_does_not_strike_but_acts_sooner() -> None:
    state = surprised(last=True)
    assert the_fight(state).rank == Rank.guardian
    assert state.hero.health == state.hero.figures.health_max
    fight = the_fight(state)
    assert 0 < fight.enemy.next_at < fight.period * 13 // 20 + 1


def test_a_hazard_takes_the_last_point_of_neither_side() -> None:
    state = combat_state(at=LATER)
    state.hero.health = the_fight(state).health = 1
    for _ in range(50):
        room_acts(rules().catalogue, state, the_fight(state))
        the_fight(state).hero.statuses = [0] * 13
    assert (state.hero.health, the_fight(state).health) == (1, 1)


def test_a_surprise_neither_stuns_nor_kills_without_a_next_action() -> None:
    state = combat_state(intent=Intent.status, intent_status=STUN, faces=(10,), at=0)
    surprise(rules().catalogue, state, the_fight(state))
    assert not the_fight(state).hero.statuses[STUN]
    deadly = combat_state(intent=Intent.heavy, damage=10**6, faces=(10,), at=0)
    deadly.hero.health = 100
    surprise(rules().catalogue, deadly, the_fight(deadly))
    assert deadly.hero.health == 1
    assert the_fight(deadly).enemy.next_at > 0
