"""Odd, contradictory and hostile requests, sent both ways.

As in test_both_ways, the tests compare the answers and the contents of the stores afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dungeonfighter.mcp.short_way import judged_part
from dungeonfighter.rules import Rules
from tests.protocol.both_ways import ERAS, Ask, BothWays, ask
from tests.protocol.served import META, VERSION

BOT = "ada"


@pytest.fixture(autouse=True)
def same_stores(both: BothWays) -> Iterator[None]:
    yield
    assert both.stores_agree()


READ = ask("get_game_state", {"botId": BOT})
"""A modern request, in which every header matters."""
OLD = ask("get_game_state", {"botId": BOT}, era="2025-06-18")
HEADERS: dict[str, list[tuple[bytes, ...]]] = {
    "host": [
        (b"evil.example",), (b"",), (b"LOCALHOST",), (b"localhost:8000",), (b"[::1]:80",),
        (b"localhost.evil",),
        (b"127.0.0.1",), (b"localhost", b"localhost"), (b"localhost", b"evil.example"), (b"\xff",),
        (b"localhost, evil.example",), (b"[",),
    ],
    "origin": [
        (b"http://localhost",), (b"http://evil.example",), (b"null",), (b"",), (b"http://localhost:1",),
        (b"HTTP://LOCALHOST",), (b"http://localhost/",), (b"file://",), (b"http://[",), (b"http://[::1]",),
        (b"http://localhost", b"http://evil.example"), (b"http://evil.example", b"http://localhost"),
        (b"http://localhost@evil.example",), (b"\xe9",),
    ],
    "accept": [
        (b"application/json",), (b"*/*",), (b"application/*",), (b"text/event-stream",), (b"text/html",),
        (b"",),
        (b"APPLICATION/JSON",), (b"application/json;q=0.1, text/event-stream;q=1",),
        (b"application/json;q=0",),
        (b"application/json-seq",), (b"xapplication/json",), (b"text/html;x=application/json",),
        (b"application/json, text/event-stream", b"text/html"), (b"text/html", b"application/json"),
        (b"application/json text/event-stream",), (b"*/*;q=0.8",), (b"*",), (b"application/json\x0b",),
        (b"application/json;",), (b",application/json",), (b"application / json",), (b"**/**",),
    ],
    "content-type": [
        (b"application/json; charset=utf-8",), (b"application/json;charset=latin-1",), (b"Application/JSON",),
        (b"text/plain",), (b"",), (b"application/json, text/plain",), (b"application/jsonx",),
        (b"\xa0application/json",), (b"application/json\xa0",), (b"application/json", b"application/json"),
        (b"application/json", b"text/plain"), (b"text/plain", b"application/json"), (b";application/json",),
        (b"application/json ;a=b",), (b"application/json; boundary=a,b",), (b"\x1fapplication/json",),
    ],
    "mcp-protocol-version": [
        (b"2026-07-28", b"2026-07-28"), (b"2026-07-28", b"2025-06-18"), (b"2025-06-18", b"2026-07-28"),
        (b"2025-06-18", b"2025-06-18"), (b"2026-07-29",), (b"",), (b"2025-06-18 ",), (b"draft",), (b"\xff",),
        (b"2025-06-18, 2026-07-28",), (b"=?base64?MjAyNi0wNy0yOA==?=",), (b"2024-10-07",), (b"x" * 9000,),
        *[(era.encode(),) for era in ERAS if era is not None],
    ],
    "mcp-method": [
        (b"tools/call", b"tools/call"), (b"tools/list",), (b"Tools/Call",), (b"",), (b"tools/call ",),
        (b"=?base64?dG9vbHMvY2FsbA==?=",), (b"\xff",),
    ],
    "mcp-name": [
        (b"get_game_state",), (b"get_game_state", b"get_game_state"), (b"get_inventory",), (b"",),
        (b"Get_Game_State",), (b"get_game_state ",), (b"=?base64?Z2V0X2dhbWVfc3RhdGU=?=",),
        (b"=?base64?Z2V0X2dhbWVfc3RhdGU?=",), (b"=?base64?!!?=",), (b"=?base64?/w==?=",), (b"\xc3\xa9",),
    ],
    "mcp-param-bot-id": [
        (b"ada",), (b"ada", b"ada"), (b"ada", b"hero"), (b"hero", b"ada"), (b"hero",), (b"",), (b"ADA",),
        (b"ada ",), (b"=?base64?YWRh?=",), (b"=?base64?aGVybw==?=",), (b"=?base64?YWRi?=",),
        (b"=?base64??=",),
        (b"\xff",),
    ],
    "mcp-param-view": [(b"json",)],
    "mcp-session-id": [(b"1",), (b"1", b"2"), (b"",)],
    "last-event-id": [(b"1",)],
    "authorization": [(b"Bearer x",)],
    "traceparent": [(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",)],
    "x-anything": [(b"1", b"2")],
}  # fmt: skip
"""Values that replace the good value of a header, one after the other; () leaves the header out."""


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    "good", [READ, OLD, ask("get_game_state"), ask("get_game_state", bot=BOT), ask("list_bots")],
    ids=["modern", "old", "nobody", "bound", "list"],
)  # fmt: skip
def test_headers(both: BothWays, good: Ask, name: str) -> None:
    assert both.agree(good)[1]
    for values in [(), *HEADERS[name]]:
        both.agree(good.with_header(name, *values))
        assert both.agree(good)[1]  # a verdict is kept, and applies only to equal headers


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_good_header_does_not_vouch_for_another_tool(both: BothWays, name: str) -> None:
    for tool in ("get_game_state", "get_inventory", "save_game"):
        values = dict(ask(tool).headers)[name.encode()]
        both.agree(ask("get_player_stats").with_header(name, values))


PATHS = [
    (path, query)
    for path in (
        b"/mcp/", b"/bots/ada/mcp/", b"/bots/a%64a/mcp", b"/bots/%61da/mcp", b"/bots//mcp", b"/bots/-x/mcp",
        b"/bots/ada%0a/mcp", b"/bots/" + b"x" * 129 + b"/mcp", b"/bots/a b/mcp", b"/bots/a%2Fb/mcp",
        b"/bots/ada!/mcp", b"/bots/x\n/mcp", b"/bots/%00/mcp", b"/bots/%ff/mcp",
    )
    for query in (b"",)
] + [
    (path, query)
    for path in (b"/mcp", b"/bots/ada/mcp")
    for query in (
        b"toolset=play", b"toolset=none", b"toolset=core&toolset=none", b"toolset=none&toolset=core",
        b"toolset=",
        b"turns=required", b"turns=", b"turns=no", b"turns=no&turns=required", b"toolset=core&turns=required",
        b"toolset", b"x=1", b"toolset=%63ore", b"toolset=core;x", b"&&", b"\xff=\xff", b"TOOLSET=none",
    )
]  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
def test_addresses(both: BothWays, era: str | None) -> None:
    good = ask("get_game_state", {}, era=era)
    for path, query in PATHS:
        both.agree(msgspec.structs.replace(good, path=path, query=query))
    assert both.agree(good)[1]


# Bodies

META_JSON = msgspec.json.encode(META)
CALLERS = {
    "modern": READ,
    "old": OLD,
    "bound": ask("get_game_state", bot=BOT),
    "old and bound": ask("get_game_state", bot=BOT, era=None),
}  # fmt: skip


def spelled(**parts: bytes) -> bytes:
    """Return a body of these parts; `more` and `more_params` are further members, with their comma."""
    whole = {
        "jsonrpc": b'"2.0"', "id": b"7", "method": b'"tools/call"', "name": b'"get_game_state"',
        "arguments": b'{"botId":"ada"}', "meta": META_JSON, "more_params": b"", "more": b"",
    } | parts  # fmt: skip
    return (
        b'{"jsonrpc":%(jsonrpc)b,"id":%(id)b,"method":%(method)b,"params":{"name":%(name)b,'
        b'"arguments":%(arguments)b,"_meta":%(meta)b%(more_params)b}%(more)b}'
    ) % {name.encode(): part for name, part in whole.items()}


NUMBERS = [
    b"0", b"-0", b"-1", b"1.0", b"1e3", b"1E400", b"999999999999999", b"9999999999999999", b"-99999999999999",
    b"9" * 30, b"9" * 4400, b"01", b"+1", b"--1", b"0x1", b"1_0", b"NaN", b"1 ", b"",
]  # fmt: skip
STRINGS = [
    b'""', b'"a"', b'"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"', b'"a=b,c=d"', b'"~ !#[]"',
    b'"a\\u0062"', b'"\\""', b'"\\\\"', b'"\\n"', b'"\x7f"', b'"\x00"', b'"\xc3\xa9"', b'"\xff"', b'"a',
    b'"\n"', b'"\\ud800"', b'"%b"' % (b"x" * 3000),
]  # fmt: skip
NESTED = [b"{}", b"[]", b"null", b"true", b'{"a":1}', b'["a"]', b'{"a":"\xff"}', b"[1e999]", b'[{"a":[[]]}]']
VARYING_NAMES = [
    b"progressToken", b"traceparent", b"tracestate", b"baggage", b"n", b"", b"x y", b"\\u006e", b"\xc3\xa9",
    b'\\"', b"io.modelcontextprotocol", b"io.modelcontextprotocol/", b"io.modelcontextprotoco\\u006c/x",
    b'x":1,"io.modelcontextprotocol/protocolVersion', b'x":1e999,"x', b'x":"\xff","x', b'x" : 1, "y',
    b'_meta":{},"x', b"\x00", b"\x7f",
]  # fmt: skip


def varying_metas() -> Iterator[bytes]:
    """Yield `_meta` with a member that no verdict depends on, or with a member that only resembles one."""
    few = [b"7", b'"a"', b'"\xff"', b"1e999", b"{}"]
    for number, name in enumerate(VARYING_NAMES):
        for value in NUMBERS + STRINGS + NESTED if number < 5 else few:
            member = b'"%b":%b' % (name, value)
            yield META_JSON[:-1] + b"," + member + b"}"
            yield b"{" + member + b"}"
    for more in (b' ,"n":1', b',"n" :1', b',"n": 1', b',"n":1 ', b',\n"n":1', b',"n":1,"n":2'):
        yield META_JSON[:-1] + more + b"}"
        yield b"{" + more.strip(b" ,") + b"," + META_JSON[1:]


def metas() -> Iterator[bytes]:
    """Yield `_meta` that is wrong, or unusual."""
    yield from (b"null", b"[]", b"{}", b"1", b'""', b"true", b'{"x":1}', b'{"progressToken":"a"}')
    yield from varying_metas()
    changes: dict[str, list[Any]] = {
        "progressToken": [1, "a", None, True, 1.0, 1.5, [], {}, 10**30],
        "traceparent": [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x", 1, None, [1], {"a": 1}, True, "",
            ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        ],
        "tracestate": ["a=b", 5, None, ["a=b"], {"a": 1}, True, 1.5, [1], ""],
        "baggage": ["a=b", "a=b;c", "=", 5, None, ["a=b"], {"a": 1}, True, 1.5, [1], [None], ""],
        "x": ["y" * 1500, "y" * 5000, {"a": {"b": [1.5]}}, "\u00e9"],
        "io.modelcontextprotocol/protocolVersion": ["2025-06-18", "2026-07-29", "", None, 1, ["2026-07-28"]],
        "io.modelcontextprotocol/clientCapabilities": [
            None, [], "x", 1, {"x": {}}, {"sampling": {}}, {"roots": {"listChanged": True}}, {"sampling": []},
            {"experimental": {"a": {}}}, {"elicitation": None}, {"tasks": {}},
        ],
        "io.modelcontextprotocol/clientInfo": [
            None, [], "x", {}, {"name": "a"}, {"version": "1"}, {"name": 1, "version": "1"},
            {"name": "a", "version": "1", "x": 1}, {"name": "a", "version": "1", "title": "t"},
            {"name": "a", "version": "1", "icons": 5}, {"name": "", "version": ""},
        ],
        "io.modelcontextprotocol/logLevel": ["debug", "loud", None, 1],
        "io.modelcontextprotocol/subscriptionId": [1],
        "io.modelcontextprotocol/x": [1],
        "modelcontextprotocol.io/x": [1],
        "": [1],
    }  # fmt: skip
    for name, values in changes.items():
        yield msgspec.json.encode({key: value for key, value in META.items() if key != name})
        for value in values:
            yield msgspec.json.encode(META | {name: value})
    good = META_JSON[:-1]
    for more in (
        b',"x":1e999', b',"x":"\xff"', b',"x":"\xed\xa0\x80"', b',"x":' + b"9" * 1500, b',"x":' + b"9" * 4400,
        b',"x":"\\ud800xxxxxxxx"', b',"x":NaN', b',"x":-Infinity', b',"x":1,"x":2', b',"\\u0000":1',
        b',"x":' + b"[" * 40 + b"]" * 40, b',"x":' + b"[" * 70 + b"]" * 70,
        b',"x":' + b"[" * 900 + b"]" * 900,
        b',"x":' + b"[" * 200_000 + b"]" * 200_000, b',"x":"' + b"y" * 100_000 + b'"', b',"x":"a\nb"',
        b',"x":01',
        b',"io.modelcontextprotocol/protocolVersion":"2025-06-18"',
        b',"io.modelcontextprotocol/protocolVersion":"2025-06-18","io.modelcontextprotocol/protocolVersion":"2026-07-28"',
    ):  # fmt: skip
        yield good + more + b"}"


ARGUMENTS = [
    b"null", b"[]", b"[1]", b'""', b"0", b"false", b"{}", b'{"botId":null}', b'{"botId":""}',
    b'{"botId":"ada "}',
    b'{"botId":"ada\\n"}', b'{"botId":"ada\\u0000"}', b'{"botId":"\\u0061da"}',
    b'{"botId":"ada","botId":"hero"}',
    b'{"botId":"hero","botId":"ada"}', b'{"bot\\u0049d":"ada"}', b'{"bot_id":"ada"}', b'{"botid":"ada"}',
    b'{"botId":1}', b'{"botId":true}', b'{"botId":["ada"]}', b'{"botId":"ada","x":1}',
    b'{"botId":"ada","":1}',
    b'{"botId":"ada","view":"JSON"}', b'{"botId":"ada","view":null}', b'{"botId":"ada","view":"json"}',
    b'{"botId":"ada","view":"text","view":"json"}', b'{"botId":"ada","view":"x","view":"json"}',
    b'{"view":"json"}',
    b'{"botId":"ada","view":1}', b'{"botId":"\xff"}', b'{"botId":"\\ud800abcdefgh"}', b'{"botId":"ada",}',
    b'{"botId":"ada" "view":"text"}', b'{"botId":"\xc3\xa9"}', b'{"botId":"-ada"}', b'{"botId":"ada/../x"}',
    b'{"botId":"%b"}' % (b"a" * 128), b'{"botId":"%b"}' % (b"a" * 129), b"[" * 70 + b"]" * 70, b"[" * 100_000,
    b'{"view":' + b'{"a":' * 70 + b"1" + b"}" * 71, b'{"botId":"ada"}' + b" " * 20_000, b'{"botId":NaN}',
    b' { "botId" : "ada" } ', b'{"BOTID":"ada"}',
]  # fmt: skip
IDS = [
    b"1", b"-1", b"0", b"-0", b"1.0", b"1e0", b"1.5", b"null", b"true", b"false", b'""', b'"a"', b'"1"',
    b"[]", b"{}",
    b"9007199254740993", b"-9007199254740993", b"18446744073709551616", b"9" * 400, b"9" * 5000,
    b'"%b"' % (b"x" * 256), b'"%b"' % (b"x" * 70_000), b'"\\ud800xxxxxxxx"', b'"\xff"', b'"\\u0000"',
    b"Infinity",
    b'"\xf0\x9f\x90\x89"', b'"\\ud83d\\udc09"', b'"a\nb"', b"NaN", b"01", b"1,1", b'1,"id":2', b'null,"id":2',
    b'1,"id":null', b'"\\/\\b\\u007f"',
]  # fmt: skip
METHODS = [
    b'"Tools/Call"', b'"tools/call "', b'"tools/list"', b'"ping"', b'"initialize"', b'"tools\\/call"',
    b'"none"',
    b'"tools/cal\\u006c"', b'"notifications/cancelled"', b"1", b"null", b'"server/discover"', b'""',
    b'"resources/list"', b'"prompts/get"', b'"logging/setLevel"', b'"tasks/get"', b'"resources/read"',
    b'"tools/call","method":"tools/list"', b'"tools/list","method":"tools/call"',
]  # fmt: skip
NAMES = [
    b'"get_inventory"', b'"none"', b'""', b"null", b"1", b'"get_game_stat\\u0065"', b'"Get_Game_State"',
    b'"\xff"',
    b'"none","name":"get_game_state"', b'"get_game_state","name":"none"', b'"get_game_state\\u0000"',
    b'"__init__"',
]  # fmt: skip
MEMBERS = [
    b',"x":1', b',"params":null', b',"params":[]', b',"params":{}', b',"jsonrpc":"1.0"',
    b',"jsonrpc":"2.0"', b',',
    b',"result":{}', b',"error":{}', b',"id":8', b',"_meta":{}', b',"":0', b',"x":"\xff"', b',"x":1e999',
]  # fmt: skip
MORE_PARAMS = [
    b',"x":1', b',"task":null', b',"task":{}', b',"arguments":null', b',"arguments":{"botId":"hero"}',
    b',"name":"x"',
    b',"_meta":null', b',"requestState":"x"', b',"inputResponses":{}', b',"cursor":null', b',"_meta":{}',
    *[
        b',"%b":%b,"%b":%b' % (name, bad, name, good)
        for name, good in ((b"_meta", META_JSON), (b"arguments", b'{"botId":"ada"}'),
        (b"\\u005fmeta", META_JSON))
        for bad in (b'"\xff"', b"1e999", b"1", b"9" * 4400, b"[" * 80 + b"]" * 80,
        b'"\\ud800xxxxxxxx"', META_JSON)
    ],
    b',"argum\\u0065nts":"\xff","arguments":{"botId":"ada"}',
]  # fmt: skip
WHOLE: list[Callable[[bytes], bytes]] = [
    lambda _: b"", lambda _: b"{", lambda _: b"null", lambda _: b"[]", lambda _: b"{}", lambda _: b"\x00",
    lambda body: b"[%b]" % body, lambda body: b"[%b,%b]" % (body, body), lambda body: body + body,
    lambda body: body + b"\n", lambda body: b" \r\n\t" + body, lambda body: body + b" x",
    lambda body: body + b"\x00",
    lambda body: b"\xef\xbb\xbf" + body, lambda body: b"\x0b" + body, lambda body: body[:-1],
    lambda body: body.decode().encode("utf-16"), lambda body: body.decode().encode("utf-32-le"),
    lambda body: body.replace(b'"id":7,', b""), lambda body: body.replace(b'"id":7,',
    b"").replace(b"tools/call", b"x"),
    lambda body: body.replace(b'"jsonrpc":"2.0",', b""), lambda body: body.replace(b'"jsonrpc"',
    b'"jsonrp\\u0063"'),
    lambda body: body.replace(b"2.0", b"2.00"), lambda body: body.replace(b'"2.0"', b"2.0"),
    lambda body: body.replace(b'"params"', b'"Params"'), lambda body: body.replace(b'"params":{',
    b'"params":[{') ,
    lambda body: body.replace(b'"params":', b'"params":{"name":"x","_meta":"\xff"},"params":'),
    lambda body: body.replace(b":", b" : ").replace(b",", b"\t,\r\n"), lambda body: body + b" " * 100_000,
    lambda body: body + b" " * 1_048_576, lambda body: b"//\n" + body, lambda body: body.replace(b'"', b"'"),
    lambda body: body.replace(b'"id":7', b'"id":7,"id":7'), lambda body: b"\xff" + body,
]  # fmt: skip


def odd_bodies() -> Iterator[bytes]:
    for meta in metas():
        yield spelled(meta=meta)
    for arguments in ARGUMENTS:
        yield spelled(arguments=arguments)
    for request_id in IDS:
        yield spelled(id=request_id)
    for method in METHODS:
        yield spelled(method=method)
    for name in NAMES:
        yield spelled(name=name)
    for more in MEMBERS:
        yield spelled(more=more)
    for more in MORE_PARAMS:
        yield spelled(more_params=more)
    for change in WHOLE:
        yield change(spelled())


@pytest.mark.parametrize(
    "who", [pytest.param(who, marks=pytest.mark.long if "bound" in who else ()) for who in CALLERS]
)
def test_bodies(both: BothWays, who: str) -> None:
    caller = CALLERS[who]
    plain = caller.with_body(spelled(arguments=b"{}") if "bound" in who else spelled())
    for body in odd_bodies():
        assert both.agree(plain)[1]  # the kept verdict must not apply to another body
        both.agree(caller.with_body(body))
        if "bound" in who:
            both.agree(caller.with_body(body.replace(b'{"botId":"ada"}', b"{}")))


INTEGERS = [
    b"0", b"-0", b"-1", b"1.0", b"1e0", b"1E2", b"0.0", b"1.5", b"true", b"false", b"null", b'"1"', b"[]",
    b"NaN", b"1e400",
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"9" * 30, b"9" * 4300,
    b"9" * 4301, b"01",
    b"9007199254740991", b"9007199254740992", b"9007199254740993", b"99", b"100", b"1e-1", b"-1.0",
    b"1_000", b"0x1",
]  # fmt: skip
TEXTS = [
    b'""', b'"1"', b"1", b"null", b"true", b'"\\u0031"', b'"\\ud800xxxxxxxx"', b'"\xff"', b'"a\nb"',
    b'"\\n"', b'"\\u0000"',
    b'"\\u007f"', b'"\\u00a0x"', b'"%b"' % (b"x" * 600), b'"%b"' % ("\u00e9" * 48).encode(), b'["1"]',
    b'{"a":1}',
    b'"\\ud83d\\udc09"', b'"\xf0\x9f\x90\x89"', b'"\\/"', b'"main"', b'"MAIN"', b'"main\\n"', b'" main"',
    b'"\xc2\x85"',
    b'"\xe2\x80\xa8"', b'"\xf4\x90\x80\x80"', b'"\xc0\x80"',
]  # fmt: skip
TYPED = [
    (b"handle_input", b'"input":"9999","turn":%b', INTEGERS), (b"handle_input",
    b'"input":"9999","episode":%b', INTEGERS),
    (b"handle_input", b'"input":%b,"turn":0', TEXTS), (b"start_new_game",
    b'"seed":%b,"weapon":"mace"', INTEGERS),
    (b"start_new_game", b'"seed":1,"name":%b', TEXTS), (b"select_dungeon", b'"dungeonIndex":%b', INTEGERS),
    (b"start_new_game", b'"seed":1,"weapon":%b', [*TEXTS, b'"mace"']), (b"equip_item",
    b'"item":%b', INTEGERS),
    (b"set_combo_strip", b'"actions":[%b,1]', INTEGERS), (b"set_combo_strip", b'"actions":%b', TEXTS),
    (b"save_game", b'"slot":%b', TEXTS), (b"load_game", b'"slot":%b', TEXTS), (b"list_bots",
    b'"count":%b', INTEGERS),
    (b"list_bots", b'"after":%b', TEXTS), (b"set_agent_directive", b'"directive":%b', TEXTS),
    (b"get_recent_output", b'"count":%b', INTEGERS), (b"compare_items", b'"a":1,"b":%b', INTEGERS),
    (b"get_agent_context", b'"recentEventCount":%b', INTEGERS), (b"unequip_item", b'"slot":%b', TEXTS),
    (b"get_game_state", b'"view":%b', TEXTS), (b"delete_save", b'"slot":%b', TEXTS),
]  # fmt: skip


@pytest.mark.parametrize("era", [VERSION, "2025-11-25", None])
def test_values(both: BothWays, era: str | None) -> None:
    both.taken = both.left = 0
    for tool, pattern, values in TYPED:
        caller = ask(tool.decode(), era=era, bot="values")
        for value in values:
            arguments = b"{%b}" % (pattern % value)
            both.agree(caller.with_body(spelled(name=b'"%b"' % tool, arguments=arguments)))
    assert both.taken > 100
    assert both.left > 200


# What is kept


@pytest.mark.parametrize(
    "big",
    [
        ask("get_game_state", query=b"x=" + b"y" * 3000),
        ask("get_game_state").with_header("accept", b"application/json;q=" + b"1" * 3000),
        ask("get_game_state").with_header("host", b"localhost:" + b"1" * 3000),
        ask("get_game_state", _meta=META | {"x": {"y": "y" * 3000}}),
        ask("get_game_state", _meta=META | {"io.modelcontextprotocol/x": "y" * 3000}),
    ],
)
def test_a_request_too_big_for_a_verdict_is_left(both: BothWays, big: Ask) -> None:
    assert not both.agree(big)[1]


def test_verdicts_do_not_pile_up(rules: Rules) -> None:
    with BothWays(rules) as ways:
        short_way = ways.short.short_way

        async def ask_often() -> int:
            counts, held = [], []
            for number in range(5000):
                good = ask("handle_input", {"input": "1"}, bot="nobody", era=None, _meta={"n": {"n": number}})
                origin = b"http://localhost:%d" % (number // 10)
                scope = {"headers": list(good.with_header("origin", origin).headers), "query_string": b""}
                handler = short_way.handle(scope | {"type": "http"}, good.body, b"nobody", lambda *_: None)
                assert handler is not None
                held.append(handler)
                counts.append(sum(len(verdicts) for verdicts in short_way._verdicts.values()))
            assert sum(map(len, {id(one.verdicts): one.verdicts for one in held}.values())) == counts[-1]
            return max(counts)

        assert 1000 < ways.run(ask_often()) < 5000


@pytest.mark.parametrize("era", [VERSION, None])
def test_bots_of_the_path_share_a_verdict(both: BothWays, era: str | None) -> None:
    both.agree(ask("get_game_state", bot="b0", era=era))
    before = both.short.short_way._kept
    for number in range(20):
        assert both.agree(ask("get_game_state", bot=f"b{number}", era=era))[1]
    assert both.short.short_way._kept == before


@pytest.mark.parametrize("era", ERAS)
def test_members_of_meta_that_vary_share_a_verdict(both: BothWays, era: str | None) -> None:
    meta = META if era == VERSION else {}

    def varying(number: int) -> Ask:
        more = {
            "progressToken": number,
            "traceparent": f"00-{number:032x}-{number:016x}-01",
            "n": str(number),
        }
        return ask("get_game_state", {}, era=era, _meta=meta | more)

    assert both.agree(varying(0))[1]
    before = both.short.short_way._kept
    for number in range(1, 20):
        assert both.agree(varying(number))[1]
    assert both.short.short_way._kept == before


def test_members_of_the_protocol_in_meta_do_not_share_a_verdict(both: BothWays) -> None:
    assert both.agree(ask("get_game_state", _meta=META | {"n": 1}))[1]
    for wrong in ({"protocolVersion": "2025-06-18"}, {"clientCapabilities": 5}, {"clientInfo": 5}):
        spoilt = {f"io.modelcontextprotocol/{name}": value for name, value in wrong.items()}
        assert not both.agree(ask("get_game_state", _meta=META | spoilt | {"n": 1}))[1]


def test_two_spellings_of_meta_have_two_keys() -> None:
    protocol = b"io.modelcontextprotocol/"
    one = judged_part(b'{"n":1,"%ba":1,"%bb":2}' % (protocol, protocol))
    assert one is not None
    assert judged_part(b'{"n":2,"%ba":1,"%bb":2}' % (protocol, protocol)) == one
    assert judged_part(b'{"n":1,"%ba:1,%bb":2}' % (protocol, protocol)) not in {one, None}
    assert judged_part(b'{"n":1,"%ba\\":1,\\"%bb":2}' % (protocol, protocol)) is None
    for whole in (b"{}", b"[]", b"{", b"\xff", META_JSON, b'{"n": 1}', b'{"n":1,"n":1}', b'{"\\u006e":1}'):
        assert judged_part(whole) is None
