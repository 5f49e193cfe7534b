"""The short way answers as the protocol library does: tests send the same requests both ways and compare.

Answers are the same if status, significant headers and JSON are equal; texts of JSON-RPC errors may differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Head, Outcome, Row, Write
from dungeonfighter.mcp import schemas
from dungeonfighter.mcp.tool import registered
from dungeonfighter.rules import Rules
from dungeonfighter.storage.memory import MemoryStore
from tests.protocol.both_ways import ERAS, BothWays, Way, ask
from tests.protocol.served import VERSION, brief
from tests.rows import follow_up

BOT = "ada"
START = {"seed": 11, "weapon": "sword", "name": "Ada"}


@pytest.fixture(autouse=True)
def same_stores(both: BothWays) -> Iterator[None]:
    yield
    assert both.stores_agree()


# What a good client sends

GOOD: list[tuple[str, dict[str, object]]] = [
    ("start_new_game", START),
    ("start_new_game", START | {"view": "json", "mode": "casual"}),
    ("start_new_game", START | {"name": None, "mode": None, "view": None, "episode": 3}),
    ("get_game_state", {}),
    ("get_game_state", {"view": "json"}),
    ("get_game_state", {"view": "text"}),
    ("get_available_actions", {}),
    ("get_player_stats", {}),
    ("get_current_dungeon", {}),
    ("get_inventory", {}),
    ("get_available_dungeons", {}),
    ("get_agent_context", {}),
    ("get_agent_context", {"recentEventCount": 50}),
    ("get_recent_output", {"count": 3}),
    ("handle_input", {"input": "1"}),
    ("handle_input", {"input": "1", "turn": 1, "view": "json"}),
    ("handle_input", {"input": " 1 ", "turn": 2, "episode": 3, "view": "text"}),
    ("handle_input", {"input": "1", "turn": 2, "episode": 3}),
    ("handle_input", {"input": "1", "turn": None, "episode": None, "view": None}),
    ("handle_input", {"input": "stand on my head \u00e9 \U0001f409"}),
    ("handle_input", {"input": ""}),
    ("handle_input", {"input": "x" * 500}),
    ("handle_input", {"input": "2", "turn": 1}),
    ("handle_input", {"input": "2", "turn": 400}),
    ("handle_input", {"input": "2", "turn": 10**30, "episode": 10**40}),
    ("handle_input", {"input": "1", "episode": 1}),
    ("get_combat_state", {}),
    ("get_recent_output", {}),
    ("compare_items", {"a": 1}),
    ("compare_items", {"a": 1, "b": 2}),
    ("select_dungeon", {"dungeonIndex": 99}),
    ("equip_item", {"item": 20, "turn": 0}),
    ("unequip_item", {"slot": "weapon"}),
    ("set_combo_strip", {"actions": [0, 0]}),
    ("set_combo_strip", {"actions": [10**20] * 8}),
    ("save_game", {}),
    ("save_game", {"slot": "a-1"}),
    ("set_agent_directive", {"directive": "go on;\n\u00e9"}),
    ("list_bots", {}),
    ("list_bots", {"after": "hero", "count": 1}),
    ("list_bots", {"after": "no such id!"}),
    ("load_game", {"slot": "a-1"}),
    ("load_game", {"slot": "none"}),
    ("delete_save", {"slot": "a-1"}),
    ("delete_save", {"slot": "a-1"}),
    ("reset_game", {}),
    ("handle_input", {"input": "1", "turn": 0}),
    ("start_new_game", {"mode": "daily", "seed": 4}),
    ("start_new_game", {"mode": "daily"}),
    ("start_new_game", {"name": " a"}),
    ("start_new_game", {"mode": "ironman", "weapon": "wand"}),
    ("save_game", {"slot": "iron"}),
    ("load_game", {"slot": "iron"}),
    ("handle_inputs", {"inputs": ["1", " 1 ", "1"]}),
    ("handle_inputs", {"inputs": ["1"] * 100, "view": "json"}),
    ("handle_inputs", {"inputs": ["1", "fly", "1"], "view": "text", "turn": None, "episode": None}),
    ("handle_inputs", {"inputs": ["1", "2"], "turn": 0}),
    ("handle_inputs", {"inputs": ["1", "2"], "turn": 10**30, "episode": 6}),
    ("handle_inputs", {"inputs": ["fly"]}),
    ("handle_inputs", {"inputs": ["1", "stand on my head \u00e9"]}),
    ("get_replay", {}),
    ("get_replay", {"episode": 1}),
    ("get_replay", {"episode": 10**30}),
    ("fork_game", {"newBotIds": ["fork-1", "fork-2"]}),
    ("fork_game", {"newBotIds": ["fork-1", "fork-3"], "exact": None}),
    ("fork_game", {"newBotIds": ["fork-4"], "episode": 1, "turn": 0, "exact": True}),
    ("fork_game", {"newBotIds": ["fork-5", "fork-5"]}),
    ("fork_game", {"newBotIds": ["no such id!"]}),
    ("fork_game", {"newBotIds": ["fork-6"], "turn": 10**30}),
    ("get_leaderboard", {}),
    ("get_leaderboard", {"mode": "daily", "scope": "deployment", "count": 100, "last": 2}),
    ("get_leaderboard", {"mode": "daily", "day": "2026-13-01"}),
    ("get_leaderboard", {"day": "2026-01-01", "rules": "no such rules"}),
]


UNNUMBERED: list[tuple[str, dict[str, object]]] = [
    ("start_new_game", {}),
    ("start_new_game", {"episode": 1}),
    ("handle_input", {"input": "1"}),
    ("handle_input", {"input": "1", "turn": 0}),
    ("handle_input", {"input": "1", "episode": 1}),
    ("handle_input", {"input": "1", "turn": 0, "episode": 1}),
    ("handle_inputs", {"inputs": ["1"], "turn": 1}),
    ("equip_item", {"item": 1, "turn": 1}),
    ("reset_game", {}),
    ("load_game", {}),
    ("get_game_state", {}),
    ("get_replay", {}),
    ("fork_game", {"newBotIds": ["fork-7"]}),
]


@pytest.mark.parametrize("bound", [True, False])
def test_an_address_with_turns_required_refuses_the_same_calls(both: BothWays, *, bound: bool) -> None:
    bot = f"numbered-{bound:d}"
    for tool, arguments in UNNUMBERED:
        named = arguments if bound else {"botId": bot, **arguments}
        both.agree(ask(tool, named, bot=bot if bound else None, query=b"turns=required"))
    rows = [{"botId": bot, "input": "1", "turn": 1}, {"botId": f"{bot}-b", "start": {}}]
    both.agree(ask("step_many", {"steps": rows}, query=b"turns=required"))


def test_every_tool_is_called() -> None:
    assert {tool for tool, _ in GOOD} | {"step_many"} == set(schemas.DESCRIPTIONS)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("query", [b"", b"toolset=core"])
@pytest.mark.parametrize("bound", [True, False])
def test_good_requests_are_answered_the_short_way(
    both: BothWays, era: str | None, query: bytes, *, bound: bool
) -> None:
    bot = f"good-{era}-{len(query)}-{bound:d}"
    for number, (tool, arguments) in enumerate(GOOD):
        if bound and registered[tool].unbound_only:
            continue
        named = arguments if bound or tool in {"list_bots", "get_leaderboard"} else arguments | {"botId": bot}
        request_id = (number, f"id {number} \u00e9", -number, "", 2**53)[number % 5]
        reply, took = both.agree(
            ask(tool, named, era=era, bot=bot if bound else None, query=query, request_id=request_id)
        )
        assert took, (tool, arguments)
        assert reply.status == 200
        assert reply.body["id"] == request_id
        assert ("_meta" in reply.body["result"]) == (era == VERSION)


def steps_of(bot: str) -> list[dict[str, object]]:
    """Return steps of every kind: good, repeated, refused, malformed."""
    good: list[dict[str, object]] = [
        {"botId": f"{bot}{number}", "start": START | {"seed": number}, "episode": 1} for number in range(4)
    ]
    return [
        *good,
        {"botId": f"{bot}4", "start": {}},
        {"botId": "hero", "input": "1"},
        {"botId": "ada", "input": " 1 ", "turn": None, "start": None},
        {"botId": "ada", "input": "1"},
        {"botId": f"{bot}5", "input": "1"},
        {"botId": "b-1.x_Y", "input": "1", "turn": 10**30},
        {"botId": f"{bot}6", "start": {"name": " a"}},
        {"botId": f"{bot}7", "start": {"x": 1}},
        {"botId": f"{bot}8", "start": {"mode": "daily", "seed": 1}},
        {"botId": "-", "input": "1"},
        {"botId": f"{bot}9", "input": 1},
        {"botId": f"{bot}9", "input": "1", "x": {"y": [1.5, None, True]}},
        {"input": "1"},
        {},
    ]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("view", ["text", "json", "none", None])
def test_steps_of_many_bots_are_taken_the_short_way(both: BothWays, era: str | None, view: str) -> None:
    bot = f"many-{era}-{view}-"
    steps: list[object] = [*steps_of(bot), "a string", None, 1, [1], {"botId": 5}]
    for number in range(3):
        reply, took = both.agree(ask("step_many", {"steps": steps, "view": view}, era=era, request_id=number))
        assert took
        assert reply.status == 200
        results = reply.body["result"]["structuredContent"]["results"]
        assert len(results) == len(steps)
        assert [result.get("code", "") for result in results][:6] == [""] * 6
    refused: list[dict[str, object]]
    refused = [{}, {"steps": []}, {"steps": 5}, {"steps": steps[:1], "view": "x"}, {"steps": steps * 50}]
    for wrong in refused:
        both.agree(ask("step_many", wrong, era=era))


@pytest.mark.parametrize("era", ERAS)
def test_five_hundred_steps_are_taken_the_short_way(both: BothWays, era: str | None) -> None:
    starts = [{"botId": f"b-{era}-{number}", "start": {"seed": number}} for number in range(500)]
    assert both.agree(ask("step_many", {"steps": starts}, era=era))[1]
    inputs = [{"botId": f"b-{era}-{number}", "input": "1", "turn": 0} for number in range(500)]
    for _ in range(2):
        reply, took = both.agree(ask("step_many", {"steps": inputs}, era=era))
        assert took
        assert reply.body["result"]["content"][0]["text"].startswith("500 steps: 500 ok; ")


@pytest.mark.parametrize("era", ERAS)
def test_steps_of_many_bots_have_no_place_at_one_bots_address(both: BothWays, era: str | None) -> None:
    reply, took = both.agree(ask("step_many", {"steps": [{"botId": BOT, "input": "1"}]}, era=era, bot=BOT))
    assert not took
    assert brief(reply.body["result"]["structuredContent"]) == {"code": "bad_argument"}
    assert "/mcp" in reply.body["result"]["content"][0]["text"]


@pytest.mark.parametrize("era", ERAS)
def test_the_handler_of_a_head_takes_further_requests_under_it(both: BothWays, era: str | None) -> None:
    before = both.short.taken_under_known_heads
    for number in range(4):
        named = {"input": "1", "botId": BOT}
        assert both.agree(ask("handle_input", named, era=era, request_id=number))[1]
    assert both.short.taken_under_known_heads >= before + 3


@pytest.mark.parametrize("era", ERAS)
def test_the_bot_of_a_call_is_the_same_on_both_ways(both: BothWays, era: str | None) -> None:
    for bot in ("hero", BOT, "b-1.x_Y", "nobody", "A" * limits.bot_id_chars_max):
        for request in (
            ask("get_game_state", {"botId": bot}, era=era),
            ask("get_game_state", bot=bot, era=era),
            ask("get_game_state", {}, bot=bot, era=era),
        ):
            assert both.agree(request)[1]
    assert both.agree(ask("get_game_state", era=era))[1]
    assert both.agree(ask("get_game_state", {"botId": None}, era=era))[1]


# Load and failure


class Held(MemoryStore):
    """A store that loads only after its gate is open."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.gate = asyncio.Event()

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        await self.gate.wait()
        return await super().load(bot_ids)


