"""The timer of the idle watch."""

from __future__ import annotations

import asyncio

import pytest

from dungeonfighter import limits
from dungeonfighter.serving.slim import Closable, IdleWatch
from tests.simulation.virtual_time import VirtualTimeLoop


class Connection:
    def __init__(self, *, raises: bool) -> None:
        self.raises = raises
        self.checks = 0
        self.checked_twice = asyncio.Event()

    def close_if_idle(self, now: float) -> None:
        assert now > 0
        self.checks += 1
        if self.checks == 2:
            self.checked_twice.set()
        if self.raises:
            raise RuntimeError("this connection is broken")


async def test_a_connection_that_raises_does_not_end_the_watch() -> None:
    errors: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    failing = Connection(raises=True)
    connections: set[Closable] = {failing}
    IdleWatch(connections, keep_alive_seconds=0.01).run(loop)
    await failing.checked_twice.wait()
    connections.clear()
    assert all(isinstance(error, RuntimeError) for error in errors)
    assert len(errors) >= 1


@pytest.mark.parametrize("keep_alive_seconds", [1, 75, 86_400])
def test_unread_answers_are_noticed_in_time_whatever_the_keep_alive_time(keep_alive_seconds: int) -> None:
    async def seconds_of_two_checks() -> float:
        connection = Connection(raises=False)
        loop = asyncio.get_running_loop()
        connections: set[Closable] = {connection}
        IdleWatch(connections, keep_alive_seconds).run(loop)
        began = loop.time()
        await connection.checked_twice.wait()
        connections.clear()
        return loop.time() - began

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(seconds_of_two_checks()) <= min(keep_alive_seconds, limits.unread_seconds_max)
