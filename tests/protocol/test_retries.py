"""Every row of the retry table over real HTTP, with the store after it. Source: docs/tools.md, "Repeating a
call safely".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult

from tests.protocol.served import Served, brief, connected, text_of

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
async def client(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Connect a client with a bot that is three turns into its first run."""
    async with connected(f"{served.origin}/bots/{bot_of(request)}/mcp") as client:
        await client.call_tool("start_new_game", {"seed": 5, "weapon": "mace", "episode": 1})
        for turn in range(3):
            await client.call_tool("handle_input", {"input": "1", "turn": turn, "episode": 1})
        yield client


def bot_of(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name.translate(str.maketrans("[]", "--")).strip("-")


async def call(client: Client, tool: str, **arguments: Any) -> tuple[str, CallToolResult]:
    result = await client.call_tool(tool, arguments)
    return text_of(result), result


def code(result: CallToolResult) -> str | None:
    return result.structured_content["code"] if result.is_error else None


async def test_the_present_turn_is_applied(client: Client) -> None:
    text, result = await call(client, "handle_input", input="1", turn=3, episode=1)
    assert not result.is_error
    assert text.startswith("e1 t4")


async def test_a_retry_of_the_last_input_gets_its_answer(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    first, _ = await call(client, "handle_input", input="1", turn=3)
    before = served.row(bot_of(request))
    for _ in range(3):
        handler, result = await call(client, "handle_input", input="1", turn=3, episode=1)
        assert handler == first
        assert not result.is_error
    assert served.row(bot_of(request)) == before


@pytest.mark.parametrize("view", ["text", "json"])
async def test_a_retry_of_an_older_input_is_marked_as_a_repeat(
    client: Client, served: Served, request: pytest.FixtureRequest, view: str
) -> None:
    before = served.row(bot_of(request))
    text, result = await call(client, "handle_input", input="1", turn=0, view=view)
    assert not result.is_error
    assert text.startswith("e1 t3")
    assert "(repeated:" in text
    if view == "json":
        assert result.structured_content["repeated"] is True
        assert result.structured_content["turn"] == 3
    assert served.row(bot_of(request)) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"input": "0", "turn": 2}, "stale_turn"),
        ({"input": "0", "turn": 0}, "stale_turn"),
        ({"input": "1", "turn": 3, "episode": 2}, "stale_turn"),
        ({"input": "1", "turn": 3, "episode": 0}, "stale_turn"),
        ({"input": "1", "turn": 4}, "future_turn"),
        ({"input": "1", "turn": 10**30}, "future_turn"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_another_time_is_refused_with_the_present_view(
    client: Client, served: Served, request: pytest.FixtureRequest, arguments: dict[str, Any], expected: str
) -> None:
    before = served.row(bot_of(request))
    text, result = await call(client, "handle_input", **arguments)
    assert result.is_error
    assert brief(result.structured_content) == {"code": expected, "episode": 1, "turn": 3}
    view, _ = await call(client, "get_game_state")
    assert text.startswith(f"error {expected}: ")
    assert "; the game is at e1 t3: choose for it, with turn=3\n\n" in text
    assert text.endswith(f"\n\n{view}")
    assert served.row(bot_of(request)) == before


async def test_a_start_names_the_next_run(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    options = {"seed": 8, "weapon": "wand", "episode": 2}
    first, result = await call(client, "start_new_game", **options)
    assert not result.is_error
    assert first.startswith("e2 t0")
    before = served.row(bot_of(request))
    handler, _ = await call(client, "start_new_game", **options)
    assert handler == first
    for seed, episode, expected in [(9, 2, "stale_turn"), (8, 5, "future_turn"), (8, 1, "stale_turn")]:
        text, result = await call(client, "start_new_game", seed=seed, episode=episode)
        assert code(result) == expected
        assert text.endswith(first)
    assert served.row(bot_of(request)) == before


async def test_a_load_names_the_next_run(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    await call(client, "save_game")
    first, _ = await call(client, "load_game", episode=2)
    assert first.startswith("e2 t3")
    before = served.row(bot_of(request))
    assert (await call(client, "load_game", episode=2))[0] == first
    assert code((await call(client, "load_game", episode=9))[1]) == "future_turn"
    assert served.row(bot_of(request)) == before


async def test_without_a_turn_every_request_is_applied(client: Client) -> None:
    assert (await call(client, "handle_input", input="1"))[0].startswith("e1 t4")
    assert (await call(client, "handle_input", input="1"))[0].startswith("e1 t5")


async def test_spelling_does_not_make_another_input(client: Client) -> None:
    first, _ = await call(client, "handle_input", input="1", turn=3)
    assert (await call(client, "handle_input", input="  1 ", turn=3))[0] == first


async def test_shorthand_tools_are_repeatable_too(
    client: Client, served: Served, request: pytest.FixtureRequest
) -> None:
    await client.call_tool("start_new_game", {"seed": 5, "weapon": "mace", "episode": 2})
    first, result = await call(client, "unequip_item", slot="weapon", turn=0, episode=2)
    before = served.row(bot_of(request))
    if result.is_error:
        pytest.fail(first)
    assert (await call(client, "unequip_item", slot="weapon", turn=0, episode=2))[0] == first
    assert (await call(client, "handle_input", input="unequip weapon", turn=0))[0] == first
    assert served.row(bot_of(request)) == before