def test_a_full_queue_is_answered_the_same_on_both_ways(rules: Rules) -> None:
    with BothWays(rules, Held) as ways:

        def release(way: Way) -> None:
            assert isinstance(way.store, Held)
            way.store.gate.set()

        requests = [ask("handle_input", {"input": "1"})] * (limits.waiting_per_bot_max + 2)
        short, long = ways.at_once(requests, release)
        assert short == long
        assert short[0].status == 503
        assert short[0].body["error"]["data"]["code"] == "overloaded"
        assert {reply.status for reply in short[1:]} == {200}


@pytest.mark.parametrize("era", ERAS)
def test_a_draining_host_answers_the_same_on_both_ways(rules: Rules, era: str | None) -> None:
    with BothWays(rules) as ways:
        ways.agree(ask("start_new_game", START))
        ways.on_both(lambda way: way.host.close())
        for tool, arguments in (("handle_input", {"input": "1"}), ("reset_game", {}), ("get_game_state", {})):
            reply, took = ways.agree(ask(tool, arguments, era=era))
            assert took
            assert reply.status == (200 if tool == "get_game_state" else 503)


class Troubled(MemoryStore):
    """A store that raises `trouble`, if it has one."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.trouble: Exception | None = None

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self._fail()
        return await super().commit(batch)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        self._fail()
        return await super().heads(bot_ids)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        self._fail()
        return await super().load(bot_ids)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("trouble", "statuses"), [(StoreUnavailable("away"), {200}), (RuntimeError("a bug"), {500})]
)
def test_a_failing_store_is_answered_the_same_on_both_ways(
    rules: Rules, era: str | None, trouble: Exception, statuses: set[int]
) -> None:
    async def fail(way: Way) -> None:
        assert isinstance(way.store, Troubled)
        way.store.trouble = trouble

    with BothWays(rules, Troubled, may_break=True) as ways:
        ways.agree(ask("start_new_game", START))
        ways.on_both(fail)
        reply = [ways.agree(ask("get_game_state", {}, era=era)) for _ in range(2)]
        assert {each.status for each, _ in reply} == statuses
        assert all(took for _, took in reply)


@pytest.mark.parametrize("rules_name", ["0:unknown", ""])
def test_unplayable_rows_are_answered_the_same_on_both_ways(rules: Rules, rules_name: str) -> None:
    with BothWays(rules) as ways:
        ways.agree(ask("start_new_game", START))

        async def spoil(way: Way) -> None:
            (row,) = await way.store.load(["local/hero"])
            assert row is not None
            absent = msgspec.structs.replace(row, bot_id="local/ill", version=0)
            changes = {"rules": rules_name} if rules_name else {"state": b"\x00"}
            write = follow_up(absent, **changes)
            await way.store.commit([msgspec.structs.replace(write, from_digest=b"", from_tail=b"")])

        ways.on_both(spoil)
        for tool, arguments in (("handle_input", {"input": "1"}), ("get_game_state", {})):
            for era in ERAS:
                reply, took = ways.agree(ask(tool, arguments, era=era, bot="ill"))
                assert took
                assert reply.status == (503 if rules_name else 200)
