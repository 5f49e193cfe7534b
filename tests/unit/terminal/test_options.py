"""The labels of inputs: a cost of 0 is not named as a cost."""

from __future__ import annotations

import pytest

from dungeonfighter.rules.state import RoomKind, RoomPhase
from dungeonfighter.rules.views.observation import Choice
from dungeonfighter.terminal import manual
from dungeonfighter.terminal.options import folded, worded
from dungeonfighter.terminal.spans import plain
from tests.unit.rules.position import room, rules, the_dungeon
from tests.unit.terminal.screens import LOW, shown_of


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("go through: 75% unharmed, else lose 0 hp", "go through: unharmed"),
        ("jam it: 55% guardian -9%, else lose 0 hp", "jam it: 55% guardian -9%, else no loss"),
        ("reach in: 55% get 9 gold, else pay 0 gold", "reach in: 55% get 9 gold, else no loss"),
        ("go through: 75% unharmed, else lose 10 hp", "go through: 75% unharmed, else lose 10 hp"),
        ("go on", "go on"),
    ],
)
def test_a_cost_of_zero_is_no_cost(label: str, expected: str) -> None:
    assert worded(label) == expected
    (shown,) = folded([Choice("1", label)])
    assert shown.label == expected


@pytest.mark.parametrize("talents", [(), ("hazard_ward",)])
def test_the_trap_of_a_warded_hero_costs_no_health(talents: tuple[str, ...]) -> None:
    state = room(RoomKind.trap, talents=talents)
    dungeon = the_dungeon(state)
    row = next(
        number
        for number, event in enumerate(rules().catalogue.events)
        if event.kind == "trap" and event.cost[0] == "health" and any(one.roll for one in event.options)
    )
    dungeon.doors, dungeon.offer = [], [row]
    dungeon.room, dungeon.kind, dungeon.phase = 1, int(RoomKind.trap), int(RoomPhase.offer)
    text = shown_of(state)
    helped = "\n".join(map(plain, manual.explain(rules().observe(state), LOW)))
    for each in (text, helped):
        assert (" unharmed, else lose " in each) is not bool(talents)
        assert ("go through: unharmed" in each) is bool(talents)
        assert " 0 hp" not in each
