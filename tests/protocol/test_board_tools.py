"""The leaderboard as clients see it."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import TextResourceContents

from tests.protocol.served import Served, text_of


async def test_a_run_waits_until_it_was_executed(served: Served) -> None:
    async with Client(f"{served.url}?toolset=fleet") as client:
        before = await client.call_tool("get_leaderboard", {})
        await client.call_tool("start_new_game", {"botId": "racer", "mode": "ironman", "weapon": "mace"})
        await client.call_tool("handle_inputs", {"botId": "racer", "inputs": ["1"] * 5})
        await client.call_tool("start_new_game", {"botId": "racer"})
        after = await client.call_tool("get_leaderboard", {"scope": "deployment"})
    assert before.structured_content is not None
    assert after.structured_content is not None
    assert after.structured_content["rows"] == []
    assert after.structured_content["pending"] == before.structured_content["pending"] + 1
    assert text_of(after).startswith(f"ironman, rules {served.rules.identity}, all fleets: 0 runs\n")
    assert text_of(after).endswith(" runs wait to be executed again")
    assert after.structured_content["text"] == text_of(after)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"mode": "casual"}, "mode"),
        ({"scope": "all"}, "scope"),
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"last": 1}, "last"),
        ({"day": "2026-11-29T00:00"}, "day"),
        ({"day": "2026-11-29"}, "day"),
        ({"day": "2026-02-30", "mode": "daily"}, "2026-02-30"),
        ({"day": "9999-12-31", "mode": "daily"}, "9999-12-31"),
        ({"rules": "x" * 65}, "rules"),
        ({"botId": "hero"}, "botId"),
    ],
)
async def test_bad_arguments_are_named(served: Served, arguments: dict[str, Any], named: str) -> None:
    async with Client(f"{served.url}?toolset=fleet") as client:
        result = await client.call_tool("get_leaderboard", arguments)
    assert result.is_error
    assert text_of(result).startswith("error bad_argument")
    assert named in text_of(result)


async def test_a_server_without_a_key_says_so(served: Served) -> None:
    async with Client(served.url) as client:
        (contents,) = (await client.read_resource("dungeonfighter://run-keys.pem")).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.text.startswith("# this server has no SIGNING_KEY")
