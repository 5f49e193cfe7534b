"""Calls are counted by tool, outcome and code, with their tokens, once each and the same on both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.hosting.instruments import Snapshot
from dungeonfighter.rules import load_rules
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.tokens import count_tokens
from tests.protocol.served import Served, call_body, call_headers, post

BOTH = pytest.mark.parametrize("is_short", [True, False], ids=["short way", "sdk"])


@pytest.fixture
def served() -> Iterator[Served]:
    admission = BoundedAdmission(Rates(RateSettings(), lambda: 0.0))
    with Served(load_rules(), admission=admission, meter=MeterRegistry()) as started:
        yield started


async def call(
    served: Served, tool: str, *, is_short: bool = True, bot: str = "hero", **arguments: Any
) -> dict[str, Any]:
    body = call_body(tool, arguments)
    if not is_short:
        body["extra"] = 1  # the typed decoder leaves it to the SDK
    path = "/mcp" if bot == "hero" else f"/bots/{bot}/mcp"
    answer: dict[str, Any] = (await post(served, body, call_headers(tool), path)).json()
    return answer


def snapshot(served: Served) -> Snapshot:
    return served.host.meter.collect()


def above_zero(served: Served, name: str) -> dict[str, float]:
    counted = snapshot(served)
    return {labels: counted.value(name, labels) for labels, value in counted.values(name).items() if value}


def observed(served: Served, tool: str) -> int:
    """Return the number of requests whose time was observed for a tool."""
    return sum(snapshot(served).distribution("mcp_response_time_seconds", f'tool="{tool}"').counts)


async def until_observed(served: Served, tool: str, times: int) -> None:
    """Wait for the observations of a tool; the SDK's way makes one just after its answer has left."""
    while observed(served, tool) < times:  # noqa: ASYNC110 (the server runs in another thread)
        await asyncio.sleep(0.01)
    assert observed(served, tool) == times


def interactions(served: Served) -> dict[str, float]:
    return above_zero(served, "mcp_bot_interactions_total")


@BOTH
async def test_each_call_counts_once_for_its_tool_and_outcome(served: Served, *, is_short: bool) -> None:
    for _ in range(2):
        await call(served, "start_new_game", is_short=is_short, seed=1, weapon="mace", episode=1)
    for _ in range(3):
        await call(served, "handle_input", is_short=is_short, input="1", turn=0)
    await call(served, "handle_input", is_short=is_short, input="no such input")
    await call(served, "get_game_state", is_short=is_short)
    assert interactions(served) == {
        'tool="start_new_game",outcome="ok"': 1,
        'tool="start_new_game",outcome="repeated"': 1,
        'tool="handle_input",outcome="ok"': 1,
        'tool="handle_input",outcome="repeated"': 2,
        'tool="handle_input",outcome="error"': 1,
        'tool="get_game_state",outcome="ok"': 1,
    }
    assert snapshot(served).value("mcp_turns_total") == 2
    times = {"start_new_game": 2, "handle_input": 4, "get_game_state": 1, "other": 0}
    for tool, expected in times.items():
        await until_observed(served, tool, expected)


@BOTH
async def test_errors_count_by_code(served: Served, *, is_short: bool) -> None:
    await call(served, "start_new_game", is_short=is_short)
    await call(served, "handle_input", is_short=is_short, input="1", turn=9)
    await call(served, "handle_input", is_short=is_short, input=17, turn="x")
    await call(served, "get_game_state", is_short=is_short, bot="nobody")
    served.ask(served.host.close())
    await call(served, "handle_input", is_short=is_short, input="1")
    assert above_zero(served, "mcp_errors_total") == {
        f'code="{code}"': 1 for code in ("bad_argument", "draining", "future_turn", "unknown_bot")
    }


async def test_a_failure_of_the_server_counts_as_internal(served: Served) -> None:
    async def broken(_: object) -> list[object]:
        raise RuntimeError("broken")

    for method in ("list_bots", "heads"):
        setattr(served.store, method, broken)
    await call(served, "list_bots")
    assert above_zero(served, "mcp_errors_total") == {'code="internal"': 1}
    assert interactions(served) == {'tool="list_bots",outcome="error"': 1}


async def test_each_step_of_a_batch_is_a_call(served: Served) -> None:
    begin = [{"botId": f"bot-{number}", "start": {}, "episode": 1} for number in range(5)]
    await call(served, "step_many", steps=begin)
    repeats = [*begin[:2], {"botId": "nobody", "input": "1"}, {"botId": "bot-4", "input": "1"}, {}]
    await call(served, "step_many", steps=repeats)
    assert interactions(served) == {
        'tool="step_many",outcome="ok"': 6,
        'tool="step_many",outcome="repeated"': 2,
        'tool="step_many",outcome="error"': 2,
    }
    assert above_zero(served, "mcp_errors_total") == {'code="bad_argument"': 1, 'code="unknown_bot"': 1}
    assert snapshot(served).value("mcp_turns_total") == 6


@BOTH
@pytest.mark.parametrize("view", ["text", "json"])
async def test_the_tokens_of_answers_are_estimated_well(served: Served, view: str, *, is_short: bool) -> None:
    await call(served, "start_new_game", seed=3, weapon="sword")
    exact = 0
    for _ in range(60):
        answer = await call(served, "handle_input", is_short=is_short, input="1", view=view)
        result = answer["result"]
        if view == "text":
            exact += count_tokens(result["content"][0]["text"])
        else:
            exact += count_tokens(msgspec.json.encode(result["structuredContent"]).decode())
    estimated = snapshot(served).value("mcp_response_tokens_total", 'tool="handle_input"')
    assert abs(estimated - exact) < 0.1 * exact


async def test_requests_that_call_no_tool_of_the_server_are_timed_as_others(served: Served) -> None:
    await call(served, "no_such_tool")
    await post(served, b"{")
    await post(served, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    await until_observed(served, "other", 3)
    assert not interactions(served)


async def test_a_bot_with_a_turn_is_active_and_one_that_is_only_read_is_not(served: Served) -> None:
    before = snapshot(served).value("mcp_active_bots")  # other tests may have played on this server
    for bot in ("active-ada", "active-bob"):
        await call(served, "start_new_game", bot=bot)
        await call(served, "handle_input", bot=bot, input="1")
    await call(served, "get_game_state", bot="active-ada")
    await call(served, "get_game_state", bot="nobody")
    assert snapshot(served).value("mcp_active_bots") == before + 2
