"""The heuristic's worth of the options of events, by their labels."""

from __future__ import annotations

import pytest

from dungeonfighter.bots.bargains import worth_of
from dungeonfighter.rules.state import Weapon
from tests.unit.rules.position import hub, rules


@pytest.mark.parametrize(
    ("label", "worth"),
    [
        ("fill it: lose 76 hp, get STR +2", 6 - 12 * 76 / 304),
        ("reach in: 75% get 90 gold, else lose 76 hp", -0.25 * 12 * 76 / 304),
        ("go through: 50% unharmed, else lose 0 hp", 0),
        ("pay: pay 20 gold, get STR +1", 3 - 2 * 20 / 40),
    ],
)
def test_a_loss_by_chance_counts_by_its_chance(label: str, worth: float) -> None:
    seen = rules().observe(hub(Weapon.mace))
    assert (seen.player.health, seen.player.health_max, seen.player.gold) == (304, 304, 40)
    assert worth_of(seen, label) == pytest.approx(worth)
