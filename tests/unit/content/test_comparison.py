"""A comparison reports exactly the changes that wearing the item brings."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import dice
from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.character import hero, loot
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Hero, Slot, Weapon
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
    assert promised[1:-1] == tuple(getattr(after, name) for name in WORN[1:-1])
    assert promised[-1] == tuple(loot.affix_totals(CAT, someone)[loot.STATS :])
    assert change.damage == after.damage - before.damage
    assert change.armour == after.armour - before.armour
    assert change.health == after.health_max - before.health_max


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
    assert change.text == f"damage {someone.figures.damage} -> {someone.figures.damage + 10}"


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
