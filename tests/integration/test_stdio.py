"""`stdio` as clients start it: the same hero in any working directory, an answer to every line that needs
one, and exit code 0 at every end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from dungeonfighter import limits

COMMAND = [sys.executable, "-m", "dungeonfighter", "stdio"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    },
}


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "DB_CONNECTION_STRING": ""}


def client(home: Path, folder: Path, *flags: str) -> Client:
    folder.mkdir()
    return Client(
        stdio_client(
            StdioServerParameters(
                command=COMMAND[0], args=[*COMMAND[1:], *flags], env=environment(home), cwd=str(folder)
            )
        )
    )


def text(result: CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


async def test_an_agent_has_the_same_hero_in_another_working_directory(tmp_path: Path) -> None:
    async with client(tmp_path, tmp_path / "monday") as first:
        await first.call_tool("start_new_game", {"name": "Ada", "weapon": "sword", "seed": 5})
        left = text(await first.call_tool("handle_input", {"input": "1", "turn": 0}))
    async with client(tmp_path, tmp_path / "tuesday") as second:
        assert text(await second.call_tool("get_game_state", {})) == left


async def test_with_the_flag_bot_no_tool_takes_a_bot_id(tmp_path: Path) -> None:
    async with client(tmp_path, tmp_path / "here", "--bot", "ada", "--toolset", "core") as own:
        tools = (await own.list_tools()).tools
        assert not any("botId" in tool.input_schema.get("properties", {}) for tool in tools)
        assert "list_bots" not in {tool.name for tool in tools}


@pytest.mark.parametrize(
    "way", [signal.SIGTERM, signal.SIGINT, None], ids=["SIGTERM", "SIGINT", "end of input"]
)
def test_every_way_of_stopping_ends_with_0(tmp_path: Path, way: int | None) -> None:
    with subprocess.Popen(
        COMMAND,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        served.stdin.write(json.dumps(HELLO).encode() + b"\n")
        served.stdin.flush()
        assert json.loads(served.stdout.readline())["result"]["serverInfo"]["name"]
        if way is not None:
            served.send_signal(way)
        else:
            served.stdin.close()
        assert served.wait(30) == 0
        assert served.stderr is not None
        assert served.stderr.read() == b""


def test_calls_in_flight_are_answered_after_the_end_of_input(tmp_path: Path) -> None:
    start = {"name": "start_new_game", "arguments": {"weapon": "mace", "seed": 5}}
    messages = [
        HELLO,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": start},
    ]
    done = subprocess.run(
        COMMAND,
        env=environment(tmp_path),
        input="".join(f"{json.dumps(message)}\n" for message in messages),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["content"][0]["text"].startswith("e1 t")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_invalid_bot_id_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--bot", "two words"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("dungeonfighter stdio: --bot: 'two words' is not a bot id: ")


READY: list[dict[str, object]] = [HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"}]


def called(number: int, tool: str, arguments: object) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def answers_to(home: Path, *lines: bytes | dict[str, object]) -> list[dict[str, Any]]:
    """Send lines to a new server; return what it answered, and assert that it ended well."""
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    done = subprocess.run(
        COMMAND, env=environment(home), capture_output=True, check=False, timeout=60,
        input=b"".join(line + b"\n" for line in sent),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("is_initialized", [True, False])
def test_each_malformed_message_is_answered_as_over_http(tmp_path: Path, *, is_initialized: bool) -> None:
    good: dict[str, object] = {"jsonrpc": "2.0", "id": 99, "method": "ping"}
    malformed = {
        b"not json": (None, -32700, "not valid JSON"),
        b'{"jsonrpc":"2.0","id":5}': (5, -32600, '"method"'),
        b'{"id":8,"method":"ping"}': (8, -32600, '"jsonrpc"'),
        b'[{"jsonrpc":"2.0","id":8,"method":"ping"}]': (None, -32600, "batches are not served"),
        b'"x"': (None, -32600, "one JSON-RPC object"),
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}': (None, -32600, '"id"'),
        b'{"jsonrpc":"2.0","id":6,"method":"ping","params":[]}': (6, -32600, '"params"'),
        b'{"jsonrpc":"2.0","id":6,"method":"ping","params":{"a":"\xff"}}': (None, -32700, "not valid JSON"),
        b"[" * 200 + b"]" * 200: (None, -32600, "batches are not served"),
        b'{"jsonrpc":"2.0","id":4,"method":"ping","params":%b}' % (b'{"a":' * 100 + b"1" + b"}" * 100): (
            4, -32600, "levels deep",
        ),
        b'"%b"' % (b"x" * limits.body_bytes_max): (None, -32600, "larger than"),
    }  # fmt: skip
    before = READY if is_initialized else []
    found = answers_to(tmp_path, *before, *malformed, good)
    errors = [answer for answer in found if "error" in answer]
    assert [(each["id"], each["error"]["code"]) for each in errors] == [
        each[:2] for each in malformed.values()
    ]
    for answer, (_, _, word) in zip(errors, malformed.values(), strict=True):
        assert word in answer["error"]["message"]
    assert found[-1] == {"jsonrpc": "2.0", "id": 99, "result": {}}


def test_a_line_that_needs_no_answer_gets_none(tmp_path: Path) -> None:
    lines = (
        b"", b"   ", b"\r", b'{"jsonrpc":"2.0","id":9,"result":{}}', b'{"jsonrpc":"2.0","id":9,"error":{}}',
        b'{"jsonrpc":"2.0","method":"notifications/none"}',
    )  # fmt: skip
    found = answers_to(tmp_path, *READY, *lines, {"jsonrpc": "2.0", "id": 2, "method": "ping"})
    assert [answer["id"] for answer in found] == [1, 2]


def test_a_refused_request_learns_the_reason(tmp_path: Path) -> None:
    wrong = called(2, "get_game_state", "x")
    early = answers_to(
        tmp_path, called(2, "get_game_state", {}), {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}
    )
    assert ["initialize first" in answer["error"]["message"] for answer in early] == [True, True]
    late = answers_to(
        tmp_path, *READY, wrong, {"jsonrpc": "2.0", "id": 3, "method": "resources/read", "params": {}}
    )
    assert "params.arguments must be an object" in late[1]["error"]["message"]
    assert "params.uri is missing" in late[2]["error"]["message"]


def test_params_that_are_null_are_none(tmp_path: Path) -> None:
    request = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": None}
    assert answers_to(tmp_path, *READY, request)[1]["result"]["tools"]


def test_every_request_before_the_end_of_input_is_answered(tmp_path: Path) -> None:
    asked = [{"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(2, 20)]
    assert {answer["id"] for answer in answers_to(tmp_path, *READY, *asked)} == set(range(1, 20))


def test_a_message_without_a_line_end_is_answered(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, env=environment(tmp_path), capture_output=True, check=False, timeout=60,
        input=json.dumps(HELLO).encode(),
    )  # fmt: skip
    assert json.loads(done.stdout)["id"] == 1
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_client_that_stops_reading_ends_the_server_and_its_turn_is_kept(tmp_path: Path) -> None:
    turn = json.dumps(called(3, "handle_input", {"input": "1", "turn": 0})).encode() + b"\n"
    with subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as served:  # fmt: skip
        assert served.stdin is not None
        assert served.stdout is not None
        assert served.stderr is not None
        for message in (*READY, called(2, "start_new_game", {"weapon": "mace", "seed": 5})):
            served.stdin.write(json.dumps(message).encode() + b"\n")
        served.stdin.flush()
        assert [json.loads(served.stdout.readline())["id"] for _ in range(2)] == [1, 2]
        served.stdout.close()
        served.stdin.write(turn)
        served.stdin.flush()
        assert served.wait(60) == 0  # although its input is open
        assert served.stderr.read() == b""
    later = answers_to(tmp_path, *READY, called(2, "get_game_state", {}))
    assert later[1]["result"]["content"][0]["text"].startswith("e1 t1")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- 2>&-"])
def test_a_server_without_its_standard_streams_ends_quietly(tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND],
        env=environment(tmp_path), capture_output=True, check=False, timeout=60, input=b"",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_only_answers_reach_standard_output(tmp_path: Path) -> None:
    """A library that prints would break the client's parser; the descriptor itself leads elsewhere."""
    script = (
        "import os, sys\n"
        "from dungeonfighter.mcp.lines import take_standard_streams\n"
        "_, sink = take_standard_streams()\n"
        "print('stray', flush=True); os.system('echo stray too'); os.write(sink, b'wire')\n"
        "assert sys.stdin.read() == ''"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, input=b"for the wire", check=True
    )
    assert (done.stdout, done.stderr) == (b"wire", b"stray\nstray too\n")
