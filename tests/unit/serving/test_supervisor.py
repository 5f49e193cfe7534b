"""The parent of the workers, over small processes that speak its channel and serve nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dungeonfighter.serving.server import FINISH_SECONDS_MAX, SPARE_SECONDS
from dungeonfighter.serving.signals import CLOSE_SECONDS
from dungeonfighter.serving.supervisor import Supervisor

WORKER = """
import asyncio, socket, sys
from pathlib import Path
from dungeonfighter.serving.worker_channel import Channel, Parent

async def main(way, descriptor):
    end = socket.socket(fileno=int(descriptor))
    if way.name == "babbles" and not way.exists():
        way.touch()
        end.sendall(b"no message\\n")
    parent = Parent(await Channel.over(end))
    drained = asyncio.Event()
    async with parent.heard(drain=drained.set, alone=drained.set):
        while way.name == "late" and not way.exists() and not drained.is_set():
            await asyncio.sleep(0.005)
        if await parent.may_listen():
            parent.tell_listening()
            await drained.wait()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


class Seen:
    """Workers that run in this process's loop, and what their log says in order."""

    def __init__(self, folder: Path, ways: list[str], log: pytest.LogCaptureFixture) -> None:
        self.late = folder / "late"
        self._ways = [folder / way for way in ways]
        self._log = log

    def command(self, number: int, descriptor: int) -> list[str]:
        return [sys.executable, "-c", WORKER, str(self._ways[number]), str(descriptor)]

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self._log.records]

    def at(self, begin: str) -> int:
        """Where the first line stands that begins so."""
        return next(place for place, line in enumerate(self.lines) if line.startswith(begin))

    async def until(self, begin: str) -> None:
        while not any(line.startswith(begin) for line in self.lines):  # noqa: ASYNC110 - a process says it
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self, open_seconds: float = 60.0) -> AsyncIterator[None]:
        supervisor = Supervisor(
            self.command, len(self._ways), drain_seconds=0, close_seconds=60, started=_started,
            open_seconds=open_seconds,
        )  # fmt: skip
        running = asyncio.create_task(supervisor.run())
        try:
            yield
        except BaseException:
            running.cancel()  # a signal before they serve would end this process
            await asyncio.wait([running])
            raise
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0


def _started() -> None:
    logging.getLogger().info("started")


See = Callable[..., Seen]


@pytest.fixture
def see(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> See:
    caplog.set_level(logging.INFO)
    return lambda *ways: Seen(tmp_path, list(ways), caplog)


async def test_none_serves_before_all_can(see: See) -> None:
    seen = see("good", "good", "late")
    async with seen.running():
        await seen.until("worker 1 can serve")
        assert not any(" serves " in line for line in seen.lines)
        seen.late.touch()
        await seen.until("started")
    all_can = max(seen.at(f"worker {number} can serve") for number in range(3))
    assert all_can < min(seen.at(f"worker {number} serves") for number in range(3))
    assert seen.at("started") > max(seen.at(f"worker {number} serves") for number in range(3))


async def test_one_that_never_can_is_waited_for_only_so_long_and_told(see: See) -> None:
    seen = see("good", "late")
    async with seen.running(open_seconds=0.1):
        await seen.until("started")
        assert seen.at("worker 1 cannot serve after 0.1 s") < seen.at("worker 0 serves")
        seen.late.touch()  # it does after all
        await seen.until("worker 1 serves")
    assert seen.lines.count("started") == 1


async def test_one_that_cannot_be_understood_is_replaced(see: See) -> None:
    seen = see("good", "babbles")
    async with seen.running():
        await seen.until("started")
        await seen.until("worker 1 serves")
    assert "what worker 1 says cannot be read: it is replaced" in seen.lines
    assert seen.at("worker 1 ended (killed by signal 9)") < seen.at("worker 1 can serve")


async def test_the_first_signal_ends_all_in_good_order(see: See) -> None:
    seen = see("good", "late")
    async with seen.running(open_seconds=0.0):
        await seen.until("worker 0 serves")
    assert not any(" ended " in line for line in seen.lines)


def test_the_patience_with_a_drain_covers_every_bound_of_a_worker() -> None:
    supervisor = Supervisor(
        lambda *_: [], 2, drain_seconds=7, close_seconds=600 + CLOSE_SECONDS, started=lambda: None
    )
    assert supervisor.patience_seconds > 7 + FINISH_SECONDS_MAX + SPARE_SECONDS + 600 + CLOSE_SECONDS
