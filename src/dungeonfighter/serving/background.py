"""Background tasks whose failures are always reported."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, NoReturn


async def every(seconds: float, do: Callable[[], object], what: str, logger: logging.Logger) -> NoReturn:
    """Call `do` every `seconds` until cancelled; log an exception and continue.

    Args:
        seconds: The pause before each call.
        do: The work.
        what: The name of the work in the log.
        logger: Receives the failures.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            do()
        except Exception:
            logger.exception("%s failed; it is tried again", what)


class Soon:
    """Calls `do` once, some time after the first of any number of requests.

    Args:
        seconds: The time between.
        do: The work; it may ask for the next call.
    """

    def __init__(self, seconds: float, do: Callable[[], None]) -> None:
        self._seconds = seconds
        self._do = do
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._run)

    def close(self) -> None:
        """Call `do` no more for earlier requests."""
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._timer = None
        self._do()


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None] | None, name: str) -> AsyncIterator[None]:
    """Run a task that never ends by itself (`begin`) while the block runs; None is no work."""
    if work is None:
        yield
        return
    task = begin(work, name)
    try:
        yield
    finally:
        task.cancel()


def begin(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task that runs without being awaited; a failure reaches the loop's exception handler at once.

    Without this, asyncio reports a failed task only when its last reference is gone, perhaps at process exit.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _begun.add(task)
    task.add_done_callback(_begun.discard)
    task.add_done_callback(_report_failure)
    return task


_begun: Final[set[asyncio.Task[None]]] = set()
"""The event loop itself keeps no tasks alive."""


def _report_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        task.get_loop().call_exception_handler(
            {"message": f"the {task.get_name()} ended", "exception": error, "task": task}
        )
