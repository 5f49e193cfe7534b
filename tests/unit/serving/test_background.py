"""Background tasks continue after a failure, or report it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from dungeonfighter.serving import huge_pages
from dungeonfighter.serving.background import begin, every

LOGGER = logging.getLogger("some part")


async def test_a_failure_is_logged_and_the_next_call_comes(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    twice = asyncio.Event()

    def do() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("first")
        twice.set()

    task = asyncio.create_task(every(0.001, do, "the count", LOGGER))
    await twice.wait()
    task.cancel()
    assert [record.getMessage() for record in caplog.records] == ["the count failed; it is tried again"]


async def test_the_failure_of_a_task_is_reported_at_once_while_a_reference_is_left() -> None:
    reported: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.set_result(context))

    async def work() -> None:
        raise KeyError("broken")

    kept = begin(work(), "clock")
    context = await reported
    assert context["message"] == "the clock ended"
    assert context["exception"] is kept.exception()


async def test_a_task_that_is_cancelled_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    task = begin(asyncio.sleep(60), "clock")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert not caplog.records


async def test_the_end_of_asking_for_huge_pages_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def look(_: set[int]) -> bool:
        raise ValueError("no such line")

    await huge_pages.keep_advising(look, pause_seconds=0)
    assert [record.getMessage() for record in caplog.records] == ["huge pages are asked for no more"]
