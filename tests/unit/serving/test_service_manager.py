"""The reports to systemd, received by the test itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter.serving.service_manager import (
    SILENCE_SECONDS_MIN,
    ServiceManager,
    without_socket,
)
from testkit.notify_socket import NotifySocket

READY = ["READY=1", "STATUS=serving"]
ALIVE = "WATCHDOG=1"
HALF_SECONDS = 0.01
EXTENDED = "EXTEND_TIMEOUT_USEC=15000000"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(str(tmp_path / "notify")) as made:
        yield made


def reporting_to(manager: NotifySocket, **environ: str) -> ServiceManager:
    watchdog = str(int(2 * HALF_SECONDS * 1_000_000))
    return ServiceManager({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": watchdog, **environ})


class Asked:
    """Tells whether a part is stuck, and counts the questions."""

    def __init__(self) -> None:
        self.stuck = ""
        self.count = 0

    def __call__(self, seconds: float) -> str:
        assert seconds >= SILENCE_SECONDS_MIN
        self.count += 1
        return self.stuck

    async def times(self, count: int) -> None:
        end = self.count + count
        while self.count < end:  # noqa: ASYNC110 (nothing else happens)
            await asyncio.sleep(HALF_SECONDS / 2)


async def test_signs_of_life_begin_when_the_server_is_ready_and_end_while_a_part_is_stuck(
    manager: NotifySocket,
) -> None:
    service, asked = reporting_to(manager, WATCHDOG_PID=str(os.getpid())), Asked()
    async with service.reporting(asked):
        await asyncio.to_thread(manager.wait_for, EXTENDED)
        service.ready()
        await asked.times(2)
        assert manager.drain()[:4] == [*READY, ALIVE, ALIVE]
        asked.stuck = "worker 1 is stuck"
        await asked.times(3)
        assert manager.drain()[-1] == "STATUS=worker 1 is stuck"
        await asked.times(3)
        assert manager.drain() == []
        asked.stuck = ""
        await asked.times(2)
        assert manager.drain()[:2] == ["STATUS=serving", ALIVE]


@pytest.mark.parametrize("watchdog", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "x"}])
async def test_without_a_watchdog_of_its_own_a_process_never_asks_for_signs_of_life(
    manager: NotifySocket, watchdog: dict[str, str]
) -> None:
    service, asked = reporting_to(manager, **watchdog), Asked()
    async with service.reporting(asked):
        service.ready()
        service.stopping()
        await asyncio.to_thread(manager.wait_for, EXTENDED)
        await asyncio.to_thread(manager.wait_for, EXTENDED)
    assert asked.count == 0
    assert manager.seen == [*READY, "STOPPING=1", "STATUS=finishing what is in flight", EXTENDED, EXTENDED]


def test_a_reload_is_reported_only_by_a_server_that_serves(manager: NotifySocket) -> None:
    service, read = reporting_to(manager), list[list[str]]()
    service.reload(lambda: read.append(manager.drain()))
    assert read == [[]]
    service.ready()
    service.reload(lambda: read.append(manager.drain()))
    assert read[1][:3] == [*READY, "RELOADING=1"]
    assert manager.drain() == READY
    service.stopping()
    manager.drain()
    service.reload(lambda: read.append(manager.drain()))
    assert read[2] == manager.drain() == []


def test_a_reload_that_fails_is_still_over(manager: NotifySocket) -> None:
    service = reporting_to(manager)
    service.ready()
    with pytest.raises(IndexError):
        service.reload(list[int]().pop)
    assert manager.drain()[-2:] == READY


def test_a_manager_that_is_gone_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).ready()
    assert "the service manager cannot be told READY=1: No such file" in caplog.text


@pytest.mark.parametrize("address", ["", "vsock:2:1"])
async def test_without_a_usable_socket_no_report_is_sent(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    async with service.reporting():
        service.ready()
        service.stopping()
    assert ("no path" in caplog.text) == bool(address)


def test_workers_do_not_get_the_socket() -> None:
    environ = {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "HOME": "/"}
    assert without_socket(environ) == {"HOME": "/"}
