"""One thread that does blocking work in order, for an event loop that must not block."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from dungeonfighter.errors import StoreUnavailable

_Result = TypeVar("_Result")


class WorkerThread:
    """Runs callables one after the other; each result goes back to the loop that asked.

    A caller that is cancelled only stops waiting: its work is done all the same.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """The result of `work()`, or its exception.

        Raises:
            StoreUnavailable: The thread has been stopped; nothing was done.
        """
        if self._stopped:
            raise StoreUnavailable("the database is closed")
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._tasks.put((work, future))
        return await future

    async def stop(self) -> None:
        """Finish what was accepted and end the thread."""
        self._stopped = True
        self._tasks.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            work, future = task
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 (handed to the one who asked)
                _hand_back(future, None, error)
            else:
                _hand_back(future, result, None)
            del task, work, future


def _hand_back(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    def deliver() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        future.get_loop().call_soon_threadsafe(deliver)
    except RuntimeError:
        return  # the loop is closed: nobody is left to be told
