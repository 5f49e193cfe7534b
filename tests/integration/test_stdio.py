"""`stdio` as clients start it: the same hero in any working directory, and exit code 0 at every end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

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
