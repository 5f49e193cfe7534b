"""Experience, levels, the drops of kills, and items beyond the maximum that a hero carries."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.character import progress
from dungeonfighter.rules.character.loot import starting_weapon
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Rank, Weapon
from tests.unit.rules.position import combat_state, happened, hub, play, rules


@pytest.mark.parametrize(("level", "needed"), [(1, 300), (2, 450), (3, 600), (4, 900), (10, 2700)])
def test_experience_to_the_next_level(level: int, needed: int) -> None:
    assert tables.xp_next(level) == needed


@pytest.mark.parametrize(
    ("hero", "dungeon", "expected"), [(5, 5, 50), (5, 9, 70), (6, 5, 32), (7, 5, 15), (8, 5, 0), (30, 5, 0)]
)
def test_a_stronger_hero_gains_less_experience(hero: int, dungeon: int, expected: int) -> None:
    state = hub()
    state.hero.level = hero
    assert progress.gain_units(state, 1000, dungeon) == expected


@pytest.mark.parametrize(
    ("rank", "expected"), [(Rank.normal, 75), (Rank.elite, 150), (Rank.guardian, 112), (Rank.boss, 375)]
)
def test_a_kill_is_worth_its_rank(rank: Rank, expected: int) -> None:
    against = rules().catalogue.boss_of_region[0] if rank == Rank.boss else None
    step = play(combat_state(faces=(10,), health=1, rank=rank, against=against), "1")
    assert happened(step, Event.EnemyDied)[0][2] == expected


@pytest.mark.parametrize(("weapon", "stats"), [(Weapon.mace, [6, 4, 4, 4]), (Weapon.wand, [4, 4, 4, 6])])
def test_a_level_grows_the_weapons_stat_most(weapon: Weapon, stats: list[int]) -> None:
    state = hub(weapon)
    state.hero.xp = 300
    progress.level_up(rules().catalogue, state)
    assert state.hero.stats == stats


def test_a_level_gives_a_class_point() -> None:
    state = hub(Weapon.dagger)
    state.hero.xp = 300
    progress.level_up(rules().catalogue, state)
    assert state.hero.class_points == [0, 0, 1, 0]


def test_a_level_does_not_heal() -> None:
    state = hub()
    state.hero.health, state.hero.xp = 1, 300
    progress.level_up(rules().catalogue, state)
    assert state.hero.health == 1


def test_a_level_gives_14_health() -> None:
    state = hub()
    before = state.hero.figures.health_max
    state.hero.xp = 300
    progress.level_up(rules().catalogue, state)
    assert state.hero.figures.health_max == before + 14


def test_experience_beyond_the_level_is_kept() -> None:
    state = hub()
    state.hero.xp = 340
    progress.level_up(rules().catalogue, state)
    assert state.hero.xp == 40


def test_a_new_action_fills_a_free_slot() -> None:
    state = hub()
    for _ in range(2):
        state.hero.xp = 10_000
        progress.level_up(rules().catalogue, state)
    assert len(state.hero.strip) == 2


def test_a_full_bag_scraps_a_found_item() -> None:
    state = hub()
    cat = rules().catalogue
    state.hero.bag = [starting_weapon(cat, 0)] * 20
    before = state.hero.gold
    progress.find_item(cat, state, starting_weapon(cat, 1))
    assert (len(state.hero.bag), state.hero.gold > before) == (20, True)


@pytest.mark.parametrize(("have", "found"), [(-1, Event.ConsumableFound), (0, Event.GoldFound)])
def test_a_found_potion_beyond_the_most_becomes_gold(have: int, found: int) -> None:
    state = hub()
    cat = rules().catalogue
    potion = cat.consumable_at[5]
    state.hero.consumables = replaced(state.hero.consumables, potion, tables.POTIONS_MAX + have)
    progress.find_good(cat, state, potion)
    assert state.log[-1][0] == found
    assert state.hero.consumables[potion] == tables.POTIONS_MAX


def items_dropped(rank: Rank) -> int:
    """Return the number of items that a thousand kills drop."""
    state = hub()
    cat = rules().catalogue
    dropped = 0
    for _ in range(1000):
        state.log = []
        state.hero.bag = []
        progress.drop(cat, state, rank, 5)
        dropped += len(state.hero.bag)
    return dropped


def test_a_quarter_of_the_kills_drops_an_item() -> None:
    assert 210 < items_dropped(Rank.normal) < 290


def test_an_elite_drops_no_item_because_it_gives_the_choice_of_three() -> None:
    assert items_dropped(Rank.elite) == 0


def test_a_chance_that_was_missed_grows_until_it_is_met() -> None:
    """The draw 299 misses a chance of 250 until the meter owes the hero enough."""
    state = hub()
    came = [progress.metered(state, 0, 250, 299) for _ in range(40)]
    assert came[:2] == [False, True]
    assert 9 <= sum(came) <= 11, "on average the chance stays what it is"


def test_found_items_of_low_rarity_raise_the_meter_of_rarities() -> None:
    state = hub()
    cat = rules().catalogue
    rarities = [progress.found(cat, state, 5).rarity for _ in range(400)]
    common = max(len(run) for run in "".join("c" if r == 0 else " " for r in rarities).split())
    assert common <= 12
    assert 0.5 < rarities.count(0) / len(rarities) < 0.7
    assert abs(state.world.meters[2]) <= tables.RARITY_METER_MOST


def test_drops_come_from_the_loot_stream() -> None:
    state = hub()
    before = (state.dice.combat, state.dice.layout, state.dice.event)
    progress.drop(rules().catalogue, state, Rank.boss, 5)
    assert (state.dice.combat, state.dice.layout, state.dice.event) == before
