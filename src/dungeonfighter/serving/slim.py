"""What uvicorn keeps for each connection, made small: 80,000 of them are idle most of the time.

uvicorn's own take 1.1 KB for the flow control (an event and its queue) and 0.6 KB for a timer, each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol
from weakref import WeakKeyDictionary

_LOOKS: Final = 8
"""How often a connection is looked at while it may be idle: it is closed up to an eighth later."""


class Flow:
    """Does what uvicorn's `FlowControl` does; the event is made when somebody waits for it.

    Whoever holds the connection (`hold`) keeps it from being read even where uvicorn, which asks for more
    bytes of a request whenever somebody waits for them, resumes.
    """

    __slots__ = ("_transport", "_writable", "is_held", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable: asyncio.Event | None = None
        self.is_held = False
        self.read_paused = False
        self.write_paused = False

    async def drain(self) -> None:
        """Return when the client takes more."""
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
        """Read nothing until `release`."""
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


class Turns:
    """Lets the connections with something waiting go on, one in each turn of the event loop.

    So all pipelines of a server together get as much as one client that waits for its answers.
    """

    _of: ClassVar[WeakKeyDictionary[Any, Turns]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    @classmethod
    def over(cls, owner: object, loop: asyncio.AbstractEventLoop) -> Turns:
        """Those of this server."""
        turns = cls._of.get(owner)
        if turns is None:
            turns = cls._of[owner] = cls(loop)
        return turns

    def ask(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when it is its turn."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        try:
            self._waiting[0]()
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._next)


class Idler(Protocol):
    """A connection that may be idle."""

    def close_if_idle(self, now: float) -> None:
        """Close it if it has been idle for too long at `now`, in the loop's seconds."""


class IdleWatch:
    """One timer for all connections of a server."""

    _watches: ClassVar[WeakKeyDictionary[Any, IdleWatch]] = WeakKeyDictionary()

    def __init__(self, connections: set[Idler], keep_alive_seconds: float) -> None:
        self._connections = connections
        self._period_seconds = keep_alive_seconds / _LOOKS
        self._is_running = False

    @classmethod
    def over(cls, owner: object, connections: set[Idler], keep_alive_seconds: float) -> IdleWatch:
        """The watch of this server; it runs as long as there are connections."""
        watch = cls._watches.get(owner)
        if watch is None:
            watch = cls._watches[owner] = cls(connections, keep_alive_seconds)
        return watch

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look, if nobody does."""
        if not self._is_running:
            self._is_running = True
            loop.call_later(self._period_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            for connection in list(self._connections):
                connection.close_if_idle(now)
        finally:  # whatever one connection did, the next look comes
            self._is_running = False
            if self._connections:
                self.run(loop)
