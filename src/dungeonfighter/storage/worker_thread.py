"""One thread that does blocking work in order, for an event loop that must not block for long."""

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
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], _Result], *, hold_seconds: float = 0.0) -> _Result:
        """The result of `work()`, or its exception.

        Args:
            work: Called in the thread.
            hold_seconds: For how long the loop itself may be held for the result, before it goes on with
                other things. Then a result that comes soon costs no wake-up of the loop, and the thread has
                the interpreter for itself.

        Raises:
            StoreUnavailable: The thread has been stopped; nothing was done.
        """
        if self._stopped:
            raise StoreUnavailable("the database is closed")
        task = _Task(work)
        self._tasks.put(task)
        if not (hold_seconds and task.returned.acquire(timeout=hold_seconds)):
            future = task.awaited_in(asyncio.get_running_loop())
            if future is not None:
                await future
        result: _Result = task.outcome()
        return result

    async def stop(self) -> None:
        """Finish what was accepted and end the thread."""
        self._stopped = True
        self._tasks.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.do()
            del task


class _Task:
    """Some work on its way to the thread and back."""

    __slots__ = ("_error", "_future", "_guard", "_is_done", "_result", "_work", "returned")

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._guard = threading.Lock()
        self._is_done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._future: asyncio.Future[None] | None = None
        self.returned = threading.Lock()
        """Free once the work is done, unless somebody awaits it in a loop."""
        self.returned.acquire()

    def do(self) -> None:
        """In the thread."""
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 (handed to the one who asked)
            self._error = error
        with self._guard:
            self._is_done = True
            future = self._future
        if future is None:
            self.returned.release()
            return
        try:
            future.get_loop().call_soon_threadsafe(_wake, future)
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told

    def awaited_in(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """What ends when the work is done; None: it is."""
        with self._guard:
            if self._is_done:
                return None
            self._future = loop.create_future()
            return self._future

    def outcome(self) -> Any:
        """The result of the work that is done, or its exception raised."""
        if self._error is not None:
            raise self._error
        return self._result


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
