"""The heuristic orders its strip by the worth of the actions."""

from __future__ import annotations

from dungeonfighter.bots.strips import best_order
from dungeonfighter.rules import load_rules


def test_the_basic_action_stays_in_every_strip() -> None:
    catalogue = load_rules().catalogue
    mace = [action for action in catalogue.actions if action.weapon == "mace"]
    basic = next(action.name for action in mace if action.basic)
    for slots in range(1, 9):
        order = best_order(tuple(action.name for action in mace), slots)
        assert basic in order
        assert len(order) == len(set(order)) == min(slots, len(mace))


def test_a_strip_of_one_slot_has_only_the_basic_action() -> None:
    assert best_order(("Slam", "Haymaker"), 1) == ["Slam"]


def test_an_unknown_action_counts_as_a_plain_one() -> None:
    assert sorted(best_order(("Slam", "Never Heard Of"), 2)) == ["Never Heard Of", "Slam"]


def test_a_finisher_is_the_last_action() -> None:
    assert best_order(("Slam", "Avalanche", "Skull Ringer"), 3)[-1] == "Avalanche"


def test_a_status_stands_before_the_strongest_attack() -> None:
    assert best_order(("Slam", "Haymaker", "Earth Crack"), 3) == ["Slam", "Earth Crack", "Haymaker"]


def test_a_long_strip_keeps_its_basic_action() -> None:
    cat = load_rules().catalogue
    known = tuple(cat.actions[number].name for number in cat.learned[0][20])
    order = best_order(known, 8)
    assert (len(order), len(set(order)), "Slam" in order) == (8, 8, True)
