"""A task ends although it misses a cancellation, as `asyncio.wait_for` of Python 3.11 makes it do."""

from __future__ import annotations

import asyncio
import contextlib

from dungeonfighter.task_ending import end


async def test_a_task_that_swallows_cancellations_is_ended() -> None:
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while swallowed < 3:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            swallowed += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end(task)
    assert task.cancelled()
    assert swallowed == 3


async def test_ended_tasks_keep_their_results() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    await end(task)
    assert isinstance(task.exception(), ValueError)
