"""One thread that does blocking work in order for an event loop, which must not block for long."""

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
    """Runs callables one after the other in a thread; each result goes back to the calling event loop.

    Cancelling a caller does not cancel its work. A caller that has waited for `patience_seconds` gets an
    error; the thread never begins work that it had not begun by then.

    Args:
        name: The name of the thread.
        patience_seconds: The longest time that a caller waits.
    """

    def __init__(self, name: str, patience_seconds: float = limits.commit_timeout_seconds) -> None:
        self._patience_seconds = patience_seconds
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._waited_for: deque[_Task] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: _Task | None = None
        """The last task whose caller stopped waiting for it."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while the thread has work whose caller waits for it."""
        return any(not task.is_done for task in self._waited_for)

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
            lock: Entered in the thread before the work begins and left after it.
            hold_seconds: How long the call may block the loop itself to wait for the result. A result that
                comes within this time costs no wake-up of the loop, and the thread has the interpreter for
                itself.
            patient: Wait without a limit.

        Raises:
            NotWritten: The thread did not begin the work in time, and never will; or the thread was stopped.
            StoreUnavailable: The thread began the work and did not end it in time.
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
        """Finish the accepted work and end the thread; return False if that exceeds the patience."""
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
        """Bound the wait for a task: one timer, set for the oldest task, serves all of them."""
        while self._waited_for and self._waited_for[0].is_done:
            self._waited_for.popleft()
        task.overdue_at = loop.time() + self._patience_seconds
        self._waited_for.append(task)
        if self._timer is None:
            self._timer = loop.call_at(task.overdue_at, self._give_up_overdue, loop)

    def _give_up_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
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
                self._timer = loop.call_at(task.overdue_at, self._give_up_overdue, loop)
                return


class _Task:
    """One call of `WorkerThread.run`: its work, its result and the loop that waits for it."""

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
        """`do` releases this lock after the work, unless an event loop awaits the task."""
        self.returned.acquire()

    def do(self) -> None:
        """Run the work in the thread and pass on its result."""
        try:
            self._lock.__enter__()
            try:
                if self._begin():
                    self._result = self._work()
            finally:
                self._leave()
        except BaseException as error:  # noqa: BLE001 (`outcome` raises it in the caller)
            self._error = error
        del self._work, self._lock  # the work may hold a batch of states; the caller needs only the result
        with self._guard:
            self.is_done = True
            future = self._future
        if future is None:
            self.returned.release()
            return
        try:
            future.get_loop().call_soon_threadsafe(_wake, future)
        except RuntimeError:
            return  # the loop is closed, so no caller is left

    def _leave(self) -> None:
        """Leave the lock; log an error, because the work is done in any case."""
        try:
            self._lock.__exit__(None, None, None)
        except OSError as error:
            _log.warning("a lock could not be left: %s", error)

    def _begin(self) -> bool:
        with self._guard:
            self._is_begun = not self._is_abandoned
            return self._is_begun

    def give_up(self) -> None:
        """Fail the caller's future with an error, unless the work has ended meanwhile; runs in the loop."""
        with self._guard:
            if self.is_done or self._future is None:
                return
            self._is_abandoned = not self._is_begun
        if not self._future.done():
            what = "the database did not answer in time"
            error = NotWritten(what) if self._is_abandoned else StoreUnavailable(what)
            self._future.set_exception(error)

    def awaited_in(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """Return a future that completes with the work, or None if the work is done already."""
        with self._guard:
            if self.is_done:
                return None
            self._future = loop.create_future()
            return self._future

    def outcome(self) -> Any:
        """Return the result of the finished work, or raise its exception."""
        if self._error is not None:
            raise self._error
        result, self._result = self._result, None
        return result


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
