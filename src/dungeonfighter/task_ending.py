"""The end of tasks that may miss the order to end.

`asyncio.wait_for` of Python 3.11 swallows a cancellation that comes at the moment when the awaited call
completes (CPython's issue 86296), and client libraries use it. A task in a loop then goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

_PAUSE_SECONDS: Final = 0.1


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until all have ended; whoever wants their results asks them."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Do endless work in a task during a block; an error that ended the work is raised after the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await end(task)
        if not task.cancelled():
            task.result()
