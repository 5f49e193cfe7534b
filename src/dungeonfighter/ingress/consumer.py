"""The consumer: it reads messages, lets them be played, and answers them in batches.

An opening of the queue begins with nothing in hand. When the queue fails, everything in hand is dropped,
because the queue gives each message once more that was not acknowledged; the host recognises the turns that
were played. So nothing is kept over an outage, and nothing is lost by one.

Source: docs/ingress.md, docs/decisions/051-ingress.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from dungeonfighter.errors import Unauthenticated
from dungeonfighter.ingress.hand import Bounds, Hand
from dungeonfighter.ingress.messages import Decoder
from dungeonfighter.ingress.metrics import IngressMetrics
from dungeonfighter.ingress.playing import Outcomes, Playing
from dungeonfighter.ingress.ports import Queue, QueueRefused, QueueUnavailable
from dungeonfighter.task_ending import end

logger = logging.getLogger(__name__)

LAG_SECONDS: Final = 2.0
"""The pause between two looks at the lengths of the streams."""
PROGRESS_SECONDS: Final = 10.0
FINISH_SECONDS_MAX: Final = 20.0
"""The longest time for what is in hand after the order to stop."""
_PAUSE_SECONDS: Final = 0.25
_PAUSE_SECONDS_MAX: Final = 2.0
_REPORT_SECONDS: Final = 5.0


class Consumer:
    """Consumes the messages of one queue until it is stopped.

    Args:
        queue: Not open yet.
        decoder: Knows the fleet.
        make_playing: Makes what plays the messages of one opening of the queue.
        metrics: Counts.
        lag: Receives the lengths of the streams.
        bounds: The bounds.
    """

    def __init__(
        self, queue: Queue, decoder: Decoder, make_playing: Callable[[Outcomes], Playing],
        metrics: IngressMetrics, lag: dict[int, int], bounds: Bounds,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._decoder = decoder
        self._make_playing = make_playing
        self._metrics = metrics
        self._lag = lag
        self._bounds = bounds
        self._stop = asyncio.Event()
        self.refused_by: Unauthenticated | None = None
        """Why this consumer stopped by itself."""

    def stop(self) -> None:
        """Read no more; `run` returns when what is in hand is answered."""
        self._stop.set()

    def refuse(self, error: Unauthenticated) -> None:
        """Stop, because the token of the ingress is not valid any more."""
        self.refused_by = self.refused_by or error
        self.stop()

    async def run(self, on_open: Callable[[], None] = lambda: None) -> None:
        """Consume until `stop`.

        Args:
            on_open: Called once, when the queue is open.

        Raises:
            QueueUnavailable: The queue could not be reached for `startup_seconds` at the start.
            QueueRefused: The queue can never be opened.
        """
        is_first = True
        reporting = asyncio.create_task(self._report_progress())
        try:
            while await self._open(is_first):
                if is_first:
                    on_open()
                is_first = False
                await self._consume()
                if self._stop.is_set():
                    break
        finally:
            reporting.cancel()
            await self._queue.close()

    async def _open(self, is_first: bool) -> bool:
        """Open the queue, and return True; return False if the order to stop comes first."""
        now = asyncio.get_running_loop().time
        end = now() + self._bounds.startup_seconds
        pause, reported_at = _PAUSE_SECONDS, float("-inf")
        while not self._stop.is_set():
            try:
                await self._queue.open()
            except (QueueUnavailable, QueueRefused) as error:
                if is_first and (isinstance(error, QueueRefused) or now() >= end):
                    raise
                if now() - reported_at >= _REPORT_SECONDS:
                    most = f" for {end - now():.0f} s at most" if is_first else ""
                    logger.warning("waiting for the queue%s: %s", most, error)
                    reported_at = now()
            else:
                if reported_at != float("-inf") or not is_first:
                    logger.info("the queue answers again")
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            pause = min(pause * 2, _PAUSE_SECONDS_MAX)
        return False

    async def _consume(self) -> None:
        """Consume until the queue fails or the order to stop; then let go of everything in hand."""
        hand = Hand(self._queue, self._decoder, self._make_playing, self._metrics, self._bounds, self.refuse)
        working = [asyncio.create_task(work) for work in (hand.read(), hand.write(), self._measure_lag())]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([*working, stopping], return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                await end(working[0])
                await hand.finish(working[1], FINISH_SECONDS_MAX)
        finally:
            hand.let_go()
            await end(*working, stopping)
        for task in working:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, QueueUnavailable | QueueRefused):
                logger.warning("the queue fails: %s", error)
                break
            if error is not None:
                raise error

    async def _measure_lag(self) -> NoReturn:
        while True:
            self._lag.update(await self._queue.lag())
            await asyncio.sleep(LAG_SECONDS)

    async def _report_progress(self) -> NoReturn:
        """Log what was done in the last seconds, if there was anything."""
        before = {name: counter.value for name, counter in self._metrics.messages.items()}
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            now = {name: counter.value for name, counter in self._metrics.messages.items()}
            done = {name: now[name] - before[name] for name in now}
            before = now
            waiting = sum(self._lag.values())
            if any(done.values()) or waiting:
                parts = ", ".join(f"{name} {count}" for name, count in done.items())
                logger.info(
                    "%d messages in %.0f s (%s); %d wait in all streams, %d of which are read here",
                    sum(done.values()), PROGRESS_SECONDS, parts, waiting, len(self._queue.held()),
                )  # fmt: skip
