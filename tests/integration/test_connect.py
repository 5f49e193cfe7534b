"""`connect` as clients start it: it plays, answers every request in words, and ends with exit code 0."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter.cli import main
from testkit.certificates import Authority
from testkit.evil_proxy import evil
from testkit.ports import free_port
from testkit.server_process import ServerProcess
from tests.integration.bridged import COMMAND, ProcessPlayer, called, connected, request, text_of
from tests.integration.test_tokens import Client, make_token, token

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "tests", "version": "1"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("connect")) as server:
        yield server


async def begin(player: ProcessPlayer) -> None:
    assert text_of(await player.call("start_new_game", weapon="mace")).startswith("e1 t0")


async def play(player: ProcessPlayer) -> str:
    answer = await player.call("handle_input", input="1")
    return " ".join(text_of(answer).split()[:2])


@pytest.mark.parametrize(
    "way",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long), None],
    ids=["SIGTERM", "SIGINT", "end of input"],
)
async def test_every_way_of_stopping_ends_with_0(server: ServerProcess, way: int | None) -> None:
    async with connected(server.url, "--bot", f"stops-{way}") as player:
        await begin(player)
        if way is not None:
            player.process.send_signal(way)
            assert await player.ended() == (0, "")
        else:
            assert await player.end() == (0, "")


async def test_a_signal_leaves_no_call_without_an_answer(server: ServerProcess) -> None:
    async with evil(server.port) as proxy, connected(proxy.url, "--bot", "stopped") as player:
        await begin(player)
        proxy.choose = lambda _: "mute"
        first = await player.begin(called("a", "handle_input", input="1"))
        second = await player.begin(called("b", "handle_input", input="1"))
        third = await player.begin(request("c", "tools/list"))
        await proxy.until(lambda proxy: proxy.done["mute"] == 2)
        player.process.send_signal(signal.SIGINT)
        assert "error outcome_unknown: the bridge was stopped" in text_of(await first)
        assert "error unreachable: the bridge was stopped" in text_of(await second)
        assert (await third)["error"]["data"]["code"] == "unreachable"
        assert (await player.ended())[0] == 0


@pytest.mark.long
async def test_a_signal_lets_the_calls_under_way_end(server: ServerProcess) -> None:
    passed = asyncio.Event()

    def choose(request: bytes) -> str:
        if b"handle_input" in request:
            player.process.send_signal(signal.SIGTERM)
            passed.set()
        return "pass"

    async with evil(server.port, choose) as proxy, connected(proxy.url, "--bot", "ends") as player:
        await begin(player)
        assert await play(player) == "e1 t1"
        assert passed.is_set()
        assert (await player.ended())[0] == 0


def test_calls_in_flight_are_answered_after_the_end_of_input(server: ServerProcess) -> None:
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        called(2, "start_new_game", weapon="mace"), *(called(n, "handle_input", input="1") for n in (3, 4)),
    ]  # fmt: skip
    done = subprocess.run(
        [*COMMAND, server.url, "--bot", "at-the-end"], capture_output=True, check=False, timeout=60,
        input="\n".join(map(json.dumps, messages)).encode(),
    )  # fmt: skip
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert set(answers) == {1, 2, 3, 4}
    assert text_of(answers[4]).startswith("e1 t2")
    assert (done.returncode, done.stderr) == (0, b"")


async def test_each_malformed_line_is_answered_as_over_http(server: ServerProcess) -> None:
    malformed: dict[bytes, tuple[Any, int, str]] = {
        b"not json": (None, -32700, "not valid JSON"),
        b'{"jsonrpc":"2.0","id":5}': (5, -32600, '"method"'),
        b'{"id":8,"method":"ping"}': (8, -32600, '"jsonrpc"'),
        b'[{"jsonrpc":"2.0","id":8,"method":"ping"}]': (None, -32600, "batches are not served"),
        b'"x"': (None, -32600, "one JSON-RPC object"),
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}': (None, -32600, '"id"'),
        b'{"jsonrpc":"2.0","id":6,"method":"ping","params":[]}': (6, -32600, '"params"'),
        b"[" * 200 + b"]" * 200: (None, -32600, "batches are not served"),
        b'"%b"' % (b"x" * 1_100_000): (None, -32600, "larger than"),
    }
    none = (b"", b"  \r", b'{"jsonrpc":"2.0","id":9,"result":{}}', b'{"jsonrpc":"2.0","method":"none"}')
    async with connected(server.url, "--bot", "malformed") as player:
        for line in (*malformed, *none):
            await player.send(line)
        assert (await player.end())[0] == 0
        found = {(answer["id"], answer["error"]["code"]): answer for answer in player.others}
        assert len(player.others) == len(malformed)
        for own_id, code, word in malformed.values():
            assert (own_id, code) in found
            assert any(word in answer["error"]["message"] for answer in player.others)


@pytest.mark.long
async def test_big_answers_and_many_calls_at_once_come_through(server: ServerProcess) -> None:
    async with connected(f"{server.url}/mcp?toolset=fleet") as player:
        bots = [f"big-{number}" for number in range(400)]
        starts = [{"botId": bot, "start": {"weapon": "mace"}} for bot in bots]
        answer = await player.call("step_many", steps=starts, view="json")
        assert len(answer["result"]["structuredContent"]["results"]) == 400
        assert len(json.dumps(answer)) > 1_000_000
        reads = [await player.begin(called(f"r{n}", "get_game_state", botId=bots[n])) for n in range(90)]
        assert {text_of(await one)[:5] for one in reads} == {"e1 t0"}
        tools = (await player.ask(request("tools", "tools/list")))["result"]["tools"]
        assert "step_many" in {tool["name"] for tool in tools}


async def test_the_newest_revision_names_method_tool_and_bot_for_balancers(server: ServerProcess) -> None:
    async with evil(server.port) as proxy:
        async with connected(proxy.url, "--bot", "named") as player:
            await begin(player)
            await player.ask(request("rules", "resources/read", {"uri": "dungeonfighter://rules"}))
        async with connected(proxy.url) as player:
            assert text_of(await player.call("get_game_state", botId="named")).startswith("e1 t0")
    heads = [one.partition(b"\r\n\r\n")[0].decode().lower().splitlines() for one in proxy.requests]
    _, start, reading, free = heads
    assert start[0] == reading[0] == "post /bots/named/mcp http/1.1"
    assert free[0] == "post /mcp http/1.1"
    expected = {"mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", "mcp-name: start_new_game"}
    assert expected | {"mcp-param-bot-id: named"} <= set(start)
    assert {"mcp-method: resources/read", "mcp-name: dungeonfighter://rules"} <= set(reading)
    assert "mcp-param-bot-id: named" in free


async def test_an_older_revision_is_the_one_of_its_handshake(server: ServerProcess) -> None:
    async with evil(server.port) as proxy, connected(proxy.url, "--bot", "older") as player:
        await player.ask({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
        await player.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        listed = await player.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        assert "resultType" not in listed["result"]
        assert (await player.end())[0] == 0
    heads = [one.partition(b"\r\n\r\n")[0].decode().lower() for one in proxy.requests]
    assert ["mcp-protocol-version: 2025-06-18" in head for head in heads] == [False, True, True]


@pytest.mark.long
async def test_a_server_that_restarts_costs_no_turn(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with connected(server.url, "--bot", "restarted") as player:
            await begin(player)
            assert await play(player) == "e1 t1"
            server.kill()
            answer = await player.begin(called("x", "handle_input", input="1"))
            await server.start_in_thread()
            assert text_of(await answer).startswith("e1 t2")
            code, notes = await player.end()
    assert code == 0
    assert notes.count("\n") == 2
    assert "cannot be reached: " in notes
    assert "answers again" in notes


@pytest.mark.long
async def test_a_refusal_that_lasts_is_answered_in_the_words_of_the_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=["--rate-per-bot", "1"]) as server:
        async with connected(server.url, "--bot", "hasty", "--patience", "0") as player:
            answers = [await player.call("get_game_state") for _ in range(6)]
        async with connected(server.url, "--bot", "patient") as player:
            patient = [await player.call("get_game_state") for _ in range(6)]
    refused = [answer for answer in answers if "error" in answer]
    assert refused
    assert refused[0]["error"]["data"]["code"] == "rate_limited"
    assert all("unknown_bot" in text_of(answer) for answer in patient)


@pytest.mark.long
def test_a_client_that_reads_no_more_ends_the_bridge(server: ServerProcess) -> None:
    bridge = subprocess.Popen(
        [*COMMAND, server.url, "--bot", "unread"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    with bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        assert bridge.stderr is not None
        bridge.stdout.close()
        bridge.stdin.write(json.dumps(called(1, "start_new_game", weapon="mace")).encode() + b"\n")
        bridge.stdin.flush()
        assert bridge.wait(60) == 0  # although its input is open
        assert bridge.stderr.read() == b""


# Access


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("guarded"), flags=["--auth=tokens"]) as server:
        yield server


@pytest.mark.long
async def test_a_token_that_is_revoked_and_replaced_goes_on_without_a_restart(
    guarded: ServerProcess, tmp_path: Path
) -> None:
    first = make_token(guarded.database, "--fleet", "team-a", "--bots", "ada")
    file = tmp_path / "token"
    file.write_text(first)
    async with connected(guarded.url, "--bot", "ada", "--token-file", str(file)) as player:
        await begin(player)
        assert token("revoke", first[:12], database=guarded.database).returncode == 0
        await asyncio.to_thread(Client(guarded).await_status, first, 401)
        refused = await player.call("handle_input", input="1")
        assert refused["error"]["data"]["code"] == "not_allowed"
        assert f"put a valid token into {file}, the next call reads it" in text_of(refused)
        second = make_token(guarded.database, "--fleet", "team-a", "--bots", "ada")
        file.write_text(second)
        assert await play(player) == "e1 t1"
        code, notes = await player.end()
    assert code == 0
    for secret in (first, second):
        assert secret[12:] not in notes + json.dumps(refused)


@pytest.mark.long
async def test_without_a_token_the_answer_names_the_way_to_one(guarded: ServerProcess) -> None:
    async with connected(guarded.url, "--bot", "ada") as player:
        for method in ("server/discover", "tools/call"):
            answer = await player.ask(request(1, method, {"name": "get_game_state"}))
            assert "DUNGEONFIGHTER_TOKEN or --token-file" in text_of(answer)


@pytest.mark.long
async def test_the_token_of_the_environment_plays(guarded: ServerProcess) -> None:
    made = make_token(guarded.database, "--fleet", "team-b", "--bots", "bob")
    async with connected(guarded.url, DUNGEONFIGHTER_TOKEN=made) as player:
        await begin(player)
        assert await play(player) == "e1 t1"


# Addresses


async def test_a_server_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with connected(url, "--bot", "ada", "--patience", "0") as player:
        answer = await player.call("handle_input", input="1")
        said = f"error unreachable: {url} cannot be reached: connection refused; nothing was applied"
        assert text_of(answer).startswith(said)
        hello = await player.ask(request("d", "server/discover"))
        assert hello["error"]["code"] == -32000
        assert (await player.end())[0] == 0


@pytest.mark.long
async def test_an_address_that_is_no_mcp_address_is_named(server: ServerProcess) -> None:
    async with connected(f"{server.url}/elsewhere", "--bot", "ada") as player:
        answer = await player.call("get_game_state")
        assert "MCP is served at POST /mcp" in text_of(answer)

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello")

    website = await asyncio.start_server(page, "127.0.0.1", 0)
    port = website.sockets[0].getsockname()[1]
    async with website, connected(f"http://127.0.0.1:{port}", "--bot", "ada") as player:
        answer = await player.call("get_game_state")
        assert "is not the MCP address of a server of this game (HTTP 200, text/html)" in text_of(answer)


@pytest.mark.long
async def test_a_private_authority_is_trusted_if_named(server: ServerProcess, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server_files("127.0.0.1"))

    async with evil(server.port) as proxy:
        front = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{front.sockets[0].getsockname()[1]}"
        async with front:
            async with connected(url, "--bot", "tls", "--ca-file", str(authority.file)) as player:
                await begin(player)
                assert await play(player) == "e1 t1"
            async with connected(url, "--bot", "tls") as player:
                answer = await player.call("handle_input", input="1")
                assert "its certificate is not accepted: unable to get local issuer" in text_of(answer)
                assert "nothing was applied" in text_of(answer)
    async with connected(server.url.replace("http", "https"), "--bot", "tls") as player:
        assert "TLS failed" in text_of(await player.call("handle_input", input="1"))


@pytest.mark.long
async def test_a_proxy_of_the_environment_is_used_except_for_this_machine(server: ServerProcess) -> None:
    async with evil(server.port) as proxy:
        names = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        async with connected("http://play.invalid", "--bot", "ada", **names) as player:
            assert "not known under that Host" in text_of(await player.call("get_game_state"))
        assert proxy.requests[0].startswith(b"POST http://play.invalid/bots/ada/mcp ")
        async with connected(server.url, "--bot", "direct", **names) as player:
            await begin(player)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ftp://x"], "URL: 'ftp://x' is no http or https address"),
        (["http://user:secret@x"], "URL: an address holds no user and password"),
        (["http://x", "--bot", "two words"], "--bot: 'two words' is not a bot id"),
        (["http://x/bots/ada/mcp", "--bot", "bob"], "URL: the address belongs to the bot ada"),
        (["http://x", "--ca-file", "ca.pem"], "--ca-file is for https"),
        (["https://x", "--ca-file", "/none.pem"], "--ca-file: /none.pem"),
        (["http://x", "--token", "secret"], "--token: every user of this machine can read a flag"),
        (["http://x", "--token-file", "/none"], "--token-file: /none cannot be read"),
    ],
)
def test_wrong_words_are_refused_at_the_start(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["connect", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    assert code == 2
    assert f"dungeonfighter connect: {said}" in shown.err
    assert "secret" not in shown.err
    assert shown.out == ""
