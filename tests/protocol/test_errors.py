"""Each error code as an answer over real HTTP, and the state of the store after it.

Stale and future turns are in test_retries, bad arguments, illegal inputs and unknown bots in test_arguments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from dungeonfighter import limits
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Outcome, Row, Won, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp.answers import BROKEN
from dungeonfighter.rules import Mode, Rules
from dungeonfighter.storage.memory import MemoryStore
from tests.protocol.served import Served, brief, call_body, call_headers, post, text_of
from tests.rows import follow_up


class TroubledStore(MemoryStore):
    """A memory store that a test can delay, disconnect, or make lose a race."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False
        self.rival: Callable[[], Awaitable[object]] | None = None
        self.gate: asyncio.Event | None = None

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        if self.gate is not None:
            await self.gate.wait()
        if self.lost:
            raise StoreUnavailable("the database at 10.0.0.7 does not answer")
        if self.rival is not None:
            rival, self.rival = self.rival, None
            await rival()
        return await super().commit(batch)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        if self.lost:
            raise StoreUnavailable("the database at 10.0.0.7 does not answer")
        return await super().load(bot_ids)


class Troubled(Served):
    store: TroubledStore


@pytest.fixture(scope="module")
def troubled(rules: Rules) -> Iterator[Troubled]:
    server = Troubled(rules, TroubledStore(), commit_timeout_seconds=0.3)
    with server:
        yield server


def begin(served: Served, bot: str, **options: Any) -> None:
    served.ask(served.host.start(f"local/{bot}", NewGame(**({"seed": 4, "weapon": 0} | options))))


async def call(served: Served, bot: str, tool: str, mode: str = "auto", **arguments: Any) -> CallToolResult:
    async with Client(f"{served.origin}/bots/{bot}/mcp", mode=mode) as client:
        return await client.call_tool(tool, arguments)


def reply(result: CallToolResult, code: str) -> str:
    text = text_of(result)
    assert result.is_error, text
    assert result.structured_content["code"] == code
    assert text.startswith(f"error {code}: ")
    assert "Traceback" not in text
    return text


MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@MODES
async def test_run_over_shows_how_it_ended(served: Served, mode: str) -> None:
    bot = f"over-{mode}"
    begin(served, bot, mode=int(Mode.ironman))

    async def to_the_end() -> None:
        policy = make_policy("attack")
        game = await served.host.read(f"local/{bot}")
        while not game.state.over:
            text = choose(game.rules, policy, game.state)
            game = (await served.host.play(f"local/{bot}", text)).game

    served.ask(to_the_end())
    before = served.row(bot)
    text = reply(await call(served, bot, "handle_input", mode, input="1"), "run_over")
    assert text.count("start_new_game") == 1
    unsaved = reply(await call(served, bot, "save_game", mode), "run_over")
    assert unsaved.count("start_new_game") == 1
    shown = await call(served, bot, "get_game_state", mode, view="json")
    assert shown.structured_content["isOver"] is True
    assert text.endswith(text_of(shown))
    assert shown.structured_content["availableActions"] == []
    assert served.row(bot) == before
    assert not (await call(served, bot, "start_new_game", mode)).is_error


@MODES
async def test_the_answer_to_an_unknown_save_lists_the_saves(served: Served, mode: str) -> None:
    bot = f"saves-{mode}"
    begin(served, bot)
    before = served.row(bot)
    reply(await call(served, bot, "load_game", mode, slot="gone"), "unknown_save")
    reply(await call(served, bot, "delete_save", mode, slot="gone"), "unknown_save")
    assert not (await call(served, bot, "save_game", mode, slot="kept")).is_error
    assert "kept" in reply(await call(served, bot, "load_game", mode, slot="gone"), "unknown_save")
    assert served.row(bot) == before


async def test_ironman_runs_are_not_loaded(served: Served) -> None:
    begin(served, "iron", mode=int(Mode.ironman))
    await call(served, "iron", "save_game")
    before = served.row("iron")
    text = reply(await call(served, "iron", "load_game"), "not_allowed")
    assert "e1 t0" in text
    assert served.row("iron") == before


async def test_save_slots_are_counted(served: Served) -> None:
    begin(served, "full")
    for number in range(limits.save_slots_max):
        assert not (await call(served, "full", "save_game", slot=f"s{number}")).is_error
    assert "delete_save" in reply(await call(served, "full", "save_game", slot="more"), "quota_exceeded")
    assert not (await call(served, "full", "save_game", slot="s0")).is_error
    assert not (await call(served, "full", "delete_save", slot="s0")).is_error
    assert not (await call(served, "full", "save_game", slot="more")).is_error


@MODES
async def test_a_start_that_loses_a_race_is_a_conflict(troubled: Troubled, rules: Rules, mode: str) -> None:
    bot = f"race-{mode}"
    begin(troubled, bot)
    other = BotHost(
        store=troubled.store, rules=ShippedRules([rules]), clock=SystemClock(), chance=SystemChance()
    )
    troubled.store.rival = lambda: other.play(f"local/{bot}", "1")
    result = await call(troubled, bot, "start_new_game", mode, seed=9)
    text = reply(result, "conflict")
    assert brief(result.structured_content) == {"code": "conflict", "episode": 1, "turn": 1}
    assert text.endswith(rules.text(troubled.present(bot).state, "e1 t1"))


