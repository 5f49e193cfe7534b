"""The memory of a bridge: positions, and calls whose answers the client did not get."""

from __future__ import annotations

import json
from typing import Any

from dungeonfighter.bridge.memory import BOTS_MAX, Memory, Sent
from dungeonfighter.bridge.messages import Message, read_message
from dungeonfighter.bridge.numbers import Kind, Position

GIVEN = {"input": "1"}
NUMBERED = {"input": "1", "turn": 5, "episode": 1}
SENT = Sent("ada", "handle_input", GIVEN, NUMBERED)


def view(turn: int) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": f"e1 t{turn} | Ada"}]}


def call(**arguments: Any) -> Message:
    params = {"name": "handle_input", "arguments": arguments}
    return read_message(json.dumps({"id": 1, "method": "tools/call", "params": params}).encode())


def lost_call(memory: Memory) -> None:
    memory.begin(SENT, ["ada"])
    memory.end()


def test_an_answered_call_leaves_its_bot_where_the_answer_shows() -> None:
    memory = Memory(is_bound=True)
    memory.begin(SENT, ["ada"])
    assert memory.unknown(["ada"]) == ["ada"]
    memory.end()
    memory.answered(1, SENT)
    memory.played(Kind.INPUT, "ada", view(6), {"ada": Position(1, 5)})
    assert memory.positions["ada"] == (1, 6)
    assert memory.lost("ada", call(input="1")) is None


def test_an_answer_without_a_position_changes_none() -> None:
    memory = Memory(is_bound=True)
    memory.begin(SENT, ["ada"])
    memory.end()
    memory.played(Kind.INPUT, "ada", {"content": []}, {"ada": Position(1, 5)})
    assert memory.positions["ada"] == (1, 5)


def test_only_the_same_call_repeats_a_lost_one() -> None:
    memory = Memory(is_bound=True)
    lost_call(memory)
    assert memory.lost("ada", call(input="1")) == SENT
    assert memory.lost("ada", call(input="2")) is None
    assert memory.lost("bob", call(input="1")) is None


def test_a_client_that_has_read_the_game_since_plays_on() -> None:
    memory = Memory(is_bound=True)
    lost_call(memory)
    memory.read("ada", view(6), memory.epoch)
    assert memory.lost("ada", call(input="1")) is None
    assert memory.positions["ada"] == (1, 6)


def test_a_call_about_something_else_does_not_hide_a_loss() -> None:
    memory = Memory(is_bound=True)
    lost_call(memory)
    other = Sent("ada", "delete_save", {"slot": "a"}, {"slot": "a"})
    memory.begin(other, ["ada"])
    memory.end()
    memory.answered(2, other)
    memory.played(Kind.SETTING, "ada", {"content": []}, {})
    assert memory.lost("ada", call(input="1")) == SENT
    memory.begin(other, ["ada"])
    memory.end()
    memory.played(Kind.SETTING, "ada", view(6), {})  # the client has seen where it stands
    assert memory.lost("ada", call(input="1")) is None


def test_a_read_from_before_the_loss_does_not_count() -> None:
    memory = Memory(is_bound=True)
    before = memory.epoch
    memory.begin(SENT, ["ada"])
    during = memory.epoch
    memory.end()
    for epoch in (before, during):
        memory.read("ada", view(5), epoch)
    assert memory.lost("ada", call(input="1")) == SENT
    assert memory.unknown(["ada"]) == ["ada"]


def test_an_older_read_does_not_turn_a_position_back() -> None:
    memory = Memory(is_bound=True)
    memory.found("ada", Position(1, 6))
    memory.read("ada", view(5), memory.epoch)
    assert memory.positions["ada"] == (1, 6)


def test_a_cancellation_that_crossed_the_answer_counts_as_a_loss() -> None:
    memory = Memory(is_bound=True)
    lost_call(memory)
    memory.answered("first", SENT)
    memory.was_too_late("another")
    assert memory.lost("ada", call(input="1")) is None
    memory.was_too_late("first")
    assert memory.lost("ada", call(input="1")) == SENT


def test_a_call_that_names_no_bot_may_be_for_any() -> None:
    memory = Memory(is_bound=False)
    for bot in ("", "ada", "bob"):
        memory.found(bot, Position(1, 1))
    memory.begin(SENT, ["ada"])
    assert memory.unknown(["", "ada", "bob"]) == ["", "ada"]
    memory.begin(Sent("", "handle_input", GIVEN, NUMBERED), [""])
    assert memory.unknown(["", "ada", "bob"]) == ["", "ada", "bob"]


def test_the_memory_is_bounded() -> None:
    memory = Memory(is_bound=False)
    for number in range(BOTS_MAX + 10):
        memory.found(f"b{number}", Position(1, 1))
    assert len(memory.positions) == BOTS_MAX
    assert "b0" not in memory.positions
