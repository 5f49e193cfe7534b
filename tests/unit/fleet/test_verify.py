"""The verification reports bots that it could not read as not verified, never as lost."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter

import pytest

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.journal import Run
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.report import make_report, table
from dungeonfighter.fleet.verified_load import load_and_verify
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules


@pytest.fixture
async def load() -> Load:
    """Return a load of three bots that have begun their first run and whose server is gone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    habits = Habits(patience_seconds=0.01)
    load = await run_load(LoadOptions(url, 3, seconds=5, habits=habits), print)
    for player in load.players:
        player.journal.started(Run(1, 7, "Hero"), "")
    return load


async def test_bots_without_an_answer_are_not_reported_as_lost(load: Load) -> None:
    verdict = await verify_load(load, load_rules(), print)
    assert verdict.bots == 0
    assert not verdict.findings
    report = make_report(load, verdict)
    assert not report.passed
    assert report.failure == "3 bots could not be verified"
    shown = table(report)
    assert "not verified          3 bots: the server did not answer" in shown
    assert "lost, doubled, wrong  0" in shown


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_load_without_an_acknowledged_turn_is_not_verified(processes: int) -> None:
    shown: list[str] = []
    options = LoadOptions("http://127.0.0.1:9", 2, seconds=0.2, processes=processes)
    report = await load_and_verify(options, shown.append)
    assert not any("verifying" in line for line in shown)
    assert shown[-1] == "nothing to verify: the server acknowledged no turn"
    assert report.failure == "http://127.0.0.1:9 could not be reached (refused)"


HELD_SECONDS = 0.5
BUSY = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"busy","data":{"code":"draining"}}}'
UNKNOWN = (
    b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"error unknown_bot"}],'
    b'"isError":true,"structuredContent":{"code":"unknown_bot"}}}'
)


async def test_a_repeat_that_is_due_when_the_load_ends_is_not_sent() -> None:
    """It would be the second request on the connection of a reader, whose next bot would get its answer."""
    asked: Counter[bytes] = Counter()
    stop = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
            await reader.readexactly(length)
            tool, bot = re.findall(rb"Mcp-(?:Name|Param-Bot-Id): (\S+)", head)
            status, body = b"503 Busy", BUSY
            if tool == b"get_game_state":
                asked[bot] += 1
                await asyncio.sleep(HELD_SECONDS)  # longer than any pause before a repeat
                status, body = b"200 OK", UNKNOWN
            else:
                stop.set()
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        load = await run_load(LoadOptions(url, 3), print, stop=stop)
        await verify_load(load, load_rules(), print)
        assert dict(asked) == {b"bot-00000": 1, b"bot-00001": 1, b"bot-00002": 1}
