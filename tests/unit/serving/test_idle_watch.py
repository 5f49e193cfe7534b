"""The timer of the idle watch keeps running after a connection has raised an exception."""

from __future__ import annotations

import asyncio

from dungeonfighter.serving.slim import Closable, IdleWatch


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
