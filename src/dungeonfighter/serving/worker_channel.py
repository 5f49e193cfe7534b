"""What a worker and its parent tell each other, over a socketpair: one JSON object a line.

```
worker  Opened Report ............. Listening ... Report .. Report ..         (end of the stream: it died)
parent             Tick Go (once all have opened)  Tick ..... Tick ..... Drain  (end: the parent died)
```

A worker listens only after `Go`: otherwise the first one up would get all early connections, and keep them.
`Drain` and the end of the stream count from the beginning, while the store is being opened, too.
Once a second the parent sends the sum of what all workers counted, and each answers with what it counted
since its last report. The first report follows `Opened`, so the parent knows a worker's metrics before that
may listen. Neither side ever waits for the other: a line is left out while the one before is still on its
way, and what a report left out would have said is in the next one.

Source: docs/architecture.md, "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.telemetry.totals import Reporter, Share, Totals

logger = logging.getLogger(__name__)

LINE_BYTES_MAX: Final = 1 << 20


class Opened(Struct, frozen=True, tag=True):
    """The worker's store is open and its socket is bound; it can listen."""


class Listening(Struct, frozen=True, tag=True):
    """The worker accepts connections."""


class Report(Struct, frozen=True, tag=True):
    """What the worker has counted since its last report."""

    share: Share


class Go(Struct, frozen=True, tag=True):
    """Listen."""


class Tick(Struct, frozen=True, tag=True):
    """What all workers have counted; the answer is a `Report`."""

    totals: Totals


class Drain(Struct, frozen=True, tag=True):
    """Stop in good order."""


FromWorker = Opened | Listening | Report
FromParent = Go | Tick | Drain
_DECODE_FROM_WORKER: Final = msgspec.json.Decoder(FromWorker)
_DECODE_FROM_PARENT: Final = msgspec.json.Decoder(FromParent)


class Line:
    """One end of the channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Line:
        """Take over one end of a socketpair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=LINE_BYTES_MAX))

    def tell(self, message: FromWorker | FromParent) -> None:
        """Send without waiting."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    @property
    def is_idle(self) -> bool:
        """Whether nothing that was sent is still on its way, and the channel is open."""
        return not self._writer.is_closing() and not self._writer.transport.get_write_buffer_size()

    async def from_worker(self) -> AsyncIterator[FromWorker]:
        async for line in self._lines():
            yield _DECODE_FROM_WORKER.decode(line)

    async def from_parent(self) -> AsyncIterator[FromParent]:
        async for line in self._lines():
            yield _DECODE_FROM_PARENT.decode(line)

    def close(self) -> None:
        self._writer.close()

    async def _lines(self) -> AsyncIterator[bytes]:
        with contextlib.suppress(ConnectionError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                yield line


class Parent:
    """The parent as a worker knows it.

    Args:
        line: This worker's end.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self.reporter: Reporter | None = None
        """Reports what this worker counts; set when its store is open, before `may_listen`."""
        self._totals: Totals | None = None
        self._go = asyncio.Event()
        self._ended = False

    def totals(self) -> Totals:
        """The sum over all workers as told last; before the first time this worker's own."""
        assert self.reporter is not None
        return self.reporter.totals() if self._totals is None else self._totals

    async def may_listen(self) -> bool:
        """Say that this worker can serve and wait for the word; False: the server is going down already."""
        self._line.tell(Opened())
        self._report()
        await self._go.wait()
        return not self._ended

    def tell_listening(self) -> None:
        self._line.tell(Listening())

    @contextlib.asynccontextmanager
    async def heard(self, *, drain: Callable[[], None], alone: Callable[[], None]) -> AsyncIterator[None]:
        """Listen to the parent while the block runs.

        Args:
            drain: Called when it wants this worker to stop.
            alone: Called, after `drain`, when it is gone.
        """
        hearing = asyncio.create_task(self._hear(drain, alone))
        try:
            yield
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing
            self._report()
            self._line.close()

    async def _hear(self, drain: Callable[[], None], alone: Callable[[], None]) -> None:
        try:
            await self._obey(drain)
        except Exception:
            logger.exception("what the parent process says cannot be read")
        logger.warning("the parent process is gone: stopping")
        self._ended = True
        self._go.set()
        drain()
        alone()

    async def _obey(self, drain: Callable[[], None]) -> None:
        async for message in self._line.from_parent():
            if isinstance(message, Tick):
                self._totals = message.totals
                if self._line.is_idle:
                    self._report()
            else:
                if isinstance(message, Drain):
                    self._ended = True
                    drain()
                self._go.set()

    def _report(self) -> None:
        if self.reporter is not None:
            self._line.tell(Report(self.reporter.share()))
