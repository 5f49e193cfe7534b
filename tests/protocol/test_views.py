"""The JSON view matches its schema at every turn of a run, and the published schema is the generated one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from mcp.client.client import Client
from mcp_types import TextResourceContents

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.hosting.answers import Present
from dungeonfighter.mcp import views
from dungeonfighter.rules import GameOptions, Mode, Rules
from dungeonfighter.rules.views.observation import Observation
from tests.protocol.served import Served, text_of

DOCS = Path(__file__).parents[2] / "docs"


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the same schema, but one that allows only the members that it names."""
    schema = copy.deepcopy(schema)
    for one in [schema, *schema["$defs"].values()]:
        if one.get("type") == "object":
            one["additionalProperties"] = False
    return schema


CLOSED = closed(views.view_schema())
VALIDATOR = jsonschema.Draft202012Validator(CLOSED)


def test_the_schema_in_docs_is_the_schema() -> None:
    """`python -m dungeonfighter.mcp.views > docs/view.schema.json` renews the file."""
    assert (DOCS / "view.schema.json").read_text(encoding="utf-8") == views.view_schema_text()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(views.view_schema())


async def test_the_resource_is_the_schema(served: Served) -> None:
    async with Client(served.url) as client:
        contents = (await client.read_resource(views.VIEW_SCHEMA_URI)).contents[0]
    assert contents.mime_type == "application/schema+json"
    assert isinstance(contents, TextResourceContents)
    assert json.loads(contents.text) == views.view_schema()


@pytest.mark.parametrize(("seed", "name"), [(1, "heuristic"), (2, "random"), (3, "auto"), (4, "random")])
def test_every_view_of_a_played_run_is_valid(rules: Rules, seed: int, name: str) -> None:
    policy = make_policy(name, seed)
    state = rules.new_game(GameOptions(seed=seed, mode=Mode.casual))
    seen: set[str] = set()
    for _ in range(400):
        game = Present("local/hero", 2, state.turn, 1, b"", rules, state, "")
        snapshot = json.loads(msgspec.json.encode(views.json_view(game)))
        problems = [error.message for error in VALIDATOR.iter_errors(snapshot)]
        assert not problems, snapshot
        assert snapshot["botId"] == "hero"
        assert snapshot["episode"] == 2
        assert msgspec.convert(snapshot, Observation) == rules.observe(state)
        seen.add(snapshot["currentState"])
        if state.over:
            break
        state = rules.apply(state, policy.choose(rules.observe(state))).state
    assert len(seen) >= 4, seen


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_json_view_over_the_wire_is_whole(served: Served, mode: str) -> None:
    """The view has every field, even if it is null: the schema requires all."""
    async with Client(f"{served.origin}/bots/wire-{mode}/mcp", mode=mode) as client:
        started = await client.call_tool("start_new_game", {"seed": 11, "view": "json"})
        VALIDATOR.validate(started.structured_content)
        for turn in range(25):
            plain = await client.call_tool("get_game_state", {})
            result = await client.call_tool("handle_input", {"input": "1", "turn": turn, "view": "json"})
            assert plain.structured_content is None
            VALIDATOR.validate(result.structured_content)
            game = served.present(f"wire-{mode}")
            assert result.structured_content == views.json_view(game)
            assert text_of(result) == views.text_view(game)


async def test_a_late_repeat_is_valid_too(served: Served) -> None:
    async with Client(f"{served.origin}/bots/late/mcp") as client:
        await client.call_tool("start_new_game", {"seed": 11})
        for turn in range(3):
            await client.call_tool("handle_input", {"input": "1", "turn": turn})
        result = await client.call_tool("handle_input", {"input": "1", "turn": 0, "view": "json"})
    assert result.structured_content["repeated"] is True
    VALIDATOR.validate(result.structured_content)


async def test_the_seed_of_a_live_ranked_run_is_hidden(served: Served) -> None:
    async with Client(f"{served.origin}/bots/ranked/mcp") as client:
        hidden = await client.call_tool("start_new_game", {"mode": "ironman", "view": "json"})
        shown = await client.call_tool("start_new_game", {"mode": "ironman", "seed": 5, "view": "json"})
    VALIDATOR.validate(hidden.structured_content)
    assert hidden.structured_content["seed"] is None
    assert shown.structured_content["seed"] == 5
    assert str(served.present("ranked").state.seed) == "5"
