"""The traces of calls: whose they are, what they record, and what they never hold; on both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dungeonfighter.hosting.call_trace import CURRENT, CallTrace, current_trace_id
from dungeonfighter.hosting.ports import Outcome
from dungeonfighter.rules import Rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.sampling import Sampler
from dungeonfighter.telemetry.spans import SpanEncoder
from dungeonfighter.telemetry.traces import Tracer
from tests.protocol.served import META, Served, call_body, call_headers, post

A = "00-" + "aa" * 16 + "-" + "a1" * 8 + "-01"
B = "00-" + "bb" * 16 + "-" + "b1" * 8 + "-01"
START = {"botId": "ada", "name": "Planted-Name", "weapon": "mace"}


class Watched(MemoryStore):
    """Notes the current call of each commit: there is none, because a batch serves many calls."""

    def __init__(self) -> None:
        super().__init__()
        self.current: set[str] = set()

    async def commit(self, batch: Any) -> list[Outcome]:
        self.current.add(current_trace_id())
        return await super().commit(batch)


class Traced:
    """A server whose traces are kept."""

    def __init__(self, rules: Rules, *, short_way: bool, ratio: float = 1, flagged: float = 1000) -> None:
        self.calls: list[CallTrace] = []
        self.sampler = Sampler(ratio, flagged, time.monotonic)
        self.tracer = Tracer(self.sampler, time.monotonic, self.calls.append)
        self.store = Watched()
        self.served = Served(rules, self.store, tracer=self.tracer, short_way=short_way)

    async def call(
        self, tool: str, arguments: dict[str, Any], meta: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """Call a tool as a client of 2026-07-28; return the decoded answer."""
        bot = arguments.get("botId")
        body = call_body(tool, arguments)
        body["params"]["_meta"] = META | (meta or {})
        answer = await post(self.served, msgspec.json.encode(body), call_headers(tool, bot) | headers)
        self.settle()
        decoded: dict[str, Any] = msgspec.json.decode(answer.content)
        return decoded

    def settle(self) -> None:
        """Let the server end the traces of the requests that it has answered."""

        async def pass_turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.served.ask(pass_turns())

    def last(self) -> CallTrace:
        return self.calls[-1]

    def stages(self) -> list[str]:
        return [stage.name for stage in self.last().stages]


@pytest.fixture(params=[True, False], ids=["short way", "SDK way"])
def traced(rules: Rules, request: pytest.FixtureRequest) -> Iterator[Traced]:
    one = Traced(rules, short_way=request.param)
    with one.served:
        yield one
    assert one.store.current <= {""}
    assert CURRENT.call is None
    assert len(one.tracer.requests) == 0


def hex_of(call: CallTrace) -> tuple[str, str]:
    return call.trace_id.hex(), call.parent_id.hex()


OF_A, OF_B = ("aa" * 16, "a1" * 8), ("bb" * 16, "b1" * 8)


async def test_a_call_without_a_context_begins_a_trace(traced: Traced) -> None:
    for _ in range(2):
        await traced.call("get_game_state", {"botId": "ada"})
    one, other = traced.calls
    assert one.parent_id == other.parent_id == b""
    assert one.trace_id != other.trace_id
    assert one.span_id != other.span_id


@pytest.mark.parametrize(
    ("meta", "headers", "expected"),
    [
        ({}, {"traceparent": A}, OF_A),
        ({"traceparent": B}, {}, OF_B),
        ({"traceparent": B}, {"traceparent": A}, OF_B),
        ({"traceparent": "00-broken"}, {"traceparent": A}, OF_A),
        ({"traceparent": 7}, {"traceparent": A}, OF_A),
        ({"traceparent": [B]}, {"traceparent": A}, OF_A),
        ({"traceparent": B}, {"traceparent": "broken"}, OF_B),
        ({"traceparent": B, "tracestate": "a=1", "baggage": "k=v"}, {}, OF_B),
        ({"traceparent": B, "tracestate": 3, "baggage": 4}, {"tracestate": ",=;", "baggage": "="}, OF_B),
        ({"traceparent": B, "tracestate": {"a": []}, "baggage": None}, {}, OF_B),
    ],
)
async def test_the_parent_is_the_callers(
    traced: Traced, meta: dict[str, Any], headers: dict[str, str], expected: tuple[str, str]
) -> None:
    for _ in range(2):  # the second one comes under a verdict that is known
        answer = await traced.call("start_new_game", START, meta, **headers)
        assert answer["result"]["isError"] is False
        assert hex_of(traced.last()) == expected


@pytest.mark.parametrize(
    ("meta", "header", "count"),
    [
        ({"traceparent": A[:-2] + "00"}, None, 0),
        ({}, A[:-2] + "00", 0),
        ({"traceparent": A[:-2] + "00"}, B, 0),  # `_meta` is valid, so it decides
        ({"traceparent": B}, A[:-2] + "00", 1),
    ],
)
async def test_a_caller_that_does_not_sample_is_not_traced(
    traced: Traced, meta: dict[str, Any], header: str | None, count: int
) -> None:
    headers = {} if header is None else {"traceparent": header}
    await traced.call("start_new_game", START, meta, **headers)
    assert len(traced.calls) == count


async def test_the_stages_of_a_turn(traced: Traced) -> None:
    await traced.call("start_new_game", START)
    answer = await traced.call("handle_input", {"botId": "ada", "input": "1"})
    assert answer["result"]["isError"] is False
    assert traced.stages() == ["decode", "admit", "apply", "commit"]
    call = traced.last()
    moments = [call.began]
    for stage in call.stages:
        moments += [stage.began, stage.ended]
    assert [*moments, call.ended] == sorted([*moments, call.ended])
    assert call.stages[-1].batch_rows == 1
    assert (call.method, call.tool, call.fleet, call.bot) == ("tools/call", "handle_input", "local", "ada")
    assert (call.protocol_version, call.error) == ("2026-07-28", "")


async def test_a_game_that_is_not_in_memory_is_loaded(traced: Traced) -> None:
    await traced.call("start_new_game", START)
    traced.served.ask(_forget(traced.served))
    await traced.call("handle_input", {"botId": "ada", "input": "1"})
    assert traced.stages() == ["decode", "admit", "load", "apply", "commit"]
    await traced.call("get_game_state", {"botId": "ada"})
    assert traced.stages() == ["decode", "admit", "load"]


async def _forget(served: Served) -> None:
    game = served.host._games.get("local/ada")
    assert game is not None
    served.host._games.drop(game)


async def test_steps_share_their_batches(traced: Traced) -> None:
    steps = [{"botId": f"b{number}", "start": {"weapon": "mace"}, "episode": 1} for number in range(150)]
    await traced.call("step_many", {"steps": steps})
    call = traced.last()
    assert call.tool == "step_many"
    assert call.bot == ""
    applied = [stage.count for stage in call.stages if stage.name == "apply"]
    commits = [(stage.count, stage.batch_rows) for stage in call.stages if stage.name == "commit"]
    assert sum(applied) == 150
    assert sum(count for count, _ in commits) == 150
    assert all(count == rows for count, rows in commits)
    assert len(call.stages) < 20


async def test_a_turn_beside_others_names_the_size_of_their_batch(rules: Rules) -> None:
    one = Traced(rules, short_way=True, ratio=0)
    with one.served:
        steps = [{"botId": f"b{number}", "start": {}, "episode": 1} for number in range(40)]
        await one.call("step_many", {"steps": steps}, {"traceparent": A})
        assert len(one.calls) == 1
        assert [stage.batch_rows for stage in one.last().stages if stage.name == "commit"] == [40]


@pytest.mark.parametrize(
    ("tool", "arguments", "error", "is_fault"),
    [
        ("handle_input", {"botId": "nobody", "input": "1"}, "unknown_bot", False),
        ("get_game_state", {"botId": "nobody"}, "unknown_bot", False),
        ("handle_input", {"botId": "ada", "input": "Planted-Input"}, "illegal_input", False),
        ("handle_input", {"botId": "ada"}, "bad_argument", False),
        ("Planted-Tool", {"Planted-Argument": "Planted-Value"}, "-32602", False),
    ],
)
async def test_an_error_is_named_by_its_code(
    traced: Traced, tool: str, arguments: dict[str, Any], error: str, is_fault: bool
) -> None:
    await traced.call("start_new_game", START)
    await traced.call(tool, arguments)
    assert (traced.last().error, traced.last().is_fault) == (error, is_fault)


class Broken(MemoryStore):
    async def load(self, bot_ids: Any) -> Any:
        raise RuntimeError("Planted-Failure")


@pytest.mark.parametrize("short_way", [True, False])
async def test_a_failure_of_the_server_is_its_fault(rules: Rules, short_way: bool) -> None:
    one = Traced(rules, short_way=short_way)
    one.served = Served(rules, Broken(), tracer=one.tracer, short_way=short_way)
    with one.served:
        await one.call("get_game_state", {"botId": "ada"})
    assert (one.last().error, one.last().is_fault) == ("-32603", True)


async def test_requests_that_call_no_tool_are_traced(traced: Traced) -> None:
    for method in ("tools/list", "Planted/Method"):
        body = {"jsonrpc": "2.0", "id": "Planted-Id", "method": method, "params": {"_meta": META}}
        headers = call_headers("x") | {"mcp-method": method}
        del headers["mcp-name"]
        await post(traced.served, msgspec.json.encode(body), headers)
        traced.settle()
    assert [(call.method, call.error) for call in traced.calls] == [("tools/list", ""), ("", "-32601")]
    await post(traced.served, b'{"Planted": broken', call_headers("x"))
    traced.settle()
    assert (traced.last().method, traced.last().error) == ("", "-32700")


async def test_no_text_of_a_player_or_client_is_in_a_span(traced: Traced) -> None:
    planted = {"Planted-Member": "Planted-Value", "tracestate": "planted=1", "baggage": "planted=1"}
    headers = {
        "authorization": "Bearer Planted-Token",
        "user-agent": "Planted-Agent",
        "tracestate": "planted",
    }
    await traced.call("start_new_game", START, planted, **headers)
    await traced.call(
        "set_agent_directive", {"botId": "ada", "directive": "Planted-Text"}, planted, **headers
    )
    await traced.call("handle_input", {"botId": "ada", "input": "Planted-Input"}, planted, **headers)
    await traced.call("save_game", {"botId": "ada", "slot": "planted-slot"}, planted, **headers)
    await traced.call("Planted-Tool", {"Planted-Argument": 1}, planted, **headers)
    await traced.call("handle_inputs", {"botId": "ada", "inputs": ["planted 1"]}, planted, **headers)
    await traced.call("step_many", {"steps": [{"botId": "eve", "start": {"name": "Planted"}}]}, planted)
    assert len(traced.calls) == 7
    encoder = SpanEncoder({"service.name": "tests"}, "memory")
    request = encoder.new_request()
    for call in traced.calls:
        encoder.add(request, call, 0.0)
    assert b"planted" not in request.SerializeToString().lower()


@pytest.mark.parametrize("short_way", [True, False])
async def test_each_call_is_decided_about_once(rules: Rules, short_way: bool) -> None:
    one = Traced(rules, short_way=short_way, ratio=1, flagged=0)
    one.sampler.left = 3
    with one.served:
        for number in range(1, 6):
            await one.call("start_new_game", START | {"botId": f"b{number}"})
            one.sampler.left = max(one.sampler.left, 1)
    assert [call.bot for call in one.calls] == ["b3", "b4", "b5"]


async def test_a_trace_ends_when_its_writes_failed(rules: Rules) -> None:
    class Refusing(MemoryStore):
        async def commit(self, batch: Any) -> list[Outcome]:
            raise RuntimeError("planted")

        async def settle(self, bot_ids: Any) -> Any:
            return await self.load(bot_ids)

    one = Traced(rules, short_way=True)
    one.served = Served(rules, Refusing(), tracer=one.tracer, commit_timeout_seconds=0.3)
    with one.served:
        await one.call("start_new_game", START)
    assert one.last().error in {"store_unavailable", "outcome_unknown"}
    assert one.last().is_fault
    assert len(one.tracer.requests) == 0
