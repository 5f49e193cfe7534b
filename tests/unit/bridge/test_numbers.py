"""The numbers that the bridge adds to calls, and the positions that it reads from answers."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.bridge import numbers
from dungeonfighter.bridge.numbers import NO_RUN, Kind, Position
from dungeonfighter.mcp import schemas

AT = {"ada": Position(3, 14), "new": NO_RUN}

KINDS = {
    Kind.INPUT: {"handle_input", "handle_inputs", "select_dungeon", "equip_item", "unequip_item",
                 "set_combo_strip"},
    Kind.BEGINNING: {"start_new_game", "load_game", "reset_game"},
    Kind.STEPS: {"step_many"},
    Kind.FORK: {"fork_game"},
    Kind.SETTING: {"save_game", "delete_save", "set_agent_directive"},
}  # fmt: skip


def test_every_tool_has_its_kind() -> None:
    found: dict[Kind, set[str]] = {}
    for tool in schemas.DESCRIPTIONS:
        found.setdefault(numbers.kind_of(tool), set()).add(tool)
    reads = found.pop(Kind.READ)
    assert found == KINDS
    assert all(tool.startswith(("get_", "list_", "compare_")) for tool in reads)
    assert numbers.kind_of("a_tool_of_tomorrow") is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "given", "added"),
    [
        (Kind.INPUT, {"input": "1"}, {"turn": 14, "episode": 3}),
        (Kind.INPUT, {"input": "1", "turn": None, "episode": None}, {"turn": 14, "episode": 3}),
        (Kind.INPUT, {"input": "1", "turn": 2}, {}),
        (Kind.INPUT, {"input": "1", "turn": 0, "episode": 9}, {}),
        (Kind.INPUT, {"input": "1", "episode": 3}, {"turn": 14}),
        (Kind.INPUT, {"input": "1", "episode": "3"}, {"turn": 14}),
        (Kind.INPUT, {"input": "1", "episode": 2}, {}),
        (Kind.BEGINNING, {"seed": 1}, {"episode": 4}),
        (Kind.BEGINNING, {"episode": 1}, {}),
        (Kind.FORK, {"newBotIds": ["a"]}, {"episode": 3}),
        (Kind.FORK, {"newBotIds": ["a"], "episode": 1}, {}),
        (Kind.SETTING, {"slot": "a"}, {}),
        (Kind.UNKNOWN, {}, {}),
    ],
)
def test_numbers_that_are_missing_are_added_and_others_are_kept(
    kind: Kind, given: dict[str, Any], added: dict[str, int]
) -> None:
    assert numbers.numbered(kind, given, "ada", AT) == given | added


def test_a_bot_without_a_run_begins_its_first() -> None:
    assert numbers.numbered(Kind.BEGINNING, {}, "new", AT) == {"episode": 1}
    assert numbers.numbered(Kind.INPUT, {"input": "1"}, "new", AT) == {"input": "1", "episode": 1, "turn": 0}


def test_an_unknown_bot_gets_no_numbers() -> None:
    assert numbers.numbered(Kind.INPUT, {"input": "1"}, "bob", AT) == {"input": "1"}


def test_each_step_gets_the_numbers_of_its_bot() -> None:
    steps = [
        {"botId": "ada", "input": "1"}, {"botId": "new", "start": {}},
        {"botId": "ada", "input": "1", "turn": 2}, {"botId": "bob", "input": "1"}, {"botId": "ada"},
        "a text", {"input": "1"},
    ]  # fmt: skip
    assert numbers.numbered(Kind.STEPS, {"steps": steps}, "", AT)["steps"] == [
        {"botId": "ada", "input": "1", "episode": 3, "turn": 14}, {"botId": "new", "start": {}, "episode": 1},
        *steps[2:],
    ]  # fmt: skip
    assert numbers.missing_bots(Kind.STEPS, {"steps": steps}, "") == {"ada", "new", "bob"}


@pytest.mark.parametrize(
    ("kind", "arguments", "is_safe"),
    [
        (Kind.INPUT, {"input": "1", "turn": 3}, True),
        (Kind.INPUT, {"input": "1", "episode": 3}, False),
        (Kind.BEGINNING, {"episode": 3}, True),
        (Kind.BEGINNING, {}, False),
        (Kind.SETTING, {}, True),
        (Kind.READ, {}, True),
        (Kind.UNKNOWN, {"turn": 3, "episode": 1}, False),
        (Kind.STEPS, {"steps": [{"botId": "a", "input": "1", "turn": 0}]}, True),
        (
            Kind.STEPS,
            {"steps": [{"botId": "a", "input": "1", "turn": 0}, {"botId": "b", "start": {}}]},
            False,
        ),
        (Kind.STEPS, {"steps": ['{"botId": "a", "input": "1"}']}, False),
        (Kind.STEPS, {"steps": "[]"}, False),
    ],
)
def test_only_a_numbered_call_may_be_repeated(kind: Kind, arguments: dict[str, Any], is_safe: bool) -> None:
    assert numbers.is_numbered(kind, arguments) is is_safe


def text(shown: str, **structured: Any) -> dict[str, Any]:
    content = {"content": [{"type": "text", "text": shown}]}
    return {**content, "structuredContent": structured} if structured else content


@pytest.mark.parametrize(
    ("result", "position"),
    [
        (text("e3 t14 | Ada 5/9 hp\n1 attack"), (3, 14)),
        (text("saved main: e3 t14", episode=3, turn=14), (3, 14)),
        (
            text("error stale_turn: turn 2 is over\n\ne3 t14 | Ada", code="stale_turn", episode=3, turn=14),
            (3, 14),
        ),
        (text("error unknown_bot: there is none", code="unknown_bot"), NO_RUN),
        (text("error bad_argument: no e1 t1 here", code="bad_argument"), None),
        (text("a hero called e1 t1"), None),
        (text("", episode=True, turn=1), None),
        ({}, None),
        ({"content": [5], "structuredContent": []}, None),
    ],
)
def test_an_answer_shows_where_its_bot_stands(result: dict[str, Any], position: object) -> None:
    assert numbers.position_in(result) == position


def test_the_answer_to_steps_shows_where_each_bot_stands() -> None:
    rows = [
        {"botId": "ada", "episode": 3, "turn": 15}, {"botId": "bob", "code": "unknown_bot"},
        {"botId": "carl", "code": "bad_argument"}, {"code": "bad_argument"}, 5,
    ]  # fmt: skip
    found = numbers.steps_in({"structuredContent": {"results": rows}})
    assert found == {"ada": Position(3, 15), "bob": NO_RUN}
    assert numbers.steps_in({}) == {}
