"""Small versions of objects that uvicorn keeps for each connection: most of 80,000 connections are idle.

The objects of uvicorn take 1.1 KB a connection for the flow control (an event and its queue) and 0.6 KB for
a timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol
from weakref import WeakKeyDictionary

from dungeonfighter import limits

_CHECKS_PER_KEEP_ALIVE: Final = 8
"""An idle connection is closed at most an eighth of the keep-alive time too late."""
_PERIOD_SECONDS_MAX: Final = limits.unread_seconds_max / 4


class Flow:
    """A replacement of uvicorn's `FlowControl` that makes its event only when a task waits for it.

    A held connection (`hold`) does not read, even if uvicorn resumes reading because the application waits
    for more bytes of a request.
    """

    __slots__ = ("_transport", "_writable", "is_held", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable: asyncio.Event | None = None
        self.is_held = False
        self.read_paused = False
        self.write_paused = False

    async def drain(self) -> None:
        """Wait until the client has read enough of the answer."""
        if self.write_paused:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            if not self.is_held:
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            if not self.is_held:
                self._transport.resume_reading()

    def hold(self) -> None:
        """Stop reading until `release`."""
        if not self.is_held:
            self.is_held = True
            if not self.read_paused:
                self._transport.pause_reading()

    def release(self) -> None:
        if self.is_held:
            self.is_held = False
            if not self.read_paused:
                self._transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None:
            self._writable.set()
            self._writable = None


class RoundRobin:
    """Runs the callbacks of connections that hold unparsed bytes, one in each iteration of the event loop.

    So all pipelines of a server together get as much time as one client that waits for each answer.
    """

    _of_server: ClassVar[WeakKeyDictionary[Any, RoundRobin]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    @classmethod
    def of_server(cls, server: object, loop: asyncio.AbstractEventLoop) -> RoundRobin:
        """Return the one instance of a server; `server` is any object that lives as long as the server."""
        instance = cls._of_server.get(server)
        if instance is None:
            instance = cls._of_server[server] = cls(loop)
        return instance

    def schedule(self, callback: Callable[[], None]) -> None:
        """Call `callback` in an iteration of its own, after all that were scheduled before."""
        self._waiting.append(callback)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._run_next)

    def _run_next(self) -> None:
        try:
            self._waiting[0]()
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._run_next)


class Closable(Protocol):
    """A connection that an `IdleWatch` checks."""

    def close_if_idle(self, now: float) -> None:
        """Close the connection if it was idle for too long at `now`, in seconds of the event loop."""


class IdleWatch:
    """One timer that checks all connections of a server; it runs while there are connections."""

    _of_server: ClassVar[WeakKeyDictionary[Any, IdleWatch]] = WeakKeyDictionary()

    def __init__(self, connections: set[Closable], keep_alive_seconds: float) -> None:
        self._connections = connections
        self._period_seconds = min(keep_alive_seconds / _CHECKS_PER_KEEP_ALIVE, _PERIOD_SECONDS_MAX)
        self._is_running = False

    @classmethod
    def of_server(cls, server: object, connections: set[Closable], keep_alive_seconds: float) -> IdleWatch:
        """Return the one instance of a server; `server` is any object that lives as long as the server."""
        instance = cls._of_server.get(server)
        if instance is None:
            instance = cls._of_server[server] = cls(connections, keep_alive_seconds)
        return instance

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the timer if it does not run."""
        if not self._is_running:
            self._is_running = True
            loop.call_later(self._period_seconds, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            for connection in list(self._connections):
                connection.close_if_idle(now)
        finally:  # an exception of one connection does not stop the timer
            self._is_running = False
            if self._connections:
                self.run(loop)
