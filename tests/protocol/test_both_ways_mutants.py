"""Hypothesis makes one to three changes to good requests and sends them both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.both_ways import Ask, BothWays, ask
from tests.protocol.served import VERSION
from tests.protocol.test_both_ways_odd import BOT, CALLERS, HEADERS


@pytest.fixture(autouse=True)
def same_stores(both: BothWays) -> Iterator[None]:
    yield
    assert both.stores_agree()


SEEDS = [
    *CALLERS.values(),
    ask("handle_input", {"input": "1", "turn": 3, "episode": 1, "view": "json", "botId": BOT}),
    ask("handle_input", {"input": "1", "turn": 3}, bot=BOT, era="2025-11-25"),
    ask("start_new_game", {"name": "Ada", "weapon": "wand", "seed": 5, "mode": "casual", "botId": "new"}),
    ask(
        "set_combo_strip", {"actions": [1, 0, 2], "turn": 1}, bot=BOT, era="2024-11-05", query=b"toolset=core"
    ),
    ask("set_agent_directive", {"directive": "on\nand \u00e9"}, bot=BOT),
    ask("list_bots", {"after": "a", "count": 2}, request_id="an id"),
    ask("handle_inputs", {"inputs": ["1", "1"], "turn": 1, "botId": BOT}),
    ask("handle_inputs", {"inputs": ["1", "7"], "view": "json"}, bot=BOT, era="2025-11-25"),
    ask(
        "step_many",
        {"steps": [{"botId": BOT, "input": "1", "turn": 1}, {"botId": "new2", "start": {"seed": 3}}]},
    ),
    ask("step_many", {"steps": [{"botId": "hero", "input": "1"}], "view": "none"}, era="2025-06-18"),
]
VALUES = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.0, 2**53, 2**64, "", "1", "ada", "hero", "json", "text", [], {}, [1],
    {"a": 1}, VERSION]
)  # fmt: skip
HEADER_VALUES = st.sampled_from(
    sorted({value for each in HEADERS.values() for values in each for value in values})
)


@st.composite
def mutants(draw: st.DrawFn) -> Ask:
    """Draw a good request with one to three faults or harmless changes."""
    request = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        request = draw(st.sampled_from([_other_header, _other_member, _other_bytes]))(draw, request)
    return request


def _other_header(draw: st.DrawFn, request: Ask) -> Ask:
    name = draw(st.sampled_from(sorted(HEADERS)))
    values = [value for key, value in request.headers if key.decode() == name]
    match draw(st.sampled_from(["drop", "double", "change", "add"])):
        case "drop":
            values = []
        case "double":
            values += values
        case "change":
            values = [draw(HEADER_VALUES)]
        case _:
            values.append(draw(HEADER_VALUES))
    return request.with_header(name, *values)


def _other_member(draw: st.DrawFn, request: Ask) -> Ask:
    try:
        message = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return request
    inside = message
    while isinstance(inside, dict) and inside:
        name = draw(st.sampled_from(sorted(inside)))
        if isinstance(inside[name], dict) and inside[name] and draw(st.integers(0, 3)):
            inside = inside[name]
            continue
        match draw(st.sampled_from(["drop", "change", "rename", "double"])):
            case "drop":
                del inside[name]
            case "change":
                inside[name] = draw(VALUES)
            case "rename":
                inside[draw(st.sampled_from([name.upper(), name + "x", "botId", "_meta", "id"]))] = (
                    inside.pop(name)
                )
            case _:
                inside[name + "\x00"] = draw(VALUES)
        break
    return request.with_body(
        msgspec.json.encode(message).replace(b"\\u0000", b"")
    )  # now there are two of them


def _other_bytes(draw: st.DrawFn, request: Ask) -> Ask:
    body = bytearray(request.body)
    dice = Random(draw(st.integers(0, 2**32)))
    at = dice.randrange(len(body) + 1)
    match draw(st.sampled_from(["flip", "cut", "insert", "space"])):
        case "flip" if at < len(body):
            body[at] ^= 1 << dice.randrange(8)
        case "cut":
            del body[at : at + dice.randrange(4)]
        case "space":
            body = bytearray(re.sub(rb"([:,{}])", rb"\1 ", bytes(body)))
        case _:
            body[at:at] = dice.choice(
                [b"\\u0061", b"\x00", b"\xff", b"0", b",", b'"', b"{}", b" ", b".0", b"e0", b"-"]
            )
    return request.with_body(bytes(body))


@pytest.mark.long
def test_mutants(both: BothWays) -> None:
    both.taken = both.left = 0

    @settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(mutants())
    def agree(mutant: Ask) -> None:
        both.agree(mutant)

    agree()
    assert both.taken > 60
    assert both.left > 200
