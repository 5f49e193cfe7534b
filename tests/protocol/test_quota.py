"""The quotas of a bot and of a fleet over MCP: each refusal says of what, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dungeonfighter.rules import load_rules
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.tokens import count_tokens
from tests.protocol.served import Served, call_body, call_headers, post

MOST = 1500


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(
        load_rules(), tokens_per_bot_per_day=MOST, bots_per_fleet=3, meter=MeterRegistry()
    ) as started:
        yield started


async def call(
    served: Served, tool: str, arguments: dict[str, Any], *, is_short: bool = True
) -> dict[str, Any]:
    body = call_body(tool, arguments)
    if not is_short:
        body["extra"] = 1  # the typed decoder leaves it to the SDK
    answer = await post(served, body, call_headers(tool, arguments.get("botId")))
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()["result"]
    return result


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("tool", ["handle_input", "get_game_state", "handle_inputs", "step_many"])
async def test_a_bot_plays_until_its_tokens_are_used_up(served: Served, tool: str, *, is_short: bool) -> None:
    await call(served, "start_new_game", {"botId": "ada", "weapon": "mace"})
    by_tool: dict[str, dict[str, Any]] = {
        "handle_input": {"botId": "ada", "input": "1"},
        "get_game_state": {"botId": "ada"},
        "handle_inputs": {"botId": "ada", "inputs": ["1"]},
        "step_many": {"steps": [{"botId": "ada", "input": "1"}, {"botId": "bob", "start": {}}]},
    }
    arguments = by_tool[tool]
    spent, text = 0, ""
    for _ in range(100):
        result = await call(served, tool, arguments, is_short=is_short)
        text = result["content"][0]["text"]
        if "quota_exceeded" in text:
            break
        spent += count_tokens(text)
    assert f"the bot ada has used up its {MOST} tokens of this day; try again at 20" in text
    assert " UTC, in " in text
    assert spent > MOST / 3
    refused = await call(served, "handle_input", {"botId": "ada", "input": "1"})
    assert (refused["isError"], refused["structuredContent"]["code"]) == (True, "quota_exceeded")
    other = await call(served, "start_new_game", {"botId": "eve"})
    assert not other.get("isError")
    snapshot = served.host.meter.collect()
    assert snapshot.value("mcp_rejected_total", 'reason="quota_exceeded"') == 2


async def test_a_fleet_with_all_its_bots_begins_no_other(served: Served) -> None:
    for number in range(3):
        await call(served, "start_new_game", {"botId": f"b{number}"})
    refused = await call(served, "start_new_game", {"botId": "late"})
    said = refused["structuredContent"]
    assert (refused["isError"], said["code"]) == (True, "quota_exceeded")
    assert "the fleet local has all of its 3 bots" in said["message"]
    steps = [{"botId": "b0", "start": {}}, {"botId": "late", "start": {}}]
    rows = (await call(served, "step_many", {"steps": steps}))["structuredContent"]["results"]
    assert [row.get("code") for row in rows] == [None, "quota_exceeded"]
    assert served.row("late") is None
