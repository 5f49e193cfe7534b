"""The tool definitions, which an agent pays for with every request, are small and correct."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp import MCPError
from mcp.client.client import Client
from mcp.shared.inbound import find_invalid_x_mcp_header

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.mcp import texts
from dungeonfighter.mcp.arguments import ToolArguments, allowed_values
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.tool import Toolset
from dungeonfighter.rules import GameOptions, Rules
from dungeonfighter.telemetry.tokens import count_tokens
from tests.protocol.served import OPEN, Served

CORE = ["start_new_game", "handle_input", "get_game_state", "save_game", "load_game"]
PLAY = [
    *CORE, "list_bots", "reset_game", "get_available_actions", "get_player_stats", "get_current_dungeon",
    "get_inventory", "get_combat_state", "get_recent_output", "get_available_dungeons", "select_dungeon",
    "get_agent_context", "set_agent_directive", "equip_item", "unequip_item",
    "compare_items", "set_combo_strip", "delete_save",
]  # fmt: skip
FLEET = [*PLAY, "handle_inputs", "step_many", "fork_game", "get_replay", "get_leaderboard"]
BUDGETS: list[tuple[Toolset, int]] = [("core", 900), ("play", 2500), ("fleet", 2800)]


@pytest.fixture(scope="module")
def registry(served: Served) -> Registry:
    return Registry(served.host, OPEN)


@pytest.mark.parametrize(("toolset", "budget"), BUDGETS)
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("turns_required", [False, True])
def test_definitions_fit_their_budget(
    registry: Registry, toolset: Toolset, budget: int, *, bound: bool, turns_required: bool
) -> None:
    listed = registry.listed(toolset, bound=bound, turns_required=turns_required)
    assert count_tokens(msgspec.json.encode(listed).decode()) <= budget


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_address_with_turns_required_says_so_in_its_schemas(served: Served, mode: str) -> None:
    async with Client(f"{served.url}?toolset=fleet&turns=required", mode=mode) as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert tools["handle_input"]["required"] == ["input", "turn", "episode"]
    assert tools["handle_inputs"]["required"] == ["inputs", "turn", "episode"]
    for name in ("start_new_game", "reset_game", "load_game"):
        assert tools[name]["required"] == ["episode"]
    assert "required" not in tools["get_game_state"]
    assert "turn?" not in tools["step_many"]["properties"]["steps"]["description"]


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [("", PLAY), ("?toolset=play", PLAY), ("?toolset=core", CORE), ("?toolset=fleet", FLEET)],
)
async def test_toolsets_list_their_tools_in_one_order(
    served: Served, mode: str, query: str, expected: list[str]
) -> None:
    async with Client(served.url + query, mode=mode) as client:
        listed = await client.list_tools()
    assert {tool.name for tool in listed.tools} == set(expected)
    assert [tool.name for tool in listed.tools][:5] == CORE
    assert listed.next_cursor is None
    if mode != "legacy":
        assert (listed.ttl_ms, listed.cache_scope) == (3_600_000, "public")
    assert all(tool.output_schema is None for tool in listed.tools)


async def test_a_tool_that_is_not_listed_may_be_called(served: Served) -> None:
    async with Client(f"{served.url}?toolset=core") as client:
        assert not (await client.call_tool("list_bots", {})).is_error


def test_schemas_say_what_the_structs_accept(registry: Registry) -> None:
    for tool in registry.tools.values():
        schema = tool.definition(bound=True)["inputSchema"]
        kind: type[ToolArguments] = tool.kind
        fields = {field.encode_name: field for field in msgspec.structs.fields(tool.kind)}
        assert list(schema["properties"]) == list(fields) == list(allowed_values(kind))
        required = [name for name, field in fields.items() if field.required]
        assert schema.get("required", []) == required


@pytest.mark.parametrize(
    "good", [0, 1, 5, "x", "text", "json", "mace", "casual", "head", "main", [0], [1, 2]]
)
def test_schemas_and_structs_agree_on_values(registry: Registry, good: Any) -> None:
    """The struct refuses each value that the schema refuses, and takes the types that the schema takes."""
    import jsonschema

    for tool in registry.tools.values():
        schema = tool.definition(bound=True)["inputSchema"]
        for name, own in schema["properties"].items():
            accepted = _accepts(tool.kind, name, good)
            try:
                jsonschema.validate(good, own)
            except jsonschema.ValidationError:
                # Each step is decoded by itself, so the struct takes a list of anything.
                assert not accepted or name == "steps", (tool.name, name, good)


def _accepts(kind: type[msgspec.Struct], name: str, value: Any) -> bool:
    field = next(field for field in msgspec.structs.fields(kind) if field.encode_name == name)
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("bound", [False, True])
def test_every_argument_has_one_type_and_every_list_has_one_for_its_items(
    registry: Registry, bound: bool
) -> None:
    """Clients of some models refuse every request while one definition breaks this rule."""
    for tool in registry.listed("fleet", bound=bound):
        for schema in tool["inputSchema"]["properties"].values():
            assert isinstance(schema["type"], str)
            assert (schema["type"] == "array") == ("items" in schema)
            assert isinstance(schema.get("items", {"type": ""})["type"], str)


@pytest.mark.parametrize("bound", [False, True])
def test_the_bot_header_is_declared_as_the_specification_wants(registry: Registry, bound: bool) -> None:
    for tool in registry.listed("fleet", bound=bound):
        schema = tool["inputSchema"]
        assert find_invalid_x_mcp_header(schema) is None
        if tool["name"] in {"list_bots", "step_many", "get_leaderboard"} or bound:
            assert "botId" not in schema["properties"]
        else:
            assert schema["properties"]["botId"]["x-mcp-header"] == "Bot-Id"


@pytest.mark.parametrize("toolset", ["core", "play", "fleet"])
def test_a_path_of_one_bot_has_no_tool_for_many(registry: Registry, toolset: Toolset) -> None:
    free = [tool["name"] for tool in registry.listed(toolset, bound=False)]
    assert [tool["name"] for tool in registry.listed(toolset, bound=True)] == [
        name for name in free if name not in {"step_many", "fork_game"}
    ]


def test_only_reading_tools_say_that_they_read(registry: Registry) -> None:
    reading = {tool["name"] for tool in registry.listed("fleet", bound=False) if "annotations" in tool}
    assert reading == {name for name in FLEET if name.startswith(("get_", "list_", "compare_"))}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_resources_and_the_prompt(served: Served, mode: str, rules: Rules) -> None:
    async with Client(served.url, mode=mode) as client:
        uris = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert uris == [
            "dungeonfighter://rules",
            "dungeonfighter://schema/view.json",
            "dungeonfighter://run-keys.pem",
        ]
        for uri in uris:
            contents = (await client.read_resource(uri)).contents
            assert len(contents) == 1
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["play"]
        message = (await client.get_prompt("play")).messages[0]
        assert message.content.type == "text"
        assert "handle_input" in message.content.text
        reply, _, _ = message.content.text.partition("# DungeonFighter")
        assert "get_agent_context if you have that tool" in " ".join(reply.split())
        assert "else with get_game_state" in reply
        for call in (client.read_resource("dungeonfighter://nothing"), client.get_prompt("nothing")):
            with pytest.raises(Exception, match="Unknown"):
                await call
        assert client.instructions == texts.INSTRUCTIONS
    assert count_tokens(texts.INSTRUCTIONS) <= 150
    surplus = 1.04  # of the estimate over cl100k on prose (docs/tools.md)
    assert count_tokens(texts.RULES) / surplus <= 1200


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_error_about_an_unknown_resource_names_it_for_programs(served: Served, mode: str) -> None:
    async with Client(served.url, mode=mode) as client:
        with pytest.raises(MCPError, match="there are dungeonfighter://rules") as unknown:
            await client.read_resource("dungeonfighter://moon")
    assert (unknown.value.code, unknown.value.data) == (-32602, {"uri": "dungeonfighter://moon"})


def test_the_docs_name_every_tool_with_its_arguments(registry: Registry) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
    for tool in registry.tools.values():
        row = next(line for line in docs.splitlines() if line.startswith(f"| `{tool.name}` |"))
        reply = row.split("|")[2].strip().strip("`")
        schema = tool.definition(bound=True)["inputSchema"]
        required = schema.get("required", [])
        names = [name if name in required else f"[{name}]" for name in schema["properties"]]
        assert reply == " ".join(names)


def test_a_turn_costs_at_most_120_tokens_in_the_median(rules: Rules) -> None:
    costs = []
    for seed in range(1, 9):
        policy = make_policy("heuristic")
        state = rules.new_game(GameOptions(seed=seed))
        for _ in range(120):
            if state.over:
                break
            state = rules.apply(state, choose(rules, policy, state)).state
            costs.append(count_tokens(rules.text(state, f"e3 t{state.turn}")))
    assert statistics.median(costs) <= 120
