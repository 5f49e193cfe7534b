"""The scripted model goes on only by what it is shown."""

from __future__ import annotations

import json

import pytest

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.rules import Rules
from tests.clients.played import assert_played, new_run, view
from tests.clients.scripted import MISTAKE, TURNS, Call, Model, UnreadableError, read

VIEW = "e1 t3 | Hero 264/264 hp\nRoom 1: Mud Hollow.\n1 go on |2 search |9 leave |equip 1"
ERROR = f"error illegal_input: 'fly' is not legal now; legal: 1, 2, 9, equip 1\n\n{VIEW}"


def answer(rules: Rules, played: list[str], call: Call) -> str:
    """Answer a call as the server does, from the inputs played so far."""
    state = new_run(rules)
    played += call.arguments.get("inputs", [call.arguments["input"]] if "input" in call.arguments else [])
    if MISTAKE in played:
        played.remove(MISTAKE)
    for text in played:
        state = rules.apply(state, text).state
    if call.tool == "get_available_actions":
        return "\n".join([f"e1 t{state.turn}", *(one.input for one in rules.legal_inputs(state))])
    if call.arguments.get("input") != MISTAKE:
        return view(rules, state)
    try:
        rules.apply(state, MISTAKE)
    except DungeonFighterError as error:
        return f"error {error.code}: {error}\n\n{view(rules, state)}"
    raise AssertionError(f"{MISTAKE} is legal")


def calls_of_a_game(rules: Rules) -> tuple[Model, str]:
    model, played, shown = Model(bot=""), list[str](), None
    while call := model.answer(shown):
        shown = answer(rules, played, call)
    return model, shown or ""


def test_it_plays_by_the_texts_alone(rules: Rules) -> None:
    model, last = calls_of_a_game(rules)
    assert read(last).turn == TURNS
    assert_played(model.calls, rules, last)


@pytest.mark.parametrize("cut", ["legal:", "illegal_input", " |", "1 "])
def test_a_client_that_loses_a_part_of_the_texts_is_noticed(rules: Rules, cut: str) -> None:
    model, last = calls_of_a_game(rules)
    calls = [{**one, "shown": one["shown"].replace(cut, "")} for one in model.calls]
    with pytest.raises((AssertionError, UnreadableError)):
        assert_played(calls, rules, last)


@pytest.mark.parametrize("spell", [str, json.dumps, repr], ids=["text", "JSON", "Python"])
def test_it_reads_a_view_and_an_error_in_each_spelling(spell: type[str]) -> None:
    is_text = spell is str
    shown = spell(VIEW if is_text else {"text": VIEW, "applied": 1})
    assert read(shown)[:4] == (1, 3, ["1", "2", "9"], "")
    legal = ["1", "2", "9", "equip 1"]
    shown = spell(ERROR if is_text else {"code": "illegal_input", "legal": legal, "text": ERROR})
    assert read(shown)[:4] == (1, 3, legal, "illegal_input")


@pytest.mark.parametrize(
    "shown",
    ["", "done", '{"code": "illegal_input", "episode": 1, "turn": 6}', '{"turn": 14, "applied": 2}', "e1 t3"],
)
def test_it_cannot_go_on_without_a_turn_and_a_legal_input(shown: str) -> None:
    with pytest.raises(UnreadableError):
        read(shown)
