"""The heuristic orders its strip by the worth of the actions."""

from __future__ import annotations

from dungeonfighter.bots.strips import best_order
from dungeonfighter.rules import load_rules


def test_the_basic_action_stays_in_every_strip() -> None:
    catalogue = load_rules().catalogue
    mace = [action for action in catalogue.actions if action.weapon == "mace"]
    basic = next(action.name for action in mace if action.basic)
    for slots in range(1, 9):
        order = best_order([action.name for action in mace], slots)
        assert basic in order
        assert len(order) == len(set(order)) == min(slots, len(mace))


def test_a_strip_of_one_slot_has_only_the_basic_action() -> None:
    assert best_order(["SLAM", "Haymaker"], 1) == ["SLAM"]


def test_an_unknown_action_counts_as_a_plain_one() -> None:
    assert sorted(best_order(["SLAM", "Never Heard Of"], 2)) == ["Never Heard Of", "SLAM"]


def test_a_finisher_is_the_last_action() -> None:
    assert best_order(["SLAM", "Avalanche", "Skull Ring"], 3)[-1] == "Avalanche"
