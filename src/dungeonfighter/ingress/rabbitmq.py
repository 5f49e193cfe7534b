"""The queue over RabbitMQ: a quorum queue for each stream, of which one consumer is active at a time.

A stream has a channel of its own. To hand a stream over, the consumer closes its channel: the broker then
puts back, in order and in one step, what was not acknowledged, and turns to the next consumer. A reply is
confirmed by the broker before its message is acknowledged; a loss between the two gives a second reply.

Source: docs/ingress.md, "RabbitMQ"; docs/decisions/052-rabbitmq.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Final

from aiormq import spec
from aiormq.abc import AbstractChannel as Channel
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError
from msgspec import Struct

from dungeonfighter.connection_strings import shown_rabbitmq
from dungeonfighter.ingress import rabbitmq_dead_letters
from dungeonfighter.ingress.messages import DEAD_LETTER_BYTES_MAX
from dungeonfighter.ingress.partitions import STREAMS
from dungeonfighter.ingress.ports import Delivery, QueueRefused, QueueUnavailable, Reply
from dungeonfighter.ingress.rabbitmq_link import Missing, Outgoing, RabbitMQLink
from dungeonfighter.ingress.rabbitmq_members import Members, Word, encode_word
from dungeonfighter.ingress.rabbitmq_messages import (
    Properties,
    body_of,
    deliveries_before,
    fields_of,
    properties_of,
)
from dungeonfighter.ingress.rabbitmq_names import dead_arguments, names_of, reply_arguments, stream_arguments
from dungeonfighter.task_ending import end

logger = logging.getLogger(__name__)

WORDS_PER_LIFETIME: Final = 4
_JOIN_SECONDS: Final = 0.5
"""A consumer that has just come waits so long for the words of the others."""
_PATIENCE_LIFETIMES: Final = 2.0
"""A stream that another consumer shall have is given up after so many lifetimes, even with work in hand."""
_PREFETCH_MIN: Final = 16
_EXCUSES_MAX: Final = 65_536


class Handle(Struct, eq=False, gc=False):
    """The name of a delivery, with what its dead letter needs."""

    channel: Channel
    tag: int
    body: bytes
    properties: Properties
    key: int


class _Held(Struct, eq=False):
    """A stream that this consumer reads.

    Attributes:
        unsettled: The deliveries that were not acknowledged, read or not.
        in_hand: Those that were read.
        is_active: The broker gives the messages of the stream to this consumer.
        leaving_since: The moment at which it was decided to give the stream up.
    """

    channel: Channel
    unsettled: dict[int, int] = {}
    in_hand: set[int] = set()
    is_active: bool = False
    leaving_since: float | None = None


class RabbitMQ:
    """One consumer of the streams of a game; see `ingress.ports.Queue`.

    Args:
        url: amqp:// or amqps://.
        prefix: The beginning of all names of queues.
        lease_seconds: The lifetime of a consumer that is not heard of.
        replies_max: The length of the common queue of replies.
        in_hand_max: The messages that the broker sends ahead, over all streams.
    """

    def __init__(
        self, url: str, *, prefix: str = "df:", lease_seconds: float = 5.0, replies_max: int = 100_000,
        in_hand_max: int = 2048,
    ) -> None:  # fmt: skip
        self._place = shown_rabbitmq(url)
        self._names = names_of(prefix)
        self._seconds = lease_seconds
        self._replies_max = replies_max
        self._prefetch = max(_PREFETCH_MIN, in_hand_max // STREAMS)
        self._link = RabbitMQLink(url, lease_seconds, self._fail)
        self._members = Members(token_hex(8), lease_seconds)
        self._held: dict[int, _Held] = {}
        self._arrived: deque[Delivery] = deque()
        self._excuses: dict[int, int] = {}
        """Deliveries that do not count, by the body: nobody but the broker can count, and it counts all."""
        self._said: tuple[int, ...] = ()
        self._say_at = 0.0
        self._keeping: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._is_news = asyncio.Event()
        self._failure: QueueUnavailable | None = None
        self._is_up = False

    @property
    def is_up(self) -> bool:
        """See `Queue`."""
        return self._is_up

    def held(self) -> Collection[int]:
        """See `Queue`."""
        return [stream for stream, one in self._held.items() if one.is_active] if self._is_up else []

    async def open(self) -> None:
        """See `Queue`.

        A broker with an alarm accepts connections and no messages, so the first word must be confirmed.
        """
        await self._stop_keeping()
        self._forget()
        self._failure = None
        try:
            await self._link.open()
            await self._create_queues()
            await self._join()
        except (QueueUnavailable, Missing) as error:
            raise self._down(error) from error
        except QueueRefused:
            await self._link.close()
            raise
        if self._failure is not None:
            raise self._down(self._failure)
        self._is_up = True
        self._keeping = asyncio.create_task(self._keep_streams())

    async def close(self) -> None:
        """See `Queue`."""
        await self._stop_keeping()
        was_up, self._is_up = self._is_up, False
        if was_up:
            with contextlib.suppress(QueueUnavailable, QueueRefused, Missing, TimeoutError):
                async with asyncio.timeout(1):
                    await self._leave(list(self._held))
                    await self._say(Word(self._members.owner, leaves=True))
        self._forget()
        await self._link.close()

    async def read(self, free: int, wait_seconds: float) -> list[Delivery]:
        """See `Queue`."""
        if self._failure is None and not self._arrived:
            self._is_news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._is_news.wait()
        if self._failure is not None:
            raise self._down(self._failure)
        found = [self._arrived.popleft() for _ in range(min(free, len(self._arrived)))]
        for delivery in found:
            self._held[delivery.stream].in_hand.add(delivery.handle.tag)
        return found

    async def answer(self, replies: Sequence[Reply]) -> None:
        """See `Queue`."""
        messages = [
            Outgoing(
                reply.to or self._names.replies, body_of(reply.fields),
                properties_of(reply.fields.get("id", ""), is_persistent=not reply.to),
            )
            for reply in replies
        ]  # fmt: skip
        lost = set(await self._publish(messages))
        await self._settle(reply.delivery for place, reply in enumerate(replies) if place not in lost)
        if lost:
            await self.bury([(replies[place].delivery, "bad_reply_to") for place in sorted(lost)])

    async def bury(self, letters: Sequence[tuple[Delivery, str]]) -> None:
        """See `Queue`."""
        messages = [
            rabbitmq_dead_letters.letter_of(
                self._names.dead, reason, delivery, delivery.handle.body, delivery.handle.properties
            )
            for delivery, reason in letters
        ]
        if await self._publish(messages):
            raise self._down(QueueUnavailable(f"the queue {self._names.dead} was removed"))
        await self._settle(delivery for delivery, _ in letters)

    async def excuse(self, deliveries: Sequence[Delivery]) -> None:
        """See `Queue`."""
        for delivery in deliveries:
            self._excuse(delivery.handle.key)

    async def lag(self) -> Mapping[int, int]:
        """See `Queue`.

        The broker counts what no consumer has; the deliveries of this consumer are added, those of others
        are not.
        """
        try:
            waiting = [await self._link.waiting(name) for name in self._names.streams]
        except (QueueUnavailable, QueueRefused, Missing) as error:
            raise self._down(error) from error
        own = {stream: len(one.unsettled) for stream, one in self._held.items()}
        return {stream: count + own.get(stream, 0) for stream, count in enumerate(waiting)}

    # Messages

    def _receive(self, stream: int, one: _Held, message: DeliveredMessage) -> None:
        """Take a message; a long one is cut at once, so that a flood of them needs little memory."""
        body, properties = message.body, message.header.properties
        tag = message.delivery.delivery_tag if isinstance(message.delivery, spec.Basic.Deliver) else None
        if tag is None or self._held.get(stream) is not one:
            return
        key = one.unsettled[tag] = hash(body)
        if one.leaving_since is not None:
            return  # the broker gives it to the next consumer
        times = max(1, 1 + deliveries_before(properties) - self._excuses.get(key, 0))
        handle = Handle(one.channel, tag, body[:DEAD_LETTER_BYTES_MAX], properties, key)
        one.is_active = True
        self._arrived.append(Delivery(handle, stream, fields_of(body, properties), times, len(body)))
        self._is_news.set()

    async def _settle(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge deliveries; those of a stream that was given up go to another consumer, too."""
        done: dict[int, list[Handle]] = {}
        for delivery in deliveries:
            done.setdefault(delivery.stream, []).append(delivery.handle)
        for stream, handles in done.items():
            one = self._held.get(stream)
            if one is None or one.channel is not handles[0].channel:
                continue
            for handle in handles:
                one.unsettled.pop(handle.tag, None)
                one.in_hand.discard(handle.tag)
                self._excuses.pop(handle.key, None)
            await self._acknowledge(one, [handle.tag for handle in handles])
            if one.leaving_since is not None and not one.in_hand:
                self._changed.set()

    async def _acknowledge(self, one: _Held, tags: list[int]) -> None:
        last = max(tags)
        is_prefix = last < min(one.unsettled, default=last + 1)
        try:
            if is_prefix:
                await one.channel.basic_ack(last, multiple=True, wait=False)
            else:
                for tag in tags:
                    await one.channel.basic_ack(tag, wait=False)
        except (AMQPError, RuntimeError) as error:
            raise self._down(error) from error

    async def _publish(self, messages: Sequence[Outgoing]) -> list[int]:
        try:
            return await self._link.publish(messages)
        except (QueueUnavailable, QueueRefused, Missing) as error:
            raise self._down(error) from error

    def _excuse(self, key: int) -> None:
        if len(self._excuses) < _EXCUSES_MAX or key in self._excuses:
            self._excuses[key] = self._excuses.get(key, 0) + 1

    # Streams

    async def _create_queues(self) -> None:
        names = self._names
        await self._link.declare(names.dead, dead_arguments())
        await self._link.declare(names.replies, reply_arguments(self._replies_max))
        for name in names.streams:
            await self._link.declare(name, stream_arguments(names))

    async def _join(self) -> None:
        """Begin to hear the other consumers, and ask which ones there are."""
        ear = f"{self._names.members}:{self._members.owner}"
        await self._link.hear(self._names.members, ear, self._hear)
        await self._say(Word(self._members.owner, asks=True))

    async def _hear(self, message: DeliveredMessage) -> None:
        if self._members.hear(message.body, time.monotonic()):
            self._changed.set()

    async def _say(self, word: Word) -> None:
        properties = properties_of(word.owner, is_persistent=False)
        await self._link.publish([Outgoing("", encode_word(word), properties, self._names.members)])

    async def _keep_streams(self) -> None:
        """Take and give up streams until cancelled or the queue is down."""
        try:
            await asyncio.sleep(min(_JOIN_SECONDS, self._seconds))
            while True:
                self._changed.clear()
                await self._keep()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds / WORDS_PER_LIFETIME):
                        await self._changed.wait()
        except (QueueUnavailable, QueueRefused, Missing) as error:
            self._down(error)

    async def _keep(self) -> None:
        now = time.monotonic()
        share = self._members.share(now)
        for stream in share - self._held.keys():
            await self._take(stream)
        for stream in self._held.keys() - share:
            if self._held[stream].leaving_since is None:
                self._held[stream].leaving_since = now
                self._arrived = deque(one for one in self._arrived if one.stream != stream)
        await self._leave([stream for stream, one in self._held.items() if self._may_leave(one, now)])
        claimed = self._members.claimed()
        for stream, one in self._held.items():
            one.is_active = one.is_active or stream not in claimed
        if (claims := tuple(self.held())) != self._said or now >= self._say_at or self._members.is_asked:
            self._members.is_asked = False
            self._said, self._say_at = claims, now + self._seconds / WORDS_PER_LIFETIME
            await self._say(Word(self._members.owner, claims))

    def _may_leave(self, one: _Held, now: float) -> bool:
        if one.leaving_since is None:
            return False
        return not one.in_hand or now - one.leaving_since > _PATIENCE_LIFETIMES * self._seconds

    async def _take(self, stream: int) -> None:
        one = _Held(await self._link.channel())
        self._held[stream] = one

        async def on_message(message: DeliveredMessage) -> None:
            self._receive(stream, one, message)

        name = self._names.streams[stream]
        await self._link.consume(one.channel, name, on_message, prefetch=self._prefetch)

    async def _leave(self, streams: Iterable[int]) -> None:
        for stream in streams:
            one = self._held.pop(stream)
            for key in one.unsettled.values():
                self._excuse(key)
            await self._link.leave(one.channel)

    def _forget(self) -> None:
        """Drop all deliveries. That this process lives proves them no poison, so they are excused."""
        for one in self._held.values():
            for key in one.unsettled.values():
                self._excuse(key)
        self._held.clear()
        self._arrived.clear()

    async def _stop_keeping(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await end(keeping)

    def _fail(self, said: str) -> None:
        """Note the end of a connection or channel."""
        self._down(QueueUnavailable(f"RabbitMQ has closed the connection: {said}"))

    def _down(self, error: Exception) -> QueueUnavailable:
        self._is_up = False
        if self._failure is None:
            self._failure = QueueUnavailable(f"{error} ({self._place})")
        self._is_news.set()
        self._changed.set()
        return self._failure
