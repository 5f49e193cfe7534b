"""Every word of the game has an explanation, and its figures are those of the tables."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Intent, Mode, RoomKind
from dungeonfighter.rules.views.sentences import STATUSES
from dungeonfighter.terminal import explanations, manual
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.spans import plain
from tests.unit.rules.position import rules


def test_every_status_and_intent_is_explained() -> None:
    assert list(explanations.STATUSES) == list(STATUSES)
    assert list(explanations.INTENTS) == [intent.name for intent in Intent]


def test_every_habit_and_kind_of_room_is_explained() -> None:
    habits = {enemy.habit for enemy in rules().catalogue.enemies} - {""}
    assert habits <= {*explanations.HABITS, *explanations.INTENTS}
    assert set(explanations.ROOMS) == {*(kind.name for kind in RoomKind), "dark"}


def test_every_mode_is_explained() -> None:
    assert all(explanations.of(mode.name) for mode in Mode)


def test_an_explanation_has_the_figure_of_the_rules() -> None:
    assert f"x{tables.INTENT_DAMAGE[Intent.heavy] / 1000:g} " in explanations.of("heavy")
    assert f"x{tables.WEAKENED / 1000:g} " in explanations.of("weaken")


@pytest.mark.parametrize("word", explanations.words())
def test_every_listed_word_is_found(word: str) -> None:
    assert explanations.of(word)


@pytest.mark.parametrize(("word", "expected"), [("blead", "bleed"), ("guad", "guard"), ("xyz", "? words")])
def test_an_unknown_word_gets_a_way_out(word: str, expected: str) -> None:
    assert expected in " ".join(map(plain, manual.explain_word(word, Canvas(80, ASCII))))
