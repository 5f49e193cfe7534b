"""The record of a sampled call: its stages, and whose code runs now."""

from __future__ import annotations

import asyncio

import pytest

from dungeonfighter.hosting.call_trace import (
    APPLY,
    COMMIT,
    CURRENT,
    LOAD,
    STAGES_MAX,
    CallTrace,
    current_trace_id,
)


def trace() -> CallTrace:
    return CallTrace(b"t" * 16, b"s" * 8, b"", lambda: 5.0)


def stages(call: CallTrace) -> list[tuple[str, float, float, int, int]]:
    return [(one.name, one.began, one.ended, one.count, one.batch_rows) for one in call.stages]


def test_equal_stages_in_a_row_become_one() -> None:
    call = trace()
    call.add(APPLY, 1, 2)
    call.add(APPLY, 3, 4)
    call.add(LOAD, 5, 9)
    call.add(LOAD, 4, 8)
    call.add(APPLY, 9, 10)
    assert stages(call) == [("apply", 1, 4, 2, 0), ("load", 4, 9, 2, 0), ("apply", 9, 10, 1, 0)]


def test_each_batch_has_a_commit_of_its_own() -> None:
    call = trace()
    for began in (1, 1, 2):
        call.add(COMMIT, began, began + 1, 7)
    assert stages(call) == [("commit", 1, 2, 2, 7), ("commit", 2, 3, 1, 7)]


def test_a_trace_is_bounded() -> None:
    call = trace()
    for number in range(STAGES_MAX):
        call.add(COMMIT, number, number + 1, 1)
        call.add(APPLY, number, number + 1)
    assert len(call.stages) == STAGES_MAX
    assert call.stages_left_out == STAGES_MAX


def test_a_trace_that_has_ended_does_not_change() -> None:
    call = trace()
    call.ended = 6.0
    call.add(APPLY, 1, 2)
    assert call.stages == []


async def test_the_current_call_is_the_one_whose_code_runs() -> None:
    one, other = trace(), CallTrace(b"o" * 16, b"s" * 8, b"", lambda: 5.0)
    seen: list[str] = []

    async def work(name: bytes) -> str:
        for _ in range(3):
            assert current_trace_id() == (name * 16).hex()
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(lambda: seen.append(current_trace_id()))
        return current_trace_id()

    both = await asyncio.gather(one.run(work(b"t")), other.run(work(b"o")))
    await asyncio.sleep(0)
    assert list(both) == [(b"t" * 16).hex(), (b"o" * 16).hex()]
    assert seen == [""] * 6  # callbacks belong to no call
    assert CURRENT.call is None


async def test_a_cancelled_call_is_cancelled() -> None:
    began = asyncio.Event()
    cleaned: list[str] = []

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            cleaned.append(current_trace_id())

    task = asyncio.create_task(trace().run(work()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [(b"t" * 16).hex()]
    assert CURRENT.call is None


async def test_an_error_comes_through() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        await trace().run(work())
    assert CURRENT.call is None
