"""Helpers for tests of real balancers: servers at one port of several addresses, and a load that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import re
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.report import make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules
from testkit.certificates import Authority
from testkit.ports import quiet_port
from testkit.server_process import ROOT, ServerProcess
from tests.integration.through_balancer import wait_for_turns

DRAIN_SECONDS: Final = 2.0
"""Somewhat longer than a balancer needs to notice that a server is not ready."""
EVERY_SECONDS: Final = 1.0
SECONDS_MAX: Final = 60.0


class Server(ServerProcess):
    """A server that is drained, and followed by one of another release at the same address."""

    def has_ended(self) -> bool:
        """Return True if the process was started and has ended by itself or by a signal of the test."""
        return self._process is not None and self._process.poll() is not None

    async def drain(self) -> None:
        """End the server in good order."""
        assert await asyncio.to_thread(self.terminate) == 0

    async def replace(self, source: Path = ROOT / "src") -> None:
        """Drain the server and start a release in its place."""
        await self.drain()
        await self.start_release(source)

    async def start_release(self, source: Path = ROOT / "src") -> None:
        """Start a release, by default this one."""
        self._source = source
        await self.start_in_thread()

    def figure(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        return sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))


@contextlib.asynccontextmanager
async def replicas(
    folder: Path, database: str, count: int, flags: Sequence[str] = ()
) -> AsyncIterator[list[Server]]:
    """Run servers of one database at 127.0.0.11, 127.0.0.12 and so on, all at the same port."""
    port = quiet_port()
    words = (f"--drain-seconds={DRAIN_SECONDS}", "--trusted-proxies=127.0.0.0/8", *flags)
    with contextlib.ExitStack() as stack:
        started = []
        for number in range(count):
            own_folder = folder / f"server{number}"
            own_folder.mkdir()
            server = Server(own_folder, database, words, address=(f"127.0.0.{11 + number}", port))
            started.append(server)
            stack.callback(server.kill)
        await asyncio.gather(*(server.start_in_thread() for server in started))
        yield started


@contextlib.asynccontextmanager
async def playing(
    url: str,
    bots: int,
    every: float = EVERY_SECONDS,
    *,
    token: str = "",
    prefix: str = "bot",
    patience_seconds: float = 30.0,
) -> AsyncIterator[Tally]:
    """Let bots play until the end of the block, then verify every turn that was acknowledged.

    Zero failed turns means: no error after the repeats, nothing lost, nothing doubled.
    """
    tally, stop = Tally(), asyncio.Event()
    habits = Habits(run_inputs_max=40, patience_seconds=patience_seconds)
    options = LoadOptions(url, bots, every=every, token=token, prefix=prefix, habits=habits)
    async with asyncio.TaskGroup() as group:
        loading = group.create_task(run_load(options, lambda _: None, tally=tally, stop=stop))
        try:
            yield tally
        finally:
            stop.set()
    load = loading.result()
    verdict = await verify_load(load, load_rules(), lambda _: None)
    assert not tally.errors, tally.examples
    assert not verdict.findings, (verdict.findings, verdict)
    assert verdict.turns == tally.turns
    assert make_report(load, verdict).passed


async def kill_at_work(server: Server, tally: Tally) -> None:
    """Kill a server that has calls of its bots: it is stopped until the bots of other servers went on."""
    server.signal(signal.SIGSTOP)
    await wait_for_turns(tally, tally.turns + 100)
    server.kill()


async def reaches(condition: Callable[[], bool]) -> None:
    """Wait for a condition, which may take a while to find out."""
    async with asyncio.timeout(SECONDS_MAX):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (it asks other programs)
            await asyncio.sleep(0.05)


def hot_games(servers: Iterable[Server]) -> list[int]:
    """Return how many games each server has in memory: one of each bot that ever called it."""
    return [int(server.figure("mcp_hot_games")) for server in servers]


def served_certificate(port: int) -> str:
    """Return the certificate that a new connection is shown."""
    return ssl.get_server_certificate(("localhost", port))


@contextlib.contextmanager
def trusting(authority: Authority) -> Iterator[None]:
    """Let clients of this process trust an authority, as everybody may do with this variable."""
    variable = ssl.get_default_verify_paths().openssl_cafile_env
    former = os.environ.get(variable)
    os.environ[variable] = str(authority.file)
    try:
        yield
    finally:
        if former is None:
            del os.environ[variable]
        else:
            os.environ[variable] = former
