"""A comparison reports exactly the changes that wearing the item brings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dungeonfighter.rules import bonuses, dice
from dungeonfighter.rules.catalog import load_catalogue, worth
from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.character import hero, loot
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Hero, Item, Slot, Weapon
from dungeonfighter.rules.views import item_lines
from dungeonfighter.rules.views.comparison import WORN, Comparison

CAT = load_catalogue()


def dressed(seed: int) -> Hero:
    """Return a hero of random level, stats and gear."""
    rolls = dice.streams(seed)
    level = 1 + dice.loot(rolls, 30)
    kind = dice.loot(rolls, 4)
    stats = [3 + dice.loot(rolls, 90) for _ in Weapon]
    someone = Hero(name="Tarn", kind=kind, level=level, stats=stats, scars=dice.loot(rolls, 7))
    someone.class_points = replaced(someone.class_points, kind, level - 1)
    someone.talents = [dice.loot(rolls, len(CAT.talents))]
    someone.worn = replaced(someone.worn, Slot.weapon, loot.starting_weapon(CAT, kind))
    for slot in Slot:
        if dice.loot(rolls, 2) and slot:
            someone.worn = replaced(someone.worn, slot, loot.roll_item(CAT, rolls, level, slot=slot))
    hero.refresh(CAT, someone)
    return someone


@pytest.mark.parametrize("seed", range(60))
def test_wearing_an_item_gives_the_figures_the_comparison_promised(seed: int) -> None:
    someone = dressed(seed)
    before = someone.figures
    item = loot.roll_item(CAT, dice.streams(seed + 1000), someone.level, steps=seed % 6)
    slot = CAT.item_slot[item.base]
    promised = Comparison(CAT, someone).wearing(item)
    change = Comparison(CAT, someone).change(item)
    someone.worn = replaced(someone.worn, slot, item)
    someone.kind = promised[0]
    hero.refresh(CAT, someone)
    after = someone.figures
    assert promised[1:-2] == tuple(getattr(after, name) for name in WORN[1:-1])
    assert promised[-2] == tuple(loot.affix_totals(CAT, someone)[loot.STATS :])
    worths = [CAT.action_worth[action] for action in after.known]
    assert promised[-1] == worth.of_strip(worths, after.slots)
    assert change.damage == after.damage - before.damage
    assert change.armour == after.armour - before.armour
    assert change.health == after.health_max - before.health_max


@pytest.mark.parametrize("seed", range(60))
def test_the_bonuses_of_a_hero_are_the_sums_over_the_worn_items(seed: int) -> None:
    someone = dressed(seed)
    sums = loot.affix_totals(CAT, someone)
    plain, _ = loot.worn_affixes(CAT, someone)
    assert plain == sums[: loot.STATS]
    expected: dict[int, list[int]] = {kind: [] for kind in (bonuses.DEALS, bonuses.TAKES, bonuses.ROLLS)}
    relics = 0
    for (kind, which), amount in zip(CAT.bonuses, sums[loot.STATS :], strict=True):
        if amount and kind in expected:
            expected[kind] += which, amount
        elif amount and kind == bonuses.RELIC:
            relics |= 1 << which
    of = someone.figures
    assert [of.deals, of.takes, of.rolls, of.relics] == [*expected.values(), relics]


@pytest.mark.parametrize("seed", range(20))
def test_score_and_words_alone_are_those_of_the_change(seed: int) -> None:
    someone = dressed(seed)
    rolls = dice.streams(seed + 2000)
    items = [loot.roll_item(CAT, rolls, someone.level, steps=number % 4) for number in range(12)]
    compared = Comparison(CAT, someone)
    for item in items:
        change = Comparison(CAT, someone).change(item)
        worn = compared.wearing(item)
        assert (compared.score(worn), compared.words(worn)) == (change.score, change.text)
        assert compared.text(item) == change.text
        assert compared.change(item) == change


def test_a_plainly_better_weapon_scores_higher_and_says_so() -> None:
    someone = dressed(1)
    worn = someone.worn[Slot.weapon]
    assert worn is not None
    better = loot.starting_weapon(CAT, someone.kind)
    better.value += 10
    change = Comparison(CAT, someone).change(better)
    assert change.score > 0
    assert change.text == f"damage {someone.figures.damage}->{someone.figures.damage + 10}"


def test_wearing_a_worn_item_is_no_change() -> None:
    someone = dressed(2)
    worn = someone.worn[Slot.weapon]
    assert worn is not None
    assert Comparison(CAT, someone).change(worn).text == "no change"
    assert Comparison(CAT, someone).change(worn).score == 0


def test_a_weapon_of_another_class_says_that_it_changes_class() -> None:
    someone = dressed(3)
    other = loot.starting_weapon(CAT, (someone.kind + 1) % 4)
    assert "changes class" in Comparison(CAT, someone).change(other).text


def cap(*actions: str) -> Item:
    """Return a cap that grants these actions and nothing else."""
    base = CAT.armours[Slot.head][0][0]
    names = [row.id for row in CAT.actions]
    return Item(base=base, level=1, rarity=0, value=2, actions=[names.index(name) for name in actions])


def skilled(points: int) -> Hero:
    """Return a barbarian with these class points and a cap."""
    someone = Hero(name="Tarn", kind=Weapon.mace, level=1 + points, class_points=[points, 0, 0, 0])
    someone.worn = [loot.starting_weapon(CAT, Weapon.mace), cap(), None, None, None]
    hero.refresh(CAT, someone)
    return someone


def test_a_granted_action_that_betters_the_strip_raises_the_score() -> None:
    someone = skilled(6)
    change = Comparison(CAT, someone).change(cap("mountain_fall"))
    assert (change.score > 20, change.text) == (True, "no change")


def test_a_granted_action_of_no_use_does_not_change_the_score() -> None:
    someone = skilled(1)
    assert someone.figures.slots == 1, "the basic action fills the strip"
    assert Comparison(CAT, someone).change(cap("mountain_fall")).score == 0
    assert Comparison(CAT, skilled(6)).change(cap("night_needle")).score == 0, "of another weapon"


def test_to_lose_a_granted_action_lowers_the_score() -> None:
    someone = skilled(6)
    someone.worn = replaced(someone.worn, Slot.head, cap("mountain_fall"))
    hero.refresh(CAT, someone)
    assert Comparison(CAT, someone).change(cap()).score < -20


def test_a_weapon_of_another_class_costs_the_actions_of_the_class() -> None:
    other = loot.starting_weapon(CAT, Weapon.sword)
    few, many = (Comparison(CAT, skilled(points)).wearing(other)[-1] for points in (1, 12))
    assert few < Comparison(CAT, skilled(12)).wearing(loot.starting_weapon(CAT, Weapon.mace))[-1]
    assert many < Comparison(CAT, skilled(12)).wearing(loot.starting_weapon(CAT, Weapon.mace))[-1]


@pytest.mark.parametrize("row", CAT.actions, ids=lambda row: row.id)
def test_each_effect_of_an_action_is_worth_something(row: HeroAction) -> None:
    bare = replace(row, effects=(), heal=0)
    if row.effects or row.heal:
        assert worth.of_action(row) > worth.of_action(bare)
    assert worth.of_action(replace(row, length=row.length + 100)) < worth.of_action(row)


def test_the_words_name_the_actions_that_an_item_grants_and_takes() -> None:
    someone = skilled(6)
    someone.worn = replaced(someone.worn, Slot.head, cap("brand", "echo"))
    hero.refresh(CAT, someone)
    assert item_lines.grants(CAT, someone, cap("echo", "leap"), briefly=True) == "; grants Leap; loses Brand"
    assert item_lines.grants(CAT, someone, cap("night_needle")) == "; loses Brand and Echo"
    assert item_lines.grants(CAT, someone, cap("brand", "echo")) == ""
    assert item_lines.grants(CAT, skilled(6), cap()) == ""
