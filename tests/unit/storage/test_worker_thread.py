"""`WorkerThread` returns each result or error to its caller, with or without holding the event loop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from functools import partial

import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.worker_thread import WorkerThread

HOLDS = pytest.mark.parametrize("hold_seconds", [0.0, 1e-9, 60.0])


def fail() -> None:
    raise KeyError("work")


@HOLDS
async def test_the_result_or_the_error_comes_back(hold_seconds: float) -> None:
    thread = WorkerThread("worker")
    assert await thread.run(threading.get_ident, hold_seconds=hold_seconds) == thread._thread.ident
    with pytest.raises(KeyError, match="work"):
        await thread.run(fail, hold_seconds=hold_seconds)
    await thread.stop()
    with pytest.raises(StoreUnavailable):
        await thread.run(fail, hold_seconds=hold_seconds)


async def test_a_held_loop_runs_no_callback_until_the_hold_ends() -> None:
    thread = WorkerThread("worker")
    order: list[str] = []
    loop = asyncio.get_running_loop()
    loop.call_soon(order.append, "others")
    await thread.run(lambda: order.append("work"), hold_seconds=60)
    assert order == ["work"]
    may_end = threading.Event()
    loop.call_soon(may_end.set)  # runs only after the hold has ended
    assert await thread.run(lambda: may_end.wait(60), hold_seconds=0.001)
    await thread.stop()


@HOLDS
async def test_each_result_reaches_its_caller(hold_seconds: float) -> None:
    thread = WorkerThread("worker")
    calls = [thread.run(partial(int, number), hold_seconds=hold_seconds) for number in range(500)]
    assert await asyncio.gather(*calls) == list(range(500))
    await thread.stop()


async def test_finished_work_is_not_kept_in_memory() -> None:
    """A batch holds hundreds of states; the timer of the oldest task must not keep them in memory."""

    class Batch:
        pass

    thread = WorkerThread("worker")
    kept = []
    for _ in range(20):
        batch = Batch()
        kept.append(weakref.ref(batch))
        await thread.run(partial(id, batch))
        del batch
    await thread.run(lambda: None)
    assert [one() for one in kept] == [None] * 20
    await thread.stop()


async def test_cancelling_a_caller_does_not_cancel_its_work() -> None:
    thread = WorkerThread("worker")
    may_end, done = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(60)
        done.set()

    caller = asyncio.create_task(thread.run(work))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    await thread.run(lambda: None)
    assert done.is_set()
    await thread.stop()


class BadLock:
    """A lock that raises an error when it is entered, or only when it is left."""

    def __init__(self, *, on_enter: bool) -> None:
        self._on_enter = on_enter

    def __enter__(self) -> None:
        if self._on_enter:
            raise OSError("lock")

    def __exit__(self, *_: object) -> None:
        raise OSError("lock")


@HOLDS
async def test_an_error_of_the_lock_reaches_the_caller_and_the_thread_goes_on(hold_seconds: float) -> None:
    thread = WorkerThread("worker")
    with pytest.raises(OSError, match="lock"):
        await thread.run(int, lock=BadLock(on_enter=True), hold_seconds=hold_seconds)
    assert await thread.run(int, hold_seconds=hold_seconds) == 0
    await thread.stop()


@HOLDS
async def test_an_error_of_the_lock_at_its_release_does_not_fail_the_work(
    hold_seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """The work is done and may be durable, so the caller must not get an error."""
    thread = WorkerThread("worker")
    assert await thread.run(int, lock=BadLock(on_enter=False), hold_seconds=hold_seconds) == 0
    assert await thread.run(int, hold_seconds=hold_seconds) == 0
    await thread.stop()
    assert "a lock could not be left: lock" in caplog.text


@HOLDS
async def test_any_exception_reaches_the_caller_and_the_thread_goes_on(hold_seconds: float) -> None:
    def work() -> None:
        raise GeneratorExit

    thread = WorkerThread("worker")
    with pytest.raises(GeneratorExit):
        await thread.run(work, hold_seconds=hold_seconds)
    assert await thread.run(int, hold_seconds=hold_seconds) == 0
    await thread.stop()


def test_a_closed_loop_does_not_end_the_thread() -> None:
    thread = WorkerThread("worker")
    may_end = threading.Event()

    async def leave() -> None:
        caller = asyncio.create_task(thread.run(lambda: may_end.wait(60)))
        await asyncio.sleep(0)
        caller.cancel()

    asyncio.run(leave())
    may_end.set()

    async def run_and_stop() -> int:
        result = await thread.run(int)
        await thread.stop()
        return result

    assert asyncio.run(run_and_stop()) == 0
