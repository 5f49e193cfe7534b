"""The protocol between a worker and its parent, over a socketpair: one JSON object a line.

```
worker  Opened Report ............. Listening ... Report .. Losses .. Demand .......... (end: it died)
parent             Tick Go (once all have opened)  Tick ............. Losses .. Shares .. Drain (end: it died)
```

`HangUp` may come at any time, too, and so may the messages of `inquiries`.

A worker listens only after `Go`: otherwise the first worker would get all early connections, and keep them.
`Drain` and the end of the stream may come at any time, also while the worker opens its store.
Once a second the parent sends the sum of all workers' metrics, and each worker answers with what it counted
since its last report. The first report follows `Opened`, so the parent knows the metrics of a worker before
the worker may listen. `Losses` go to all other workers at once (`shared_losses`). While calls come, a worker
reports their number ten times a second, and gets its shares of the limits (`shared_rates`). Neither side ever
waits for the other: a side skips a message while its last one is still buffered, and the next report includes
the counts of the skipped report.

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

from dungeonfighter.access.rates import Rates
from dungeonfighter.hosting.lost_answers import Loss, LostAnswers
from dungeonfighter.serving.inquiries import Inquiries, Inquiry, ParentReport, SelfReport
from dungeonfighter.serving.shared_losses import SharedLosses
from dungeonfighter.serving.shared_rates import reporting
from dungeonfighter.telemetry.totals import Reporter, Share, Totals

logger = logging.getLogger(__name__)

LINE_BYTES_MAX: Final = 1 << 20


class Opened(Struct, frozen=True, tag=True):
    """The worker's store is open and its socket is bound; it can listen."""


class Listening(Struct, frozen=True, tag=True):
    """The worker accepts connections."""


class Report(Struct, frozen=True, tag=True):
    """The worker's metrics since its last report, and the fleets whose figures its viewers watch."""

    share: Share
    watched: list[str] = []


class Losses(Struct, frozen=True, tag=True):
    """Calls whose answers were lost; the parent passes the message on to the other workers."""

    losses: list[Loss]


class Demand(Struct, frozen=True, tag=True):
    """The calls that the worker was asked for in the last `seconds`, by the names of `access.rates`."""

    calls: dict[str, float]
    seconds: float


class Shares(Struct, frozen=True, tag=True):
    """The shares of the worker that changed; see `access.rates.Rates.learn`."""

    shares: dict[str, float]


class Go(Struct, frozen=True, tag=True):
    """The worker may listen."""


class Tick(Struct, frozen=True, tag=True):
    """The counters of all workers; the worker answers with a `Report`."""

    totals: Totals
    redis_up: bool = False


class Drain(Struct, frozen=True, tag=True):
    """The worker must drain and end."""


class HangUp(Struct, frozen=True, tag=True):
    """The parent got SIGHUP; the worker must read its secrets anew."""


FromWorker = Opened | Listening | Report | Losses | Demand | Inquiry | SelfReport
FromParent = Go | Tick | Drain | Losses | Shares | HangUp | Inquiry | SelfReport | ParentReport
_DECODE_FROM_WORKER: Final = msgspec.json.Decoder(FromWorker)
_DECODE_FROM_PARENT: Final = msgspec.json.Decoder(FromParent)


