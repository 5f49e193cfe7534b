"""The timer that looks after idle connections goes on, whatever one of them does."""

from __future__ import annotations

import asyncio

from dungeonfighter.serving.slim import Closable, IdleWatch


class Connection:
    def __init__(self, *, breaks: bool) -> None:
        self.breaks = breaks
        self.looks = 0
        self.looked_at_twice = asyncio.Event()

    def close_if_idle(self, now: float) -> None:
        assert now > 0
        self.looks += 1
        if self.looks == 2:
            self.looked_at_twice.set()
        if self.breaks:
            raise RuntimeError("this connection is broken")


async def test_a_connection_that_cannot_be_looked_at_does_not_end_the_watch() -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    broken = Connection(breaks=True)
    connections: set[Closable] = {broken}
    IdleWatch(connections, keep_alive_seconds=0.01).run(loop)
    await broken.looked_at_twice.wait()
    connections.clear()
    assert all(isinstance(error, RuntimeError) for error in told)
    assert len(told) >= 1
