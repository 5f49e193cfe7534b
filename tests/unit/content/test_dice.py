"""All ways to draw agree: many at once or one by one, by table or by scaling."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import dice


@pytest.mark.parametrize("count", [1, 2, 8, dice.PEEK_MAX])
def test_peek_returns_the_draws_that_follow(count: int) -> None:
    for seed in range(200):
        rolls = dice.streams(seed)
        start = rolls.layout
        scaled = [output * 1000 >> 64 for output in dice.peek(start, count)]
        assert scaled == [dice.layout(rolls, 1000) for _ in range(count)]
        assert rolls.layout == dice.advance(start, count)


@pytest.mark.parametrize("sides", [2, 20, 100])
def test_a_draw_by_table_equals_a_scaled_draw(sides: int) -> None:
    rolls = dice.streams(7)
    for _ in range(20_000):
        rolls.combat = rolls.event = rolls.loot
        assert dice.combat(rolls, sides) == dice.event(rolls, sides) == dice.loot(rolls, sides)


def test_combat_d20_equals_a_draw_of_twenty() -> None:
    rolls = dice.streams(8)
    for _ in range(20_000):
        rolls.loot = rolls.combat
        assert dice.combat_d20(rolls) == dice.loot(rolls, 20) + 1
        assert rolls.combat == rolls.loot
