"""No entry point serves a caller that the admission refuses: each tool, resource and prompt, way and era.

The lists of entry points come from the registry and from the server's own listings, so a new tool is tested
as soon as it exists.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import anyio
import msgspec
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams

from dungeonfighter.access.principals import LOCAL, SCOPES, Principal
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp import board_tools, stdio, texts, views
from dungeonfighter.mcp.sdk import Handlers
from dungeonfighter.mcp.tool import registered
from dungeonfighter.rules import Rules
from dungeonfighter.serving import known_heads
from tests.doors import NOT_ALLOWED, TOO_MANY, CountedStore, Doorkeeper
from tests.protocol.both_ways import ERAS, Ask, BothWays, Way, WireAnswer, ask
from tests.protocol.served import META, VERSION, brief
from tests.protocol.test_both_ways import GOOD

STEPS: list[dict[str, object]] = [{"botId": "a1", "input": "1"}, {"botId": "b1", "start": {}}]
GOOD_CALLS: dict[str, dict[str, object]] = {**dict(reversed(GOOD)), "step_many": {"steps": STEPS}}
"""One good call of each tool."""
_OWN_TURNS = {"fork_game": 2, "handle_inputs": 3, "start_new_game": 1, "load_game": 1, "reset_game": 1}
TURNS = {name: _OWN_TURNS.get(name, int(tool.ask is not None)) for name, tool in registered.items()}
"""The turns charged for each good call; `step_many` is charged for each step."""
OTHER_BOTS = {
    "step_many": [("local", "fleet", step["botId"], 1) for step in STEPS],
    "fork_game": [("local", "fleet", bot, 0) for bot in ("fork-1", "fork-2")],
}
"""What is admitted besides the call itself: each bot that it names in its arguments, and its turns."""
URIS = (texts.RULES_URI, views.VIEW_SCHEMA_URI, board_tools.RUN_KEYS_URI)


@pytest.fixture(scope="module")
def ways(rules: Rules) -> Iterator[BothWays]:
    with BothWays(rules, CountedStore, admissions=Doorkeeper) as both:
        for bot in ("hero", "a1", "b1"):
            assert both.agree(ask("start_new_game", {"seed": 5, "weapon": "mace", "botId": bot}))[1]
        yield both


@pytest.fixture(autouse=True)
def open_doors(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "ways" in request.fixturenames:
        both: BothWays = request.getfixturevalue("ways")
        for keeper in keepers(both):
            keeper.refusal = None
            keeper.callers = {None: LOCAL}


def keepers(both: BothWays) -> list[Doorkeeper]:
    found: list[Doorkeeper] = [way.admission for way in (both.short, both.long)]  # type: ignore[misc]
    return found


def close_doors(both: BothWays, refusal: Exception) -> None:
    for keeper in keepers(both):
        keeper.refusal = refusal
        keeper.refused = 0
    for way in (both.short, both.long):
        calls_of(way).clear()


def calls_of(way: Way) -> list[str]:
    assert isinstance(way.store, CountedStore)
    return way.store.calls


def assert_refused(both: BothWays, reply: WireAnswer) -> None:
    """Assert that the answer is only a refusal, and that no store was called."""
    for way, keeper in zip((both.short, both.long), keepers(both), strict=True):
        assert keeper.refused == 1
        keeper.refused = 0
        assert not calls_of(way)
    if keepers(both)[0].refusal is TOO_MANY:
        assert reply.status == 429
        assert (b"retry-after", b"7") in reply.headers
        assert brief(reply.body["error"]["data"]) == {"code": "rate_limited", "retryAfterSeconds": 7}
    elif "error" in reply.body:
        assert reply.body["error"]["data"] == {"code": "not_allowed", "message": str(NOT_ALLOWED)}
    else:
        result = reply.body["result"]
        assert result["isError"]
        assert brief(result["structuredContent"]) == {"code": "not_allowed"}
        (block,) = result["content"]
        assert block["text"] == f"error not_allowed: {NOT_ALLOWED}"


def rpc(method: str, params: dict[str, Any], era: str | None) -> Ask:
    """Return a request of another method than `tools/call`."""
    good = ask("none", era=era)
    if era == VERSION:
        good = good.with_header("mcp-method", method.encode()).without("mcp-name")
        if name := params.get("uri", params.get("name")):
            good = good.with_header("mcp-name", name.encode())
        params = params | {"_meta": META}
    message = {"jsonrpc": "2.0", "id": 3, "method": method, "params": params}
    return good.with_body(msgspec.json.encode(message))


def test_each_tool_has_a_good_call() -> None:
    assert set(GOOD_CALLS) == set(registered) == set(TURNS)


def test_each_handler_of_the_server_is_known() -> None:
    """The listings show nothing of a game; other tests cover the other handlers."""
    handlers = {name for name, _ in inspect.getmembers(Handlers, inspect.isfunction) if name[0] != "_"}
    listings = {"list_tools", "list_resources", "list_templates", "list_prompts"}
    assert handlers == listings | {"call_tool", "read_resource", "get_prompt"}


@pytest.mark.parametrize("refusal", [NOT_ALLOWED, TOO_MANY], ids=["not allowed", "too many"])
@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("era", ERAS)
def test_no_tool_lets_a_refused_caller_in(
    ways: BothWays, era: str | None, refusal: Exception, *, bound: bool
) -> None:
    close_doors(ways, refusal)
    for name, arguments in GOOD_CALLS.items():
        if bound and registered[name].unbound_only:
            continue
        reply, took = ways.agree(ask(name, arguments, era=era, bot="a1" if bound else None))
        assert took
        assert_refused(ways, reply)


@pytest.mark.parametrize("era", ERAS)
def test_each_tool_costs_its_turns(ways: BothWays, era: str | None) -> None:
    for name, arguments in GOOD_CALLS.items():
        before = [len(keeper.admitted) for keeper in keepers(ways)]
        ways.agree(ask(name, arguments, era=era))
        for keeper, count in zip(keepers(ways), before, strict=True):
            asked, *steps = keeper.admitted[count:]
            tool = registered[name]
            scope, bot = tool.scope, "hero" if tool.takes_bot else None
            assert asked == ("local", scope, bot, TURNS[name])
            assert steps == OTHER_BOTS.get(name, [])


@pytest.mark.parametrize("era", ERAS)
def test_each_step_is_admitted_by_itself(ways: BothWays, era: str | None) -> None:
    for keeper in keepers(ways):
        keeper.callers[b"Bearer a"] = Principal("local", bots="a*")
    steps: list[dict[str, object]]
    steps = [{"botId": bot, "input": "1"} for bot in ("a1", "b1", "a2", "hero", "a3")]
    steps += [{"botId": "b2", "start": {}}, {"botId": "a4", "start": {"seed": 1}}]
    malformed: list[dict[str, object]] = [{"botId": "a5"}, {"botId": "b5", "input": 5}, {}]
    for extra in ([], malformed):
        asked = ask("step_many", {"steps": [*steps, *extra]}, era=era)
        for way in (ways.short, ways.long):
            calls_of(way).clear()
        reply, took = ways.agree(asked.with_header("authorization", b"Bearer a"))
        assert took
        results = reply.body["result"]["structuredContent"]["results"]
        codes = {result["botId"]: result.get("code") for result in results[: len(steps)]}
        assert codes == {
            "a1": None, "b1": "not_allowed", "a2": "unknown_bot", "hero": "not_allowed", "a3": "unknown_bot",
            "b2": "not_allowed", "a4": None,
        }  # fmt: skip
        assert all(
            set(result) <= {"botId", "code", "message", "text"} for result in results if result.get("code")
        )


@pytest.mark.parametrize("refusal", [NOT_ALLOWED, TOO_MANY], ids=["not allowed", "too many"])
@pytest.mark.parametrize("era", ERAS)
def test_no_text_is_read_by_a_refused_caller(ways: BothWays, era: str | None, refusal: Exception) -> None:
    listed = ways.agree(rpc("resources/list", {}, era))[0].body["result"]["resources"]
    prompts = ways.agree(rpc("prompts/list", {}, era))[0].body["result"]["prompts"]
    assert {one["uri"] for one in listed} == set(URIS)
    requests = [rpc("resources/read", {"uri": one["uri"]}, era) for one in listed]
    requests += [rpc("prompts/get", {"name": one["name"]}, era) for one in prompts]
    for request in requests:
        assert "result" in ways.agree(request)[0].body
        close_doors(ways, refusal)
        assert_refused(ways, ways.agree(request)[0])
        for keeper in keepers(ways):
            keeper.refusal = None


# Heads that are known


@pytest.mark.parametrize("era", ERAS)
def test_a_caller_that_becomes_refused_is_refused_under_its_known_head(
    ways: BothWays, era: str | None
) -> None:
    request = ask("handle_input", {"input": "1", "botId": "a1"}, era=era)
    ways.agree(request)
    before = ways.short.taken_under_known_heads
    assert ways.agree(request)[0].status == 200
    assert ways.short.taken_under_known_heads == before + 1
    close_doors(ways, NOT_ALLOWED)
    assert_refused(ways, ways.agree(request)[0])
    assert ways.short.taken_under_known_heads == before + 2


def test_another_authorization_is_another_head() -> None:
    head = b"POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %b\r\ncontent-length: 2\r\n\r\n"
    learned = known_heads.learn(head % b"one" + b"{}", b"{}")
    assert learned is not None
    assert learned.read(head % b"one" + b"[]") == (b"[]", None)
    assert learned.read(head % b"two" + b"[]") is None
    assert learned.read((head % b"one").replace(b"authorization: Bearer one\r\n", b"") + b"[]") is None


@pytest.mark.parametrize("era", ERAS)
def test_each_authorization_means_its_own_principal(ways: BothWays, era: str | None) -> None:
    for keeper in keepers(ways):
        keeper.callers |= {b"Bearer red": Principal("red"), b"Bearer blue": Principal("blue")}
    start = ask("start_new_game", {"seed": 1, "weapon": "mace"}, era=era)
    state = ask("handle_input", {"input": "1"}, era=era)
    for name in (b"Bearer red", b"Bearer blue"):
        assert ways.agree(start.with_header("authorization", name))[1]
    for _ in range(3):
        for name in (b"Bearer red", b"Bearer blue"):
            assert ways.agree(state.with_header("authorization", name))[1]
    for fleet in ("red", "blue"):
        (row,) = ways.run(ways.short.store.load([f"{fleet}/hero"]))
        assert row is not None
        assert row.turn == 3
    assert ways.stores_agree()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("values", [(b"Bearer none",), (b"",), (b"Bearer a", b"Bearer a")])
def test_unknown_credentials_are_answered_401(
    ways: BothWays, era: str | None, values: tuple[bytes, ...]
) -> None:
    for keeper in keepers(ways):
        keeper.callers[b"Bearer a"] = LOCAL
    good = ask("get_game_state", {}, era=era)
    for request in (good, rpc("tools/list", {}, era), rpc("resources/read", {"uri": URIS[0]}, era)):
        reply, took = ways.agree(request.with_header("authorization", *values))
        assert not took
        assert reply.status == 401
        assert (b"www-authenticate", b"Bearer") in reply.headers
        assert reply.body["error"]["code"] == -32000
        assert reply.body["error"]["data"] == {
            "code": "not_allowed", "message": "these credentials are unknown",
        }  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
def test_a_listing_shows_the_bots_that_the_caller_covers(ways: BothWays, era: str | None) -> None:
    for keeper in keepers(ways):
        keeper.callers |= {b"Bearer a": Principal("local", bots="a*"), b"Bearer b": Principal("other")}
    for value, shown in ((b"Bearer a", "a"), (b"Bearer b", "")):
        reply, _ = ways.agree(ask("list_bots", {}, era=era).with_header("authorization", value))
        bots = [bot["botId"] for bot in reply.body["result"]["structuredContent"]["bots"]]
        assert {bot[0] for bot in bots} == set(shown)


# stdio


@pytest.mark.parametrize("mode", ["legacy", VERSION])
@pytest.mark.parametrize("bound", [True, False])
async def test_no_door_lets_a_refused_caller_in_over_stdio(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, mode: str, *, bound: bool
) -> None:
    store = CountedStore()
    host = BotHost(
        store=store, rules=ShippedRules([rules]), clock=SystemClock(), chance=SystemChance(),
    )  # fmt: skip
    keeper = Doorkeeper()
    keeper.refusal = NOT_ALLOWED
    store.calls.clear()
    async with create_client_server_memory_streams() as (near, far), anyio.create_task_group() as group:
        monkeypatch.setattr(stdio, "stdio_server", lambda *_: _Streams(far))
        group.start_soon(stdio.serve_stdio, host, keeper, "fleet", "a1" if bound else None)
        async with Client(_Streams(near), mode=mode) as client:
            for name, arguments in GOOD_CALLS.items():
                if not (bound and registered[name].unbound_only):
                    result = await client.call_tool(name, arguments)
                    assert brief(result.structured_content) == {"code": "not_allowed"}
            for uri in URIS:
                with pytest.raises(MCPError, match="not_allowed"):
                    await client.read_resource(uri)
            with pytest.raises(MCPError, match="not_allowed"):
                await client.get_prompt(texts.PLAY)
        group.cancel_scope.cancel()
    assert not store.calls
    unbound = sum(tool.unbound_only for tool in registered.values())
    assert keeper.refused == len(GOOD_CALLS) + len(URIS) + 1 - bound * unbound
    await host.close()


class _Streams:
    """The two streams of a transport, as a context manager."""

    def __init__(self, streams: Any) -> None:
        self._streams = streams

    async def __aenter__(self) -> Any:
        return self._streams

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_stdio_serves_no_caller_without_credentials_where_they_are_needed() -> None:
    keeper = Doorkeeper()
    keeper.callers = {}
    with pytest.raises(type(NOT_ALLOWED)):
        await stdio.serve_stdio(None, keeper)  # type: ignore[arg-type]


def test_the_scopes_are_those_that_the_tools_need() -> None:
    needed = {tool.scope for tool in registered.values()}
    assert needed == set(SCOPES) - {"balance", "admin"}, "without tools of their own in this version"
