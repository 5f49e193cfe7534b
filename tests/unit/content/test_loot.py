"""Items: the distributions of the rules, and values that grow with level, tier and rarity."""

from __future__ import annotations

from collections import Counter

import pytest

from dungeonfighter.rules import dice
from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.state import Item, Slot, Weapon

CAT = load_catalogue()


def rolled(seed: int, count: int, level: int = 5, kind: int = 1, steps: int = 0) -> list[Item]:
    rolls = dice.streams(seed)
    return [loot.roll_item(CAT, rolls, level, kind=kind, steps=steps) for _ in range(count)]


def test_rarities_occur_by_their_weights() -> None:
    count = 20_000
    seen = Counter(item.rarity for item in rolled(1, count))
    for rarity, permille in enumerate(loot.RARITY_WEIGHTS):
        expected = count * permille / 1000
        assert abs(seen[rarity] - expected) < 4 * expected**0.5 + 2, loot.RARITIES[rarity]


def test_half_of_the_items_are_weapons_and_most_of_those_of_the_heros_kind() -> None:
    items = rolled(2, 8000)
    slots = Counter(CAT.item_slot[item.base] for item in items)
    assert 3800 < slots[Slot.weapon] < 4200
    assert all(880 < slots[slot] < 1120 for slot in list(Slot)[1:])
    kinds = Counter(CAT.item_weapon[item.base] for item in items)
    assert 0.74 < kinds[Weapon.sword] / slots[Slot.weapon] < 0.81


@pytest.mark.parametrize(("level", "tiers"), [
    (1, {1}), (5, {1}), (6, {1, 2}), (7, {1, 2}), (8, {2}), (13, {2, 3}), (14, {2, 3}), (20, {3, 4}),
    (21, {3, 4}), (27, {4, 5}), (28, {4, 5}), (40, {5}),
])  # fmt: skip
def test_tiers_follow_the_item_level_and_mix_at_the_borders(level: int, tiers: set[int]) -> None:
    assert {CAT.items[item.base].tier for item in rolled(3, 300, level)} == tiers


def test_at_a_border_a_third_is_of_the_neighbouring_tier() -> None:
    seen = Counter(CAT.items[item.base].tier for item in rolled(4, 6000, 6))
    assert 0.30 < seen[2] / 6000 < 0.37


def test_rarity_sets_the_number_of_affixes_and_granted_actions() -> None:
    for item in rolled(5, 3000):
        kinds = Counter(CAT.affixes[affix].kind for affix in item.affixes)
        assert kinds["prefix"] == loot.PREFIXES[item.rarity]
        assert kinds["suffix"] == loot.SUFFIXES[item.rarity]
        assert len(item.actions) == loot.GRANTED[item.rarity]
        assert len(set(item.affixes)) == len(item.affixes)
        assert len(set(item.actions)) == len(item.actions)


def test_a_weapon_grants_only_actions_its_kind_can_play_and_armour_only_those_of_all() -> None:
    for item in rolled(6, 3000, steps=3):
        kind = CAT.item_weapon[item.base]
        allowed = CAT.gear_actions[kind] if kind >= 0 else CAT.any_actions
        assert set(item.actions) <= set(allowed)


def test_values_lie_in_the_range_of_base_level_and_rarity() -> None:
    for item in rolled(7, 3000, 9):
        row = CAT.items[item.base]
        more = 8 if row.weapon else 1
        low, high = ((value + more) * (1000 + 80 * item.rarity) // 1000 for value in (row.low, row.high))
        assert low <= item.value <= high


def test_elites_and_bosses_raise_the_rarity_by_their_steps() -> None:
    assert min(item.rarity for item in rolled(8, 500, steps=2)) == 2
    assert max(item.rarity for item in rolled(8, 500, steps=9)) == len(loot.RARITIES) - 1


def test_the_same_stream_gives_the_same_items_and_no_other_stream_is_drawn_from() -> None:
    rolls = dice.streams(9)
    before = (rolls.combat, rolls.layout, rolls.event)
    first = loot.roll_item(CAT, rolls, 12)
    assert (rolls.combat, rolls.layout, rolls.event) == before
    assert loot.roll_item(CAT, dice.streams(9), 12) == first


def test_levels_beyond_the_bounds_are_clamped() -> None:
    assert {item.level for item in rolled(10, 50, -4)} == {1}
    assert {item.level for item in rolled(10, 50, 4000)} == {100}


@pytest.mark.parametrize(
    ("dungeon", "hero", "reward"), [(5, 5, 5), (6, 5, 7), (4, 5, 3), (1, 9, 1), (99, 50, 100)]
)
def test_the_reward_level_falls_as_the_hero_outgrows_the_dungeon(
    dungeon: int, hero: int, reward: int
) -> None:
    assert loot.reward_level(dungeon, hero) == reward


def test_a_trade_gives_the_next_rarity_at_the_mean_level() -> None:
    given = [loot.starting_weapon(CAT, 0) for _ in range(3)] + [
        loot.roll_item(CAT, dice.streams(11), 11, slot=1, rarity=0) for _ in range(2)
    ]
    made = loot.trade_up(CAT, dice.streams(12), given, kind=0)
    assert made.rarity == 1
    assert made.level == (1 + 1 + 1 + 11 + 11) // 5
    assert CAT.item_slot[made.base] == Slot.weapon


def test_five_pieces_of_armour_give_armour() -> None:
    given = [loot.roll_item(CAT, dice.streams(n), 3, slot=2, rarity=1) for n in range(5)]
    made = loot.trade_up(CAT, dice.streams(13), given)
    assert CAT.item_slot[made.base] != Slot.weapon
    assert made.rarity == 2


def test_affixes_grow_with_level_and_rarity_and_steps_on_the_die_do_not() -> None:
    for number, affix in enumerate(CAT.affixes):
        low, high = loot.affix_value(CAT, number, 1, 0), loot.affix_value(CAT, number, 60, 5)
        if affix.stat in ("hit", "combo", "crit", "roll", "perk"):
            assert low == high == affix.base
        else:
            assert 1 <= low < high


def test_totals_add_up_and_heavy_armour_is_slow() -> None:
    base = next(n for n, row in enumerate(CAT.items) if row.slot == "chest" and row.time > 1000)
    sharp = next(n for n, row in enumerate(CAT.affixes) if row.id == "sharp")
    item = Item(base=base, level=10, rarity=0, value=5, affixes=[sharp, sharp])
    totals = loot.totals(CAT, item)
    assert totals[AFFIX_STATS.index("damage")] == 2 * loot.affix_value(CAT, sharp, 10, 0)
    assert totals[AFFIX_STATS.index("speed")] == 1000 - CAT.items[base].time


def test_names_take_the_first_prefix_and_the_first_suffix() -> None:
    find = {row.id: number for number, row in enumerate(CAT.affixes)}
    item = Item(base=0, level=1, rarity=2, value=4,
                affixes=[find["sharp"], find["hale"], find["of_life"], find["of_haste"]])  # fmt: skip
    assert loot.name(CAT, item) == f"Sharp {CAT.items[0].name} of Life"


def test_the_starting_weapon_of_a_kind_is_plain_and_always_the_same() -> None:
    for kind in Weapon:
        weapon = loot.starting_weapon(CAT, kind)
        assert CAT.item_weapon[weapon.base] == kind
        assert CAT.items[weapon.base].tier == 1
        assert weapon.affixes == []
