"""The supervisor, over small worker processes that only speak the protocol of the channel."""

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

async def main(behaviour, descriptor):
    end = socket.socket(fileno=int(descriptor))
    if behaviour.name == "babbles" and not behaviour.exists():
        behaviour.touch()
        end.sendall(b"no message\\n")
    parent = Parent(await Channel.over(end))
    drained = asyncio.Event()
    async with parent.receiving(on_drain=drained.set, on_parent_gone=drained.set):
        while behaviour.name == "late" and not behaviour.exists() and not drained.is_set():
            await asyncio.sleep(0.005)
        if await parent.may_listen():
            parent.report_listening()
            await drained.wait()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


class SupervisorRun:
    """A supervisor that runs in this process's loop, and the lines of its log in order."""

    def __init__(self, folder: Path, behaviours: list[str], log: pytest.LogCaptureFixture) -> None:
        self.late = folder / "late"
        """A late worker can serve once this file exists."""
        self._behaviours = [folder / behaviour for behaviour in behaviours]
        self._log = log

    def command(self, number: int, descriptor: int) -> list[str]:
        return [sys.executable, "-c", WORKER, str(self._behaviours[number]), str(descriptor)]

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self._log.records]

    def position(self, begin: str) -> int:
        """Return the index of the first line that begins with this text."""
        return next(place for place, line in enumerate(self.lines) if line.startswith(begin))

    async def until(self, begin: str) -> None:
        while not any(line.startswith(begin) for line in self.lines):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self, open_seconds: float = 60.0) -> AsyncIterator[None]:
        supervisor = Supervisor(
            self.command, len(self._behaviours), drain_seconds=0, close_seconds=60, on_listening=_log_started,
            open_seconds=open_seconds,
        )  # fmt: skip
        running = asyncio.create_task(supervisor.run())
        try:
            yield
        except BaseException:
            running.cancel()  # a signal before the workers serve would end this process
            await asyncio.wait([running])
            raise
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0


def _log_started() -> None:
    logging.getLogger().info("started")


Make = Callable[..., SupervisorRun]


@pytest.fixture
def make(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Make:
    caplog.set_level(logging.INFO)
    return lambda *behaviours: SupervisorRun(tmp_path, list(behaviours), caplog)


async def test_no_worker_serves_before_all_workers_can(make: Make) -> None:
    run = make("good", "good", "late")
    async with run.running():
        await run.until("worker 1 can serve")
        assert not any(" serves " in line for line in run.lines)
        run.late.touch()
        await run.until("started")
    all_can = max(run.position(f"worker {number} can serve") for number in range(3))
    assert all_can < min(run.position(f"worker {number} serves") for number in range(3))
    assert run.position("started") > max(run.position(f"worker {number} serves") for number in range(3))


async def test_the_others_serve_without_a_late_worker_after_open_seconds(make: Make) -> None:
    run = make("good", "late")
    async with run.running(open_seconds=0.1):
        await run.until("started")
        assert run.position("worker 1 cannot serve after 0.1 s") < run.position("worker 0 serves")
        run.late.touch()  # the late worker can serve now
        await run.until("worker 1 serves")
    assert run.lines.count("started") == 1


async def test_a_worker_that_sends_an_undecodable_message_is_replaced(make: Make) -> None:
    run = make("good", "babbles")
    async with run.running():
        await run.until("started")
        await run.until("worker 1 serves")
    assert "worker 1 sent a message that cannot be decoded: it is replaced" in run.lines
    assert run.position("worker 1 ended (killed by signal 9)") < run.position("worker 1 can serve")


async def test_the_first_signal_drains_all_workers(make: Make) -> None:
    run = make("good", "late")
    async with run.running(open_seconds=0.0):
        await run.until("worker 0 serves")
    assert not any(" ended " in line for line in run.lines)


def test_patience_seconds_exceeds_the_sum_of_a_workers_time_limits() -> None:
    supervisor = Supervisor(
        lambda *_: [], 2, drain_seconds=7, close_seconds=600 + CLOSE_SECONDS, on_listening=lambda: None
    )
    assert supervisor.patience_seconds > 7 + FINISH_SECONDS_MAX + SPARE_SECONDS + 600 + CLOSE_SECONDS
