"""Several inputs in one call over HTTP, in both eras: its answers, and that a retry plays no input."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult

from dungeonfighter.mcp import views
from tests.protocol.served import Served, brief, connected, text_of

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture(params=["auto", "legacy"])
async def client(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Connect a client with a bot in the hub: `2` and `0` go into the inventory and out of it."""
    async with connected(f"{served.origin}/bots/{bot_of(request)}/mcp", request.param) as client:
        await client.call_tool("start_new_game", {"seed": 5, "weapon": "mace", "episode": 1})
        yield client


def bot_of(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name.translate(str.maketrans("[]", "--")).strip("-")


async def call(client: Client, *inputs: str, **more: Any) -> tuple[str, CallToolResult]:
    result = await client.call_tool("handle_inputs", {"inputs": list(inputs), **more})
    return text_of(result), result


async def test_all_are_played_and_the_view_is_that_of_the_game_after_them(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    text, result = await call(client, "2", " 0 ", "2", turn=0, episode=1)
    game = served.present(bot_of(request))
    assert text == views.text_view(game)
    assert text.startswith("e1 t3")
    assert brief(result.structured_content) == {"episode": 1, "turn": 3, "applied": 3, "asked": 3}
    assert not result.is_error


async def test_the_answer_says_where_the_inputs_stopped(client: Client) -> None:
    text, result = await call(client, "2", "0", "2", "fly", "0")
    first, *_, last = text.splitlines()
    assert first.startswith("e1 t3")
    assert last == "played 3 of 5; input 4 'fly' is not legal here"
    assert not result.is_error
    stopped = {"at": 4, "input": "fly", "code": "illegal_input"}
    reply = {"episode": 1, "turn": 3, "applied": 3, "asked": 5, "stopped": stopped}
    assert brief(result.structured_content) == reply


async def test_the_answer_says_that_the_run_is_over(client: Client) -> None:
    await client.call_tool("start_new_game", {"seed": 3, "weapon": "mace", "mode": "ironman", "episode": 2})
    text, result = await call(client, *["1"] * 100)
    while "stopped" not in result.structured_content:
        text, result = await call(client, *["1"] * 100)
    applied = result.structured_content["applied"]
    assert text.splitlines()[-1] == f"played {applied} of 100; the run is over"
    assert result.structured_content["stopped"] == {"at": applied + 1, "input": "1", "code": "run_over"}
    text, result = await call(client, "1", "1")
    assert text.startswith("error run_over: ")
    assert result.is_error


async def test_the_json_view_is_the_snapshot_and_what_was_played(client: Client) -> None:
    text, result = await call(client, "2", "fly", view="json")
    snapshot = (await client.call_tool("get_game_state", {"view": "json"})).structured_content
    stopped = {"at": 2, "input": "fly", "code": "illegal_input"}
    assert result.structured_content == snapshot | {
        "text": text, "applied": 1, "asked": 2, "stopped": stopped,
    }  # fmt: skip
    jsonschema.validate(result.structured_content, views.view_schema())
    assert text.startswith("e1 t1")


async def test_an_illegal_first_input_is_answered_as_by_handle_input(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    before = served.row(bot_of(request))
    single = await client.call_tool("handle_input", {"input": "fly"})
    text, result = await call(client, "fly", "1")
    assert result.is_error
    assert (text, result.structured_content) == (text_of(single), single.structured_content)
    assert served.row(bot_of(request)) == before


@pytest.mark.parametrize(
    "inputs", [["2", "0", "2", "0"], ["2", "0", "2", "fly", "0"]], ids=["all", "stopped"]
)
async def test_a_retry_of_the_same_call_gets_the_same_answer_and_plays_no_input(
    client: Client, served: Served, request: pytest.FixtureRequest, inputs: list[str]
) -> None:
    first = await call(client, *inputs, turn=0, episode=1)
    before = served.row(bot_of(request))
    for _ in range(3):
        handler = await call(client, *inputs, turn=0, episode=1)
        assert (handler[0], handler[1].structured_content) == (first[0], first[1].structured_content)
    assert served.row(bot_of(request)) == before
    assert before is not None
    assert before.turn == first[1].structured_content["applied"]


@pytest.mark.parametrize("view", ["text", "json"])
async def test_a_retry_of_an_older_call_is_marked_as_a_repeat(
    client: Client, served: Served, request: pytest.FixtureRequest, view: str
) -> None:
    await call(client, "2", "0", turn=0)
    await call(client, "2", turn=2)
    before = served.row(bot_of(request))
    text, result = await call(client, "2", "0", turn=0, view=view)
    assert text.startswith("e1 t3")
    assert "(repeated:" in text
    reply = {"episode": 1, "turn": 3, "applied": 2, "asked": 2, "repeated": True}
    assert result.structured_content | reply == result.structured_content
    assert served.row(bot_of(request)) == before


@pytest.mark.parametrize(
    ("inputs", "more", "code"),
    [
        (["2", "0", "2"], {"turn": 0}, "stale_turn"),
        (["0", "2"], {"turn": 0}, "stale_turn"),
        (["2", "0"], {"turn": 0, "episode": 2}, "stale_turn"),
        (["2"], {"turn": 3}, "future_turn"),
        (["2"], {"turn": 10**30}, "future_turn"),
    ],
    ids=["goes-on", "other", "other-run", "later", "much-later"],
)
async def test_another_time_is_refused_with_the_present_view(
    client: Client, served: Served, request: pytest.FixtureRequest, inputs: list[str],
    more: dict[str, int], code: str,
) -> None:  # fmt: skip
    await call(client, "2", "0")
    before = served.row(bot_of(request))
    text, result = await call(client, *inputs, **more)
    assert result.is_error
    assert brief(result.structured_content) == {"code": code, "episode": 1, "turn": 2}
    assert text.endswith(views.text_view(served.present(bot_of(request))))
    assert served.row(bot_of(request)) == before


async def test_without_a_turn_every_call_is_applied(client: Client) -> None:
    assert (await call(client, "2", "0"))[0].startswith("e1 t2")
    assert (await call(client, "2", "0"))[0].startswith("e1 t4")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "a list of 1 to 100, each a string"),
        (["1"] * 101, "a list of 1 to 100, each a string"),
        ("1", "a list of 1 to 100, each a string"),
        (["1", True], "a list of 1 to 100, each a string; got a list of 2"),
        (["1", "1" * 49], "input 2: an input has at most 48 characters"),
        (["1", "\u00e9"], "input 2: an input is printable ASCII"),
    ],
    ids=["none", "101", "no-list", "a-number", "long", "not-ASCII"],
)
async def test_malformed_inputs_are_refused_as_a_whole(
    client: Client, served: Served, request: pytest.FixtureRequest, inputs: object, message: str
) -> None:
    before = served.row(bot_of(request))
    result = await client.call_tool("handle_inputs", {"inputs": inputs})
    assert brief(result.structured_content) == {"code": "bad_argument"}
    assert message in text_of(result)
    assert served.row(bot_of(request)) == before
