"""A hero plays a whole dungeon in every era, over HTTP and stdio: the texts are those of the rules alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client

from dungeonfighter.rules import Rules
from tests.protocol.scripts import Script, a_cleared_dungeon
from tests.protocol.served import Served, text_of

MODES = ["auto", "legacy", "2026-07-28"]
SRC = Path(__file__).parents[2] / "src"


async def reply(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


def child(database: Path, *flags: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "dungeonfighter", "stdio", "--db", f"sqlite:///{database}", *flags],
        env={"PYTHONPATH": str(SRC)},
    )


async def begin(client: Client, script: Script) -> list[str]:
    """Play a new run to the end of the dungeon, then save it."""
    texts = [await reply(client, "start_new_game", seed=script.seed)]
    for turn, text in enumerate(script.inputs):
        texts.append(await reply(client, "handle_input", input=text, turn=turn, episode=1))
    assert await reply(client, "save_game", slot="done") == f"saved done: e1 t{len(script.inputs)}"
    return texts


async def go_on(client: Client, script: Script) -> None:
    """Reconnect, continue the game, then load its save into another run."""
    end = len(script.inputs)
    assert await reply(client, "get_game_state") == script.texts[-1]
    assert (await reply(client, "handle_input", input="1", turn=end)).startswith(f"e1 t{end + 1}")
    loaded = await reply(client, "load_game", slot="done")
    assert loaded == script.texts[-1].replace(f"e1 t{end}", f"e2 t{end}", 1)
    assert (await reply(client, "handle_input", input="1", turn=end)).startswith(f"e2 t{end + 1}")


@pytest.mark.parametrize("mode", MODES)
async def test_http_plays_a_dungeon_as_the_rules_do(served: Served, rules: Rules, mode: str) -> None:
    script = a_cleared_dungeon(rules)
    url = f"{served.origin}/bots/whole-{mode}/mcp"
    async with Client(url, mode=mode) as client:
        assert await begin(client, script) == list(script.texts)
    async with Client(url, mode=mode) as client:
        await go_on(client, script)


@pytest.mark.parametrize("mode", MODES)
async def test_stdio_plays_a_dungeon_as_the_rules_do(rules: Rules, mode: str, tmp_path: Path) -> None:
    script = a_cleared_dungeon(rules)
    database = tmp_path / "games.db"
    async with Client(child(database), mode=mode) as client:
        assert await begin(client, script) == list(script.texts)
    async with Client(child(database), mode=mode) as client:
        await go_on(client, script)


@pytest.mark.parametrize(
    "mode", ["auto", *(pytest.param(mode, marks=pytest.mark.long) for mode in MODES if mode != "auto")]
)
async def test_a_bridge_plays_a_dungeon_as_the_rules_do(served: Served, rules: Rules, mode: str) -> None:
    script = a_cleared_dungeon(rules)
    bridge = StdioServerParameters(
        command=sys.executable,
        args=["-m", "dungeonfighter", "connect", served.origin, "--bot", f"bridged-{mode}"],
        env={"PYTHONPATH": str(SRC)},
    )
    async with Client(bridge, mode=mode) as client:
        assert await begin(client, script) == list(script.texts)
    async with Client(bridge, mode=mode) as client:
        await go_on(client, script)


async def test_stdio_lists_what_it_was_started_for(tmp_path: Path) -> None:
    async with Client(child(tmp_path / "a.db", "--toolset", "core", "--bot", "mine")) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [
            "start_new_game", "handle_input", "get_game_state", "save_game", "load_game",
        ]  # fmt: skip
        assert all("botId" not in tool.input_schema["properties"] for tool in tools)
        await reply(client, "start_new_game", seed=1)
        assert await reply(client, "list_bots") == "mine e1 t0"


async def test_the_default_bot_is_hero_and_bots_do_not_see_each_other(served: Served, rules: Rules) -> None:
    async with Client(served.url) as client:
        await reply(client, "start_new_game", seed=1)
        await reply(client, "start_new_game", seed=2, botId="other")
        await reply(client, "handle_input", input="2", botId="other")
        assert (await reply(client, "get_game_state", botId="hero")).startswith("e1 t0")
        assert (await reply(client, "get_game_state")).startswith("e1 t0")
        assert (await reply(client, "get_game_state", botId="other")).startswith("e1 t1")
    assert served.present("hero").state.seed == 1
    assert served.present("other").state.seed == 2


async def test_two_calls_for_one_bot_at_once_are_both_applied_in_some_order(served: Served) -> None:
    url = f"{served.origin}/bots/twice/mcp"
    async with Client(url) as one, Client(url) as two:
        await reply(one, "start_new_game", seed=3, weapon="sword")
        answers = await asyncio.gather(*(reply(each, "handle_input", input="1") for each in (one, two)))
    assert sorted(answer.split()[1] for answer in answers) == ["t1", "t2"]
    assert served.present("twice").turn == 2


async def test_two_calls_for_one_turn_at_once_are_applied_once(served: Served) -> None:
    url = f"{served.origin}/bots/once/mcp"
    async with Client(url) as one, Client(url) as two:
        await reply(one, "start_new_game", seed=3, weapon="sword")
        answers = await asyncio.gather(
            *(reply(each, "handle_input", input="1", turn=0) for each in (one, two))
        )
    assert answers[0] == answers[1]
    assert served.present("once").turn == 1
