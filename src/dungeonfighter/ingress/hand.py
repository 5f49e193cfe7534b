"""The messages that a consumer has in hand: reading, playing, and answering in batches.

Source: docs/decisions/051-ingress.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from msgspec import Struct

from dungeonfighter.errors import Unauthenticated
from dungeonfighter.ingress.messages import Decoder, Poison, Reason
from dungeonfighter.ingress.metrics import IngressMetrics
from dungeonfighter.ingress.playing import Outcomes, Playing, Task
from dungeonfighter.ingress.ports import Delivery, Queue, Reply

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 1.0
"""The longest wait of one read."""
_REPLIES_AT_ONCE: Final = 256


class Bounds(Struct, frozen=True, kw_only=True):
    """The bounds of a consumer.

    Attributes:
        in_hand_max: The greatest number of messages in hand.
        deliveries_max: A message that was delivered more often and never came to an outcome is poison.
        startup_seconds: The longest wait for the queue at the start.
    """

    in_hand_max: int = 2048
    deliveries_max: int = 5
    startup_seconds: float = 60.0


class Hand:
    """The messages in hand between an opening of the queue and its failure; receives their outcomes.

    Args:
        queue: Open.
        decoder: Knows the fleet.
        make_playing: Makes what plays the messages.
        metrics: Counts what is done.
        bounds: The bounds.
        refuse: See `Outcomes`.
    """

    def __init__(
        self, queue: Queue, decoder: Decoder, make_playing: Callable[[Outcomes], Playing],
        metrics: IngressMetrics, bounds: Bounds, refuse: Callable[[Unauthenticated], None],
    ) -> None:  # fmt: skip
        self._queue = queue
        self._decode = decoder.decode
        self._metrics = metrics
        self._bounds = bounds
        self.refuse = refuse
        self._playing = make_playing(self)
        self._count = 0
        self._replies: list[Reply] = []
        self._letters: list[tuple[Delivery, Reason]] = []
        self._excused: list[Delivery] = []
        self._is_work = asyncio.Event()
        self._is_room = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def read(self) -> NoReturn:
        """Read and begin messages; never more than there is room for."""
        most = self._bounds.in_hand_max
        while True:
            free = most - self._count
            if free < max(1, most // 4):  # one read for many messages
                self._is_room.clear()
                await self._is_room.wait()
                continue
            if deliveries := await self._queue.read(free, WAIT_SECONDS):
                self._take(deliveries)

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        self._count += len(deliveries)
        self._is_empty.clear()
        tasks = []
        for delivery in deliveries:
            command = self._decode(delivery)
            if isinstance(command, Poison):
                self.bury(delivery, command.reason)
            elif delivery.times > self._bounds.deliveries_max:
                self.bury(delivery, "too_many_deliveries")
            else:
                tasks.append(Task(delivery, command))
        self._playing.take(tasks)

    async def write(self) -> NoReturn:
        """Send replies and dead letters in batches: while one is on its way, the next one forms."""
        while True:
            await self._is_work.wait()
            self._is_work.clear()
            if self._excused:
                excused, self._excused = self._excused, []
                await self._queue.excuse(excused)
            while self._replies:
                batch, self._replies = self._replies[:_REPLIES_AT_ONCE], self._replies[_REPLIES_AT_ONCE:]
                await self._queue.answer(batch)
                for reply in batch:
                    self._metrics.messages[reply.fields["status"]].value += 1
                self._put_down(len(batch))
            if self._letters:
                letters, self._letters = self._letters, []
                await self._queue.bury(letters)
                self._count_letters(letters)
                self._put_down(len(letters))

    def _count_letters(self, letters: Sequence[tuple[Delivery, Reason]]) -> None:
        self._metrics.messages["dead"].add(len(letters))
        counts = Counter(reason for _, reason in letters)
        for reason, count in counts.items():
            self._metrics.dead_letters[reason].add(count)
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items())
        logger.warning(
            "%d messages became dead letters (%s), the last one of stream %d",
            len(letters), reasons, letters[-1][0].stream,
        )  # fmt: skip

    async def finish(self, writing: asyncio.Task[NoReturn], seconds: float) -> None:
        """Wait until nothing is in hand, but not for the store."""
        self._playing.stop_waiting()
        emptying = asyncio.create_task(self._is_empty.wait())
        await asyncio.wait({emptying, writing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not emptying.done():
            emptying.cancel()
            logger.warning("%d messages stay in the queue for the next consumer", self._count)

    def let_go(self) -> None:
        """Ignore all further outcomes."""
        self._playing.abandon()

    def reply(self, task: Task, fields: dict[str, str]) -> None:
        """See `Outcomes`."""
        self._replies.append(Reply(task.delivery, task.command.reply_to, fields))
        self._is_work.set()

    def bury(self, delivery: Delivery, reason: Reason) -> None:
        """See `Outcomes`."""
        self._letters.append((delivery, reason))
        self._is_work.set()

    def drop(self, task: Task) -> None:
        """See `Outcomes`."""
        del task
        self._put_down(1)

    def wait(self, task: Task) -> None:
        """See `Outcomes`."""
        self._excused.append(task.delivery)
        self._is_work.set()

    def _put_down(self, count: int) -> None:
        self._count -= count
        self._is_room.set()
        if self._count <= 0:
            self._is_empty.set()
