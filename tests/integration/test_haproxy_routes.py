"""The server that HAProxy chooses for a call; any choice but that of a prefix may be slower, never wrong."""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter.rules import GameOptions, Weapon, load_rules
from testkit.haproxy import Haproxy, haproxy
from testkit.server_process import ServerProcess
from tests.balancers import DEPLOY, newer_haproxy
from tests.integration.served import until

pytestmark = pytest.mark.long

NEWEST = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
SECOND_FILES = {
    "servers-by-address.cfg": {f"SERVER_{letter}": "127.0.0.1:1" for letter in "ABC"},
    "servers-by-name.cfg": {"SERVERS": "localhost:1"},
    "servers-by-prefix.cfg": {
        "PREFIXES": "prefixes.map", "SERVER_ALPHA": "127.0.0.1:1", "SERVER_BETA": "127.0.0.1:2",
    },
}  # fmt: skip


@pytest.mark.parametrize("find", [haproxy, newer_haproxy])
@pytest.mark.parametrize("name", SECOND_FILES)
def test_both_versions_accept_the_files_without_a_warning(find: Any, name: str) -> None:
    files = [word for one in ("haproxy.cfg", name) for word in ("-f", str(DEPLOY / "haproxy" / one))]
    for more in ({}, {"CHECK_PORT": "9000"}, {"CERTIFICATES": "no-such-folder"}):
        done = subprocess.run(
            [find(), "-c", *files],
            env={**SECOND_FILES[name], **more},
            capture_output=True,
            text=True,
            check=False,
        )
        found = [
            line for line in (done.stdout + done.stderr).splitlines() if "[WARN" in line or "[ALERT" in line
        ]
        if "CERTIFICATES" in more:
            assert "no-such-folder" in found[0]
        else:
            assert (done.returncode, found) == (0, [])


def call(port: int, way: str, tool: str, bot: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool for a bot that the path names, or the header and the body, or the body alone."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if way != "path" and bot:
        arguments["botId"] = bot
    if way == "header":
        params["_meta"] = META
        headers |= {"MCP-Protocol-Version": NEWEST, "Mcp-Method": "tools/call", "Mcp-Name": tool}
        headers |= {"Mcp-Param-Bot-Id": bot} if bot else {}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    with closing(http.client.HTTPConnection("localhost", port, timeout=30)) as connection:
        connection.request("POST", f"/bots/{bot}/mcp" if way == "path" else "/mcp", body, headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    result: dict[str, Any] = answer["result"]
    return result


def start_together(stack: ExitStack, servers: Iterable[ServerProcess]) -> None:
    """Start servers at the same time; the stack kills them."""
    for server in servers:
        stack.callback(server.kill)
        server.launch()
    until(lambda: all(server.is_ready() for server in servers))


def text_of(result: dict[str, Any]) -> str:
    text: str = result["content"][0]["text"]
    return text


def test_a_bot_may_be_served_by_any_server_at_any_turn(tmp_path: Path) -> None:
    """Each call takes another way to another server: hashed, by least connections, and past the balancer."""
    with ExitStack() as stack:
        servers = []
        for letter in "ABC":
            (tmp_path / letter).mkdir()
            servers.append(ServerProcess(tmp_path / letter, f"sqlite:///{tmp_path}/games.db"))
        start_together(stack, servers)
        where = {f"SERVER_{a}": f"127.0.0.1:{one.port}" for a, one in zip("ABC", servers, strict=True)}
        front = stack.enter_context(Haproxy(tmp_path, "servers-by-address.cfg", **where))
        ports = itertools.cycle([front.port, servers[0].port, front.port, servers[1].port, servers[2].port])
        ways = itertools.cycle(["header", "path", "body"])
        rules = load_rules()
        state = rules.new_game(GameOptions(seed=5, weapon=Weapon.mace))
        call(front.port, "path", "start_new_game", "ada", seed=5, weapon="mace")
        for turn in range(60):
            numbered = {"turn": turn, "episode": 1} if turn % 2 else {}
            result = call(next(ports), next(ways), "handle_input", "ada", input="1", **numbered)
            state = rules.apply(state, "1").state
            assert text_of(result) == rules.text(state, f"e1 t{turn + 1}")


@pytest.fixture(scope="module")
def by_prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with ExitStack() as stack:
        servers = {
            prefix: ServerProcess(
                tmp_path_factory.mktemp(prefix), "memory://", [f"--bot-id-prefix={prefix}-"]
            )
            for prefix in ("alpha", "beta")
        }
        start_together(stack, servers.values())
        where = {f"SERVER_{prefix.upper()}": f"127.0.0.1:{one.port}" for prefix, one in servers.items()}
        where["PREFIXES"] = "prefixes.map"
        front = Haproxy(tmp_path_factory.mktemp("haproxy"), "servers-by-prefix.cfg", **where)
        yield stack.enter_context(front).port


@pytest.mark.parametrize("way", ["header", "path", "body"])
@pytest.mark.parametrize("prefix", ["alpha", "beta"])
def test_the_beginning_of_a_bot_id_chooses_the_server(by_prefix: int, prefix: str, way: str) -> None:
    for number in range(4):
        result = call(by_prefix, way, "start_new_game", f"{prefix}-{way}-{number}", weapon="mace")
        assert not result["isError"], text_of(result)


@pytest.mark.parametrize("rows", [2, 500])
@pytest.mark.parametrize("prefix", ["alpha", "beta"])
def test_steps_of_many_bots_go_to_the_server_of_the_first(by_prefix: int, prefix: str, rows: int) -> None:
    steps = [{"botId": f"{prefix}-many-{n}", "start": {"weapon": "mace"}} for n in range(rows)]
    result = call(by_prefix, "body", "step_many", "", steps=steps)
    assert not result["isError"], text_of(result)
    assert "not_allowed" not in json.dumps(result)


def test_a_bot_with_another_beginning_is_refused_in_the_words_of_a_server(by_prefix: int) -> None:
    for way in ("header", "path", "body"):
        result = call(by_prefix, way, "start_new_game", "gamma-1", weapon="mace")
        assert result["structuredContent"]["code"] == "not_allowed"
    assert not call(by_prefix, "body", "list_bots", "")["isError"]
