"""Work beside the main work: none of it ends without a word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn


async def every(seconds: float, do: Callable[[], object], what: str, logger: logging.Logger) -> NoReturn:
    """Call `do` once every so many seconds until cancelled; a failure is logged, and the next call comes.

    Args:
        seconds: The pause before each call.
        do: What is done.
        what: What is said to have failed.
        logger: Who says it.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            do()
        except Exception:
            logger.exception("%s failed; it is tried again", what)


def begin(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task that runs until it is cancelled; the loop's exception handler hears at once if it fails.

    A task of asyncio tells that only when nothing refers to it any more, which may be at the end.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        task.get_loop().call_exception_handler(
            {"message": f"the {task.get_name()} ended", "exception": error, "task": task}
        )
