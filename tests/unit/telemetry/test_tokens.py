"""The token estimate is compared with cl100k's counts for the same texts (measured once, docs/tools.md)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter.telemetry.tokens import count_tokens

MEASURED = [
    (
        55,
        (
            "e3 t4 | Hero L1 Warrior 264/264 hp | L1 room 0/2\nYou entered Mire Path L1, 2 rooms.\n"
            "1 treasure: shiny things overhead | 2 merchant: a lantern and somebody humming | 9 leave"
        ),
    ),
    (
        105,
        (
            "e3 t41 | Hero L2 219/278 hp\n"
            "Room 2: Sunlit Clearing. Bramble Imp (guardian) L2 blocks the way.\n"
            "Bramble Imp, guardian mage, 134/134 hp; shows roll penalty 3 ~6 in 7.6 s\n"
            "You hit ~14, next in 6.9 s\n"
            "1 attack 2 precise 3 power 4 guard 5 potion x4 6 bomb 7 food 8 flee 9 auto"
        ),
    ),
    (
        67,
        (
            "e3 t28 | Hero L2 Rogue 278/292 hp | L2 room 0/2\nYou entered Mire Path L2, 2 rooms.\n"
            "1 elite: Stump Ogre; strange calm: critical on one face more | "
            "2 fight: clear light: rolls to combo +1 | 9 leave"
        ),
    ),
    (
        77,
        (
            "e3 t1 | Hero L1 Barbarian 264/264 hp | xp 0/300, 40 gold, score 0\nYou take the Oak Club.\n"
            "The Green Reach, levels cleared: 0, bosses 0.\n"
            "1 dungeons | 2 inventory | 5 potion 33 gold (have 2) | 7 new wares 13 gold"
        ),
    ),
    (
        98,
        (
            "e3 t101 | Hero L5 372/394 hp\nYou power 15 combo Stab 147.\nStump Ogre 202/349 hp, slow 1; "
            "shows light ~6 in 3.2 s\nYou hit ~42, next in 7.3 s, combo 2/2 Eye Flick\n"
            "1 attack 2 precise 3 power 4 guard 5 potion x4 6 bomb 7 food 8 flee 9 auto"
        ),
    ),
    (
        99,
        (
            '[{"name":"start_new_game","description":"Begin a new run; weapon = class. The present run ends. '
            'botId (on any tool) defaults to hero.","inputSchema":{"type":"object","properties":{"name":'
            '{"type":"string","maxLength":24,"description":"hero\'s name"},"weapon":{"type":"string",'
            '"enum":["mace",'
            '"sword","dagger","wand"]},"seed":{"type":"integer","minimum":0,'
            '"description":"same seed and inputs, same game"}'
        ),
    ),
    (22, "error illegal_input: 'fly' is not legal now; legal: 1, 2, 3"),
    (10, '{"botId":"hero","turn":12}'),
    (7, "strip 2,0,1"),
]


@pytest.mark.parametrize(("real", "text"), MEASURED, ids=lambda value: str(value)[:24])
def test_the_estimate_errs_a_little_upwards(real: int, text: str) -> None:
    assert real <= count_tokens(text) <= real * 1.12 + 1


def test_all_together_are_within_a_tenth() -> None:
    assert sum(count_tokens(text) for _, text in MEASURED) <= 1.08 * sum(real for real, _ in MEASURED)


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("1", 2), ("金色の剣", 7), ("\n\n", 2)])
def test_small_texts(text: str, expected: int) -> None:
    assert count_tokens(text) == expected


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_counted_and_more_text_never_costs_less(text: str) -> None:
    cost = count_tokens(text)
    assert (cost > 0) == bool(text)
    assert cost <= 3 * len(text.encode("utf-8", "surrogatepass")) + 1
    assert count_tokens(text + " and more") >= cost


@pytest.mark.parametrize(
    "text", [" " * 300_000, "a" * 300_000, "-" * 300_000, "\r \r " * 60_000, "_" * 300_000]
)
def test_hostile_texts_cost_no_more_time_than_others(text: str) -> None:
    """The count must end within the timeout of the test; quadratic time would be hours."""
    assert count_tokens(text) > 0
