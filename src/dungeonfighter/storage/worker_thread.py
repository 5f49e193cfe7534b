"""One thread that does blocking work in order, for an event loop that must not block for long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from dungeonfighter import limits
from dungeonfighter.errors import NotWritten, StoreUnavailable

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_NO_LOCK: Final = contextlib.nullcontext()


class WorkerThread:
    """Runs callables one after the other; each result goes back to the loop that asked.

    A caller that is cancelled only stops waiting: its work is done all the same. A caller that has waited for
    `patience_seconds` is answered with an error; work that had not begun by then is never begun.

    Args:
        name: Of the thread.
        patience_seconds: How long a caller waits at most.
    """

    def __init__(self, name: str, patience_seconds: float = limits.commit_timeout_seconds) -> None:
        self._patience_seconds = patience_seconds
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._waited_for: deque[_Task] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: _Task | None = None
        """The last work that a caller gave up waiting for."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(
        self,
        work: Callable[[], _Result],
        *,
        lock: AbstractContextManager[Any] = _NO_LOCK,
        hold_seconds: float = 0.0,
        patient: bool = False,
    ) -> _Result:
        """Return the result of `work()`, or raise its exception.

        Args:
            work: Called in the thread.
            lock: Entered in the thread before the work begins, left after it.
            hold_seconds: For how long the loop itself may be held for the result, before it goes on with
                other things. Then a result that comes soon costs no wake-up of the loop, and the thread has
                the interpreter for itself.
            patient: Wait for as long as it takes.

        Raises:
            NotWritten: The work was not begun in time, and never will be; or the thread has been stopped.
            StoreUnavailable: The work was begun, and has not ended in time.
        """
        if self._stopped:
            raise NotWritten("the database is closed")
        if self._overdue is not None and not self._overdue.is_done:
            raise NotWritten("the database is still held up by what was asked before")
        task = _Task(work, lock)
        self._tasks.put(task)
        if not (hold_seconds and task.returned.acquire(timeout=hold_seconds)):
            loop = asyncio.get_running_loop()
            future = task.awaited_in(loop)
            if future is not None:
                if not patient:
                    self._watch(task, loop)
                await future
        result: _Result = task.outcome()
        return result

    async def stop(self) -> bool:
        """Finish what was accepted and end the thread; False if it does not end within the patience."""
        self._stopped = True
        self._tasks.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, self._patience_seconds)
        if self._timer is not None:
            self._timer.cancel()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.do()
            del task

    # In the loop

    def _watch(self, task: _Task, loop: asyncio.AbstractEventLoop) -> None:
        """One timer looks after all that is waited for: it is set for the oldest, so seldom."""
        while self._waited_for and self._waited_for[0].is_done:
            self._waited_for.popleft()
        task.overdue_at = loop.time() + self._patience_seconds
        self._waited_for.append(task)
        if self._timer is None:
            self._timer = loop.call_at(task.overdue_at, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        while self._waited_for:
            task = self._waited_for[0]
            if task.is_done:
                self._waited_for.popleft()
            elif task.overdue_at <= loop.time():
                self._waited_for.popleft()
                task.give_up()
                self._overdue = task
            else:
                self._timer = loop.call_at(task.overdue_at, self._look, loop)
                return


class _Task:
    """Some work on its way to the thread and back."""

    __slots__ = (
        "_error", "_future", "_guard", "_is_abandoned", "_is_begun", "_lock", "_result", "_work", "is_done",
        "overdue_at", "returned",
    )  # fmt: skip

    def __init__(self, work: Callable[[], Any], lock: AbstractContextManager[Any]) -> None:
        self._work = work
        self._lock = lock
        self._guard = threading.Lock()
        self._is_begun = self._is_abandoned = self.is_done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._future: asyncio.Future[None] | None = None
        self.overdue_at = 0.0
        self.returned = threading.Lock()
        """Free once the work is done, unless somebody awaits it in a loop."""
        self.returned.acquire()

    def do(self) -> None:
        """In the thread."""
        try:
            self._lock.__enter__()
            try:
                if self._begin():
                    self._result = self._work()
            finally:
                self._leave()
        except BaseException as error:  # noqa: BLE001 (handed to the one who asked)
            self._error = error
        del self._work, self._lock  # a batch of states, perhaps; who waits needs the result only
        with self._guard:
            self.is_done = True
            future = self._future
        if future is None:
            self.returned.release()
            return
        try:
            future.get_loop().call_soon_threadsafe(_wake, future)
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told

    def _leave(self) -> None:
        """Leave the lock; what was done stays done, whatever the system says."""
        try:
            self._lock.__exit__(None, None, None)
        except OSError as error:
            _log.warning("a lock could not be left: %s", error)

    def _begin(self) -> bool:
        with self._guard:
            self._is_begun = not self._is_abandoned
            return self._is_begun

    def give_up(self) -> None:
        """In the loop: answer the caller with an error, unless the work has ended meanwhile."""
        with self._guard:
            if self.is_done or self._future is None:
                return
            self._is_abandoned = not self._is_begun
        if not self._future.done():
            what = "the database did not answer in time"
            error = NotWritten(what) if self._is_abandoned else StoreUnavailable(what)
            self._future.set_exception(error)

    def awaited_in(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """Return what ends when the work is done; None: it is."""
        with self._guard:
            if self.is_done:
                return None
            self._future = loop.create_future()
            return self._future

    def outcome(self) -> Any:
        """Return the result of the work that is done, or raise its exception."""
        if self._error is not None:
            raise self._error
        result, self._result = self._result, None
        return result


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
