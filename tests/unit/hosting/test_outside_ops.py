"""Requests whose operation id comes from outside: of all copies of a request one is applied."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.limits import trail_ops_max
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, Futures, replica

OP = b"message1"


def turn_and_repeated(answer: Answer) -> tuple[int, bool]:
    return answer.game.turn, answer.repeated


async def play(host: BotHost, text: str = "1", op: bytes = OP) -> Any:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    host.begin_play(KEY, text, None, None, Futures(turn_and_repeated), future, op)
    return await future


async def test_a_second_copy_is_answered_as_a_repeat() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    assert await play(host) == (1, False)
    assert await play(host) == (1, True)
    assert (await host.read(KEY)).turn == 1


async def test_copies_at_once_are_applied_once() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    assert await asyncio.gather(*(play(host) for _ in range(4))) == [
        (1, False),
        (1, True),
        (1, True),
        (1, True),
    ]


async def test_a_copy_that_comes_to_a_replica_with_an_old_row_is_applied_once() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await one.start(KEY, MACE)
    await other.read(KEY)
    assert await play(one) == (1, False)
    assert await play(other) == (1, True)
    assert (await one.read(KEY)).turn == 1


@pytest.mark.parametrize("between", [1, trail_ops_max - 1])
async def test_a_late_copy_is_known_behind_as_many_writes_as_a_trail_has(between: int) -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    await play(host)
    for _ in range(between):
        await host.set_directive(KEY, "go on")
    assert await play(host) == (1, True)


async def test_another_operation_is_another_request() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    assert await play(host) == (1, False)
    assert await play(host, op=b"message2") == (2, False)
