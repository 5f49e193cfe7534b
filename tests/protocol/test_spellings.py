"""A value of another type than the schema's is accepted where its meaning is certain, in every tool and way.

The strict form of each call comes first and the other spellings repeat it: the server answers a repeat with
the same answer only if it reads the same call.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import BadInput
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.tool import registered
from tests.protocol.both_ways import ERAS, BothWays, ask

REPEATED: list[tuple[str, dict[str, object], list[dict[str, object]]]] = [
    (
        "start_new_game",
        {"seed": 1000, "name": "12", "episode": 1, "weapon": "sword"},
        [
            {"seed": 1e3, "name": 12, "episode": "1"},
            {"seed": "1000", "name": 12.0, "episode": 1.0},
        ],
    ),
    (
        "handle_input",
        {"input": "1", "turn": 0, "episode": 1},
        [
            {"input": 1, "turn": "0", "episode": "1"},
            {"input": 1.0, "turn": 0.0, "episode": 1.0},
            {"turn": -0.0},
        ],
    ),
    (
        "handle_inputs",
        {"inputs": ["1", "1"], "turn": 1},
        [
            {"inputs": '["1","1"]', "turn": "1"},
            {"inputs": "[1, 1]", "turn": 1.0},
            {"inputs": [1, 1.0]},
            {"inputs": ' [ "1" , 1 ] '},
        ],
    ),
    ("save_game", {"slot": "2"}, [{"slot": 2}, {"slot": 2.0}]),
    ("load_game", {"slot": "2", "episode": 2}, [{"slot": 2, "episode": "2"}]),
    ("get_recent_output", {"count": 2}, [{"count": "2"}, {"count": 2.0}]),
    ("get_agent_context", {"recentEventCount": 2}, [{"recentEventCount": "2"}]),
    ("list_bots", {"after": "5", "count": 5}, [{"after": 5, "count": "5"}]),
    ("select_dungeon", {"dungeonIndex": 99}, [{"dungeonIndex": "99"}, {"dungeonIndex": 99.0}]),
    ("equip_item", {"item": 20}, [{"item": "20"}]),
    ("compare_items", {"a": 19, "b": 20}, [{"a": "19", "b": "20"}, {"a": 19.0, "b": 20.0}]),
    (
        "set_combo_strip",
        {"actions": [9, 8, 7]},
        [
            {"actions": "9,8,7"},
            {"actions": "[9,8,7]"},
            {"actions": ["9", "8", 7.0]},
            {"actions": '["9",8,7]'},
        ],
    ),
    ("set_agent_directive", {"directive": "7"}, [{"directive": 7}]),
    ("delete_save", {"slot": "404"}, [{"slot": 404}]),
]
"""Each call in its strict form, and changes that leave its meaning."""


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("bound", [True, False])
def test_other_spellings_of_a_call_are_the_same_call(both: BothWays, era: str | None, *, bound: bool) -> None:
    number = 1000 + 10 * ERAS.index(era) + bound
    for tool, strict, changes in REPEATED:
        named: dict[str, object] = {} if bound or not registered[tool].takes_bot else {"botId": str(number)}
        path = str(number) if bound else None
        first, took = both.agree(ask(tool, strict | named, era=era, bot=path))
        assert took
        for change in changes:
            repeat, _ = both.agree(ask(tool, strict | change | named, era=era, bot=path))
            assert repeat == first, change


@pytest.mark.parametrize("era", ERAS)
def test_a_bot_id_may_be_a_number(both: BothWays, era: str | None) -> None:
    for name in ("5", "77"):
        both.agree(ask("start_new_game", {"botId": name, "seed": 3, "weapon": "mace"}, era=era))
    good, _ = both.agree(ask("get_game_state", {"botId": "77"}, era=era))
    asked = ask("get_game_state", {"botId": 77}, era=era)
    if era == ERAS[0]:
        refused, _ = both.agree(asked)
        assert refused.body["error"]["code"] == -32020
        asked = asked.with_header("mcp-param-bot-id", b"77")
    assert both.agree(asked)[0] == good


STEP = {"botId": "st1", "input": "1", "turn": 0, "episode": 1}
START = {"botId": "78", "start": {"seed": 5, "name": "9", "weapon": "mace"}, "episode": 1}
STEPS: list[object] = [
    [STEP, START],
    msgspec.json.encode([STEP, START]).decode(),
    [msgspec.json.encode(STEP).decode(), msgspec.json.encode(START).decode()],
    [STEP | {"input": 1, "turn": "0", "episode": 1.0}, START | {"botId": 78, "episode": "1"}],
    [STEP, START | {"start": '{"seed":"5","name":9,"weapon":"mace"}'}],
    [STEP, START | {"start": {"seed": 5.0, "name": 9, "weapon": "mace"}}],
]


def test_other_spellings_of_steps_are_the_same_steps(both: BothWays) -> None:
    both.agree(ask("start_new_game", {"botId": "st1", "seed": 3, "weapon": "mace"}))
    answers = []
    for steps in STEPS:
        reply, _ = both.agree(ask("step_many", {"steps": steps}))
        answers.append(reply.body["result"]["structuredContent"]["results"])
    first, *repeats = answers
    for result in first:
        del result["reward"]
        result["repeated"] = True
    assert all(repeat == first for repeat in repeats)


def test_two_spellings_of_a_bot_are_one_bot(both: BothWays) -> None:
    steps = [{"botId": "79", "start": {"seed": 1}}, {"botId": 79, "start": {"seed": 1}}]
    reply, _ = both.agree(ask("step_many", {"steps": steps}))
    one, other = reply.body["result"]["structuredContent"]["results"]
    assert "code" not in one
    assert "another step of 79" in other["text"]


INTEGERS: list[Any] = [
    "5x", " ", "", "-1", "+5", " 5", "1_0", "0x1", "1e3", "NaN", "null", "٣", "²", "5" * 41, 1.5, -1.0,
    2.0**60,
    float("inf"), float("nan"), True, False, [5], ["5"], {"a": 5}, "[5]",
]  # fmt: skip
STRINGS: list[Any] = [True, False, 1.5, 2**60, -(2**60), 1e300, float("nan"), float("inf"), [1], ["1"], {}]
LISTS: list[Any] = [
    3, True, "1, 2", "1;2", ",", "", "fly,away", "[1", "{}", '"1"', "1,,2", "1,", {"0": 1}, "[true]", "[[1]]",
    [True], [None], [1.5], "[" * 100_000, "[" * 70 + "]" * 70,
]  # fmt: skip
OBJECTS: list[Any] = [1, True, "x", "[]", "1", [], '{"a":', '{"seed":' + '{"a":' * 70 + "1" + "}" * 71]
UNCERTAIN: list[tuple[str, dict[str, object], str, list[Any]]] = [
    ("handle_input", {"input": "1"}, "turn", INTEGERS),
    ("handle_input", {"input": "1"}, "episode", INTEGERS),
    ("handle_input", {}, "input", STRINGS),
    ("handle_input", {"input": "1"}, "view", [1, 0, True, "1", ["json"]]),
    ("start_new_game", {}, "seed", INTEGERS),
    ("start_new_game", {}, "name", STRINGS),
    ("start_new_game", {}, "weapon", [0, 1, "1", True]),
    ("save_game", {}, "slot", STRINGS),
    ("list_bots", {}, "count", [*INTEGERS, "0", "501"]),
    ("list_bots", {}, "after", STRINGS),
    ("set_agent_directive", {}, "directive", STRINGS),
    ("select_dungeon", {}, "dungeonIndex", [*INTEGERS, "0", "100"]),
    ("equip_item", {}, "item", [*INTEGERS, "0", "21"]),
    ("compare_items", {}, "a", [*INTEGERS, "21"]),
    ("set_combo_strip", {}, "actions", [*LISTS, ["5x"], "1,2,3,4,5,6,7,8,9", "-1,2", '["a"]']),
    ("handle_inputs", {}, "inputs", [*LISTS, "1", "1,1", "[]"]),
    ("step_many", {}, "steps", ["", "[]", "{}", 1, "[" * 100_000, "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "given", "name", "values"), UNCERTAIN, ids=lambda one: str(one)[:20])
def test_a_value_without_a_certain_meaning_is_refused(
    tool: str, given: dict[str, object], name: str, values: list[Any]
) -> None:
    kind = registered[tool].kind
    for value in values:
        with pytest.raises(BadInput, match=f"^argument `{name}` must be ") as caught:
            arguments.decode(kind, given | {name: value}, takes_bot=False)
        message = str(caught.value)
        assert "; got " in message
        assert len(message) < 300


@pytest.mark.parametrize("start", OBJECTS)
def test_a_start_without_a_certain_meaning_is_refused(both: BothWays, start: object) -> None:
    reply, _ = both.agree(ask("step_many", {"steps": [{"botId": "none", "start": start}]}))
    (result,) = reply.body["result"]["structuredContent"]["results"]
    assert result["code"] == "bad_argument"


def test_a_refusal_shows_the_value(both: BothWays) -> None:
    for value, shown in (
        ("5x", 'got "5x"'),
        (1.5, "got 1.5"),
        (True, "got true"),
        ([1, 2], "got a list of 2"),
    ):
        reply, _ = both.agree(ask("handle_input", {"input": "1", "turn": value}))
        said = reply.body["result"]["content"][0]["text"]
        assert said == f"error bad_argument: argument `turn` must be an integer of at least 0; {shown}"


@pytest.mark.parametrize("era", ERAS)
def test_null_params_are_params_that_are_left_out(both: BothWays, era: str | None) -> None:
    for method in ("ping", "tools/list", "tools/call", "none"):
        good = ask("none", era=era).without("mcp-name").with_header("mcp-method", method.encode())
        answers = [
            both.agree(good.with_body(msgspec.json.encode(body)))[0]
            for body in (
                {"jsonrpc": "2.0", "id": 1, "method": method},
                {"jsonrpc": "2.0", "id": 1, "method": method, "params": None},
            )
        ]
        assert answers[0] == answers[1], (method, answers)
