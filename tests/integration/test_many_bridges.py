"""A thousand bridges in one process share few connections and little memory, and lose no turn."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from dungeonfighter.bridge.attempts import Attempts, Limits
from dungeonfighter.bridge.bridge import LINE_BYTES_MAX, Bridge
from dungeonfighter.bridge.link import CONNECTIONS_MAX, Link
from dungeonfighter.bridge.target import read_target
from dungeonfighter.fleet.files import allow_many_files
from dungeonfighter.mcp.lines import ByteStreams
from testkit.evil_proxy import DEEDS, evil
from testkit.server_process import ServerProcess
from tests.integration.bridged import NoToken, Player, bridged, linked, text_of

BRIDGES: Final = 1_000
TURNS: Final = 2
START: Final = {"weapon": "mace"}
BYTES_EACH_MAX: Final = 250_000
LIMITS: Final = Limits(patience_seconds=60.0, answer_seconds=10.0, first_answer_seconds=5.0)


class SocketPlayer(Player):
    """The client at the other end of a bridge's standard streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._reader = reader
        self._writer = writer
        self._reading = asyncio.create_task(self._read())

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self._writer.write(line + b"\n")
        await self._writer.drain()

    async def _read(self) -> None:
        async for line in self._reader:
            self.heard(line)

    async def close(self) -> None:
        self._writer.write_eof()
        await self._reading
        self._writer.close()


@contextlib.asynccontextmanager
async def streamed(link: Link, url: str, bot: str) -> AsyncIterator[SocketPlayer]:
    """Run a bridge over descriptors, as a process runs it over those of its client."""
    ours, its = socket.socketpair()
    lines = ByteStreams(its.fileno(), its.fileno(), LINE_BYTES_MAX)
    lines.start()
    attempts = Attempts(read_target(url, bot), link, NoToken(), LIMITS, lambda _: None)
    serving = asyncio.create_task(Bridge(lines, attempts).serve(asyncio.Event()))
    player = SocketPlayer(*await asyncio.open_connection(sock=ours))
    try:
        yield player
    finally:
        closing = asyncio.create_task(player.close())
        await serving
        its.close()
        await closing


def memory_bytes() -> int:
    """Return the memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.mark.long
@pytest.mark.timeout(400)  # seconds of work, and minutes beside other tests
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
async def test_a_thousand_bridges_share_few_connections(tmp_path: Path) -> None:
    allow_many_files()
    dice = random.Random(5)

    def choose(_: bytes) -> str:
        return dice.choice(DEEDS) if dice.random() < 0.05 else "pass"

    with ServerProcess(tmp_path) as server:
        async with evil(server.port) as proxy, linked(proxy.url) as link:
            async with contextlib.AsyncExitStack() as stack:
                before = memory_bytes()
                players = [
                    await stack.enter_async_context(streamed(link, proxy.url, f"b{number}"))
                    for number in range(BRIDGES)
                ]

                async def play(player: SocketPlayer, turn: int) -> None:
                    tool, arguments = ("handle_input", {"input": "1"}) if turn else ("start_new_game", START)
                    answer = await player.call(tool, **arguments)
                    assert text_of(answer).startswith(f"e1 t{turn}"), answer

                for turn in range(TURNS):
                    await asyncio.gather(*(play(player, turn) for player in players))
                assert proxy.open_max <= CONNECTIONS_MAX
                each = (memory_bytes() - before) / BRIDGES
                proxy.choose = choose
                await asyncio.gather(*(play(player, TURNS) for player in players))
            assert proxy.done["pass"] < len(proxy.requests)
            print(f"{each / 1024:.0f} KB a bridge, {len(proxy.requests)} requests, {dict(proxy.done)}")
        async with linked(server.url) as link, bridged(link, server.url) as player:
            rows: list[dict[str, Any]] = []
            while len(rows) < BRIDGES:
                after = rows[-1]["botId"] if rows else ""
                answer = await player.call("list_bots", count=500, after=after)
                rows += answer["result"]["structuredContent"]["bots"]
    assert {(row["episode"], row["turn"]) for row in rows} == {(1, TURNS)}
    assert each < BYTES_EACH_MAX


async def test_bridges_of_one_process_do_not_mix_their_answers(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with linked(server.url, 2) as link, contextlib.AsyncExitStack() as stack:
            players = [
                await stack.enter_async_context(streamed(link, server.url, f"own{number}"))
                for number in range(10)
            ]

            async def play(number: int, player: SocketPlayer) -> None:
                await player.call("start_new_game", weapon="mace", name=f"Hero{number}")
                for _ in range(number):
                    await player.call("handle_input", input="1")
                found = await player.call("get_game_state", view="json")
                snapshot = found["result"]["structuredContent"]
                assert (snapshot["botId"], snapshot["turn"]) == (f"own{number}", number)

            await asyncio.gather(*(play(number, player) for number, player in enumerate(players)))
