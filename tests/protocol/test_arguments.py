"""Results for wrong, missing or extra arguments and bad bot ids name the allowed values and change no row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult

from dungeonfighter.hosting.answers import NewGame
from tests.protocol.served import Served, brief, connected, text_of


@pytest.fixture(scope="module", autouse=True)
def a_bot(served: Served) -> None:
    served.ask(served.host.start("local/hero", NewGame(seed=1, weapon=1)))


@pytest.fixture(autouse=True)
def unchanged(served: Served) -> Iterator[None]:
    before = served.everything()
    yield
    assert served.everything() == before


@pytest.fixture(params=["auto", "legacy"])
async def client(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with connected(served.url, request.param) as client:
        yield client


def refused(result: CallToolResult, code: str = "bad_argument") -> str:
    """Call a tool, and return the text of the refusal."""
    assert result.is_error
    assert result.structured_content["code"] == code
    text = text_of(result)
    assert text.startswith(f"error {code}: ")
    return text


BOT_IDS = [
    "",
    "a" * 129,
    "a" * 10_000,
    "two words",
    " hero",
    "tab\there",
    "line\nhere",
    "nul\x00here",
    "-x",
    "hëro",
    "a/b",
]


@pytest.mark.parametrize("bot", BOT_IDS, ids=lambda bot: ascii(bot[:12]) + str(len(bot)))
@pytest.mark.parametrize("tool", ["get_game_state", "handle_input", "start_new_game"])
async def test_a_malformed_bot_id_is_refused(client: Client, bot: str, tool: str) -> None:
    arguments = {"botId": bot} | ({"input": "1"} if tool == "handle_input" else {})
    text = refused(await client.call_tool(tool, arguments))
    assert "`botId` must be 1 to 128 of" in text
    assert len(text) < 300
    assert text.isprintable()


@pytest.mark.parametrize("bot", [1.5, True, ["hero"], {"a": 1}])
async def test_a_bot_id_is_a_string(client: Client, bot: Any) -> None:
    assert "not a string" in refused(await client.call_tool("get_game_state", {"botId": bot}))


@pytest.mark.parametrize(
    "tool",
    [
        "get_game_state",
        "save_game",
        "load_game",
        "reset_game",
        "get_inventory",
        "set_agent_directive",
        "equip_item",
    ],
)
async def test_the_answer_to_an_unknown_bot_says_how_to_begin(client: Client, tool: str) -> None:
    needed: dict[str, dict[str, Any]] = {"set_agent_directive": {"directive": "x"}, "equip_item": {"item": 1}}
    arguments = needed.get(tool, {})
    text = refused(await client.call_tool(tool, {"botId": "nobody", **arguments}), "unknown_bot")
    assert "start_new_game" in text


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("handle_input", {}, "`input` is missing; it must be a string"),
        ("handle_input", {"input": True}, "`input` must be a string; got true"),
        ("handle_input", {"input": None}, "`input` must be a string; got null"),
        ("handle_input", {"input": "1", "turn": "3x"}, '`turn` must be an integer of at least 0; got "3x"'),
        ("handle_input", {"input": "1", "turn": -1}, "`turn` must be an integer of at least 0"),
        ("handle_input", {"input": "1", "turn": True}, "`turn` must be an integer of at least 0"),
        ("handle_input", {"input": "1", "turn": 1.5}, "`turn` must be an integer of at least 0"),
        ("handle_input", {"input": "1", "view": "xml"}, "`view` must be one of json, text"),
        ("handle_input", {"input": "1", "speed": 9}, "no argument `speed` here; allowed: botId, input, turn"),
        ("handle_input", {"input": "1", "x" * 900: 9}, "no argument `xxx"),
        ("handle_input", {"input": "1" * 49}, "at most 48 characters"),
        ("handle_input", {"input": "1\n"}, "printable ASCII"),
        ("handle_input", {"input": "é"}, "printable ASCII"),
        ("handle_input", {"input": "  "}, "not empty"),
        ("start_new_game", {"weapon": "spoon"}, "`weapon` must be one of dagger, mace, sword, wand"),
        ("start_new_game", {"mode": "easy"}, "`mode` must be one of casual, daily, ironman, short"),
        ("start_new_game", {"seed": 2**53}, "`seed` must be an integer from 0 to 9007199254740991"),
        ("start_new_game", {"seed": -1}, "`seed` must be an integer from 0"),
        ("start_new_game", {"name": ""}, "`name` must be a string of 1 to 24 characters"),
        ("start_new_game", {"name": "x" * 25}, "`name` must be a string of 1 to 24 characters"),
        (
            "start_new_game",
            {"name": "a\nb"},
            "characters that can be shown, and no space at either end; U+000A cannot",
        ),
        ("start_new_game", {"name": " a"}, "this one has a space at an end"),
        ("start_new_game", {"mode": "daily", "seed": 1}, "seed of the day"),
        ("start_new_game", {"mode": "daily", "ascension": 1}, "leave ascension out"),
        ("start_new_game", {"ascension": 11}, "`ascension` must be an integer from 0 to 10"),
        ("start_new_game", {"seedSet": "secret"}, "`seedSet` must be one of own, private, public"),
        ("start_new_game", {"seedSet": "public"}, "`seed` must be a number from 1 to 100"),
        ("start_new_game", {"seedSet": "public", "seed": 101}, "`seed` must be a number from 1 to 100"),
        ("start_new_game", {"seedSet": "public", "seed": 0}, "`seed` must be a number from 1 to 100"),
        ("start_new_game", {"seedSet": "private", "seed": 7}, "leave `seed` out or send 0"),
        ("get_leaderboard", {"ascension": -1}, "`ascension` must be an integer from 0 to 10"),
        ("get_leaderboard", {"mode": "daily", "ascension": 1}, "leave ascension out"),
        ("save_game", {"slot": "Not A Slot"}, "`slot` must be a string of 1 to 32 of"),
        ("save_game", {"slot": "a\n"}, "`slot` must be a string of 1 to 32 of"),
        ("delete_save", {}, "`slot` is missing"),
        ("get_inventory", {"all": True}, "no argument `all` here; allowed: botId"),
        ("list_bots", {"botId": "hero"}, "no argument `botId` here; allowed: after, count"),
        ("list_bots", {"count": 501}, "`count` must be an integer from 1 to 500"),
        ("list_bots", {"after": "no bot"}, "must be 1 to 128 of"),
        ("get_recent_output", {"count": 0}, "`count` must be an integer from 1 to 100"),
        ("get_agent_context", {"recentEventCount": 51}, "`recentEventCount` must be an integer from 1 to 50"),
        ("select_dungeon", {"dungeonIndex": "0"}, "`dungeonIndex` must be an integer from 1 to 99"),
        ("equip_item", {"item": 0}, "`item` must be an integer from 1 to 20"),
        ("unequip_item", {"slot": "tail"}, "`slot` must be one of chest, feet, head, legs, weapon"),
        ("set_combo_strip", {"actions": []}, "`actions` must be a list of 1 to 8"),
        ("set_combo_strip", {"actions": ["a"]}, "`actions` must be a list of 1 to 8, each an integer"),
        ("set_combo_strip", {"actions": 3}, "`actions` must be a list of 1 to 8"),
        ("compare_items", {"a": 1}, "`a` must be the number of an item in the bag"),
        ("set_agent_directive", {"directive": "x" * 301}, "a string of 0 to 300 characters"),
        ("set_agent_directive", {"directive": "nul \0"}, "no control characters but newlines"),
        ("set_agent_directive", {"directive": "tab\t"}, "no control characters but newlines"),
        ("set_agent_directive", {"directive": "over\rwritten"}, "no control characters but newlines"),
        ("set_agent_directive", {"directive": "\x1b[2J"}, "no control characters but newlines"),
        ("set_agent_directive", {"directive": "\x9b2J"}, "no control characters but newlines"),
        ("set_agent_directive", {"directive": "\x7f"}, "no control characters but newlines"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
async def test_wrong_arguments_are_named(
    client: Client, tool: str, arguments: dict[str, Any], said: str
) -> None:
    text = refused(await client.call_tool(tool, arguments))
    assert said in text
    assert len(text) < 400


async def test_null_means_not_given(client: Client) -> None:
    result = await client.call_tool("get_game_state", {"botId": None, "view": None})
    assert not result.is_error


async def test_arguments_must_be_an_object(served: Served) -> None:
    from tests.protocol.served import call_body, call_headers, post

    body = call_body("get_game_state")
    body["params"]["arguments"] = [1]
    answer = await post(served, body, call_headers("get_game_state"))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_on_a_bots_own_path_there_is_no_bot_id(served: Served, mode: str) -> None:
    async with Client(f"{served.origin}/bots/hero/mcp", mode=mode) as bound:
        for tool in (await bound.list_tools()).tools:
            assert "botId" not in tool.input_schema["properties"]
        text = refused(await bound.call_tool("get_game_state", {"botId": "hero"}))
        assert "no argument `botId` here" in text


async def test_an_illegal_input_is_answered_with_the_legal_ones(client: Client, served: Served) -> None:
    game = served.present("hero")
    for wrong in ("77", "fly", "trade 1,2,3,4,5", "equip 99", "dungeon 9"):
        result = await client.call_tool("handle_input", {"input": wrong})
        text = refused(result, "illegal_input")
        for choice in game.rules.legal_inputs(game.state):
            assert choice.input in text
        assert text.endswith(game.rules.text(game.state, "e1 t0"))
        assert brief(result.structured_content) == {"code": "illegal_input", "episode": 1, "turn": 0}