async def test_an_input_that_loses_a_race_is_applied_after_it(troubled: Troubled, rules: Rules) -> None:
    begin(troubled, "merge")
    other = BotHost(
        store=troubled.store, rules=ShippedRules([rules]), clock=SystemClock(), chance=SystemChance()
    )
    troubled.store.rival = lambda: other.play("local/merge", "1")
    assert not (await call(troubled, "merge", "handle_input", input="1")).is_error
    assert troubled.present("merge").turn == 2


@MODES
async def test_a_lost_store_is_reported_and_no_input_is_applied(troubled: Troubled, mode: str) -> None:
    bot = f"lost-{mode}"
    begin(troubled, bot)
    before = troubled.row(bot)
    troubled.store.lost = True
    try:
        text = reply(await call(troubled, f"new-{bot}", "handle_input", mode, input="1"), "store_unavailable")
        assert "10.0.0.7" not in text
        ready = await post(troubled, b"", {}, "/readyz", "GET")
        assert (ready.status_code, ready.json()["store"]) == (200, "unreachable")
        reply(await call(troubled, bot, "handle_input", mode, input="1", turn=0), "outcome_unknown")
    finally:
        troubled.store.lost = False
    assert troubled.row(bot) == before
    assert not (await call(troubled, bot, "handle_input", mode, input="1", turn=0)).is_error
    assert (await post(troubled, b"", {}, "/readyz", "GET")).json()["store"] == "up"
    assert troubled.present(bot).turn == 1


async def tamper(served: Served, bot: str, **changes: Any) -> Row:
    """Write a row that no host would write; return the row before."""
    (row,) = await served.store.load([f"local/{bot}"])
    assert row is not None
    assert await served.store.commit([follow_up(row, **changes)]) == [Won()]
    return row


@MODES
async def test_a_corrupt_game_stops_alone(served: Served, mode: str) -> None:
    bot = f"corrupt-{mode}"
    begin(served, bot)
    row = served.row(bot)
    assert row is not None
    served.ask(tamper(served, bot, state=row.state[:-1] + bytes([row.state[-1] ^ 1])))
    before = served.row(bot)
    for tool, arguments in [("get_game_state", {}), ("handle_input", {"input": "1"})]:
        reply(await call(served, bot, tool, mode, **arguments), "corrupt_state")
    assert served.row(bot) == before
    begin(served, f"fine-{mode}")
    assert not (await call(served, f"fine-{mode}", "handle_input", mode, input="1")).is_error


@MODES
async def test_newer_rules_are_left_to_another_server(served: Served, mode: str) -> None:
    bot = f"newer-{mode}"
    begin(served, bot)
    served.ask(tamper(served, bot, rules="9-ffffffff"))
    before = served.row(bot)
    async with Client(f"{served.origin}/bots/{bot}/mcp", mode=mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("handle_input", {"input": "1"})
    assert caught.value.code == -32000
    assert brief(caught.value.data) == {"code": "newer_rules", "retryAfterSeconds": 3}
    answer = await post(
        served, call_body("get_game_state"), call_headers("get_game_state"), f"/bots/{bot}/mcp"
    )
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert served.row(bot) == before


async def test_too_many_calls_for_one_bot_are_refused_and_the_rest_applied(troubled: Troubled) -> None:
    begin(troubled, "busy")
    calls = limits.waiting_per_bot_max + 8
    troubled.store.gate = asyncio.Event()
    body, headers = call_body("handle_input", {"input": "1"}), call_headers("handle_input")
    pending = [asyncio.create_task(post(troubled, body, headers, "/bots/busy/mcp")) for _ in range(calls)]
    refused = []
    for first in asyncio.as_completed(pending):  # refusals come while the store waits
        refused.append(await first)
        if len(refused) == 7:
            break
    gate, troubled.store.gate = troubled.store.gate, None

    async def open_gate() -> None:
        gate.set()

    troubled.ask(open_gate())
    answers = await asyncio.gather(*pending)
    assert sorted(answer.status_code for answer in answers) == [200] * (calls - 7) + [503] * 7
    for answer in refused:
        error = answer.json()["error"]
        assert answer.json()["id"] == 7
        assert error["code"] == -32000
        assert brief(error["data"]) == {"code": "overloaded", "retryAfterSeconds": 1}
        assert error["message"].count("try again in 1 s") == 1
        assert answer.headers["retry-after"] == "1"
    assert troubled.present("busy").turn == calls - 7


async def test_a_draining_server_says_so(rules: Rules) -> None:
    with Served(rules) as served:
        begin(served, "last")
        served.ask(served.host.close())
        answer = await post(
            served, call_body("handle_input", {"input": "1"}), call_headers("handle_input"), "/bots/last/mcp"
        )
        assert answer.status_code == 503
        assert answer.json()["error"]["data"]["code"] == "draining"
        assert served.row("last").turn == 0  # type: ignore[union-attr]


@MODES
async def test_an_internal_error_shows_no_details(
    served: Served, mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret: /etc/passwd select * from games")

    monkeypatch.setattr(served.host, "read", broken)
    for path in ("/mcp", "/bots/hero/mcp"):
        headers = call_headers("get_game_state") if mode == "auto" else None
        answer = await post(served, call_body("get_game_state"), headers, path)
        assert answer.status_code == 500
        assert answer.json() == {
            "jsonrpc": "2.0",
            "id": 7,
            "error": {"code": -32603, "message": BROKEN},
        }
    assert "secret" in caplog.text
