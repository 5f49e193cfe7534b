"""Every listed input applies as it stands and changes the game, in each view that lists it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from dungeonfighter.bots import textview
from dungeonfighter.bots.registry import policies
from dungeonfighter.errors import IllegalInput
from dungeonfighter.rules import GameOptions, State
from tests.laws.runs import PICKS, begin, options, walk
from tests.unit.content.playing import states
from tests.unit.rules.position import rules

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def facts(state: State) -> bytes:
    """Return all of a state except its turn and its log."""
    twin = rules().decode(rules().encode(state))
    twin.turn, twin.turn_start, twin.log, twin.past, twin.past_sizes = 0, 0, [], b"", b""
    return rules().encode(twin)


def is_a_twin(state: State, text: str) -> bool:
    """Return True if the input wears an item that equals the worn one: the two change places."""
    word, _, number = text.partition(" ")
    return word == "equip" and state.hero.bag[int(number) - 1] in state.hero.worn


def check(state: State) -> None:
    listed = rules().legal_inputs(state)
    before = facts(state)
    for choice in listed:
        after = rules().apply(state, choice.input).state
        assert facts(after) != before or is_a_twin(state, choice.input), choice
    names = [choice.input for choice in listed]
    assert len(set(names)) == len(names)
    assert set(textview.inputs(rules().text(state, "e1 t1"))) == {
        choice.input for choice in listed if not choice.pattern
    }


@QUICK
@given(options(), PICKS)
def test_in_any_run_a_listed_input_applies_and_changes_the_game(start: GameOptions, picks: list[int]) -> None:
    check(begin(start))
    for state, text in walk(start, picks[:25]):
        check(rules().apply(state, text).state)


@pytest.mark.parametrize("policy", policies)
def test_in_a_policys_run_a_listed_input_applies_and_changes_the_game(policy: str) -> None:
    for seed in range(3):
        for place, state in enumerate(states(seed, 400, policy)):
            if place % 3 == 0:
                check(state)


@QUICK
@given(options(), PICKS)
def test_a_refusal_lists_inputs_that_apply(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks[:10]):
        with pytest.raises(IllegalInput) as caught:
            rules().apply(state, "fly")
        for text in str(caught.value).partition("legal: ")[2].split(", "):
            rules().apply(state, text)