class Channel:
    """One end of the channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """Open a channel over one end of a socketpair; the channel closes it."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=LINE_BYTES_MAX))

    def send(self, message: FromWorker | FromParent) -> None:
        """Send a message without waiting; drop it if the channel is closed."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    @property
    def is_idle(self) -> bool:
        """True if no message is buffered and the channel is open."""
        return not self._writer.is_closing() and not self._writer.transport.get_write_buffer_size()

    async def from_worker(self) -> AsyncIterator[FromWorker]:
        async for line in self._text_lines():
            yield _DECODE_FROM_WORKER.decode(line)

    async def from_parent(self) -> AsyncIterator[FromParent]:
        async for line in self._text_lines():
            yield _DECODE_FROM_PARENT.decode(line)

    def close(self) -> None:
        self._writer.close()

    async def _text_lines(self) -> AsyncIterator[bytes]:
        with contextlib.suppress(ConnectionError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                yield line


class Parent:
    """A worker's side of the protocol.

    Args:
        channel: The end of this worker.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.reporter: Reporter | None = None
        """Reports the metrics of this worker; set it when the store is open, before `may_listen`."""
        self.watched_fleets: Callable[[], list[str]] = list
        """Returns the fleets whose figures this worker needs."""
        self.lost_answers: LostAnswers | None = None
        """Learns the losses of the other workers."""
        self.on_hang_up: Callable[[], None] = _no_op
        """Called when the parent got SIGHUP."""
        self._shared_losses = SharedLosses(
            lambda losses: channel.send(Losses(losses)), lambda: channel.is_idle
        )
        self.inquiries = Inquiries(channel.send)
        self._rates: Rates | None = None
        self.redis_up = False
        """True if Redis answered the parent the last time."""
        self._totals: Totals | None = None
        self._go = asyncio.Event()
        self._is_stopping = False

    def share_losses(self, lost_answers: LostAnswers) -> None:
        """Publish the losses of this worker, and learn those of the others."""
        self.lost_answers = lost_answers
        lost_answers.publish = lambda loss: self._shared_losses.add([loss])

    @contextlib.asynccontextmanager
    async def sharing(self, rates: Rates) -> AsyncIterator[None]:
        """Report the demand of this worker and learn its shares while the block runs."""
        self._rates = rates
        channel = self._channel
        async with reporting(
            rates, lambda calls, seconds: channel.send(Demand(calls, seconds)), lambda: channel.is_idle
        ):
            yield

    def totals(self) -> Totals:
        """Return the last sum that the parent sent; before the first one, this worker's own."""
        assert self.reporter is not None
        return self.reporter.totals() if self._totals is None else self._totals

    async def may_listen(self) -> bool:
        """Report that this worker can serve and wait for `Go`; return False if the server is stopping."""
        self._channel.send(Opened())
        self._report()
        await self._go.wait()
        return not self._is_stopping

    def report_listening(self) -> None:
        self._channel.send(Listening())

    @contextlib.asynccontextmanager
    async def receiving(
        self, *, on_drain: Callable[[], None], on_parent_gone: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Receive the parent's messages while the block runs; at its end, send a last report.

        Args:
            on_drain: Called when the parent orders a drain.
            on_parent_gone: Called, after `on_drain`, when the parent has ended.
        """
        receiving = asyncio.create_task(self._receive(on_drain, on_parent_gone))
        try:
            yield
        finally:
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiving
            self._report()
            self._shared_losses.close()
            self._channel.close()

    async def _receive(self, on_drain: Callable[[], None], on_parent_gone: Callable[[], None]) -> None:
        try:
            await self._handle_messages(on_drain)
        except Exception:
            logger.exception("the parent process sent a message that cannot be decoded")
        logger.warning("the parent process is gone: stopping")
        self._is_stopping = True
        self._go.set()
        on_drain()
        on_parent_gone()

    async def _handle_messages(self, on_drain: Callable[[], None]) -> None:
        async for message in self._channel.from_parent():
            if isinstance(message, Tick):
                self._totals, self.redis_up = message.totals, message.redis_up
                if self._channel.is_idle:
                    self._report()
            elif isinstance(message, Losses):
                if self.lost_answers is not None:
                    self.lost_answers.learn(message.losses)
            elif isinstance(message, Shares):
                if self._rates is not None:
                    self._rates.learn(message.shares)
            elif isinstance(message, HangUp):
                self.on_hang_up()
            elif isinstance(message, Inquiry | SelfReport | ParentReport):
                self.inquiries.take(message)
            else:
                if isinstance(message, Drain):
                    self._is_stopping = True
                    on_drain()
                self._go.set()

    def _report(self) -> None:
        if self.reporter is not None:
            self._channel.send(Report(self.reporter.share(), self.watched_fleets()))


def _no_op() -> None:
    pass
