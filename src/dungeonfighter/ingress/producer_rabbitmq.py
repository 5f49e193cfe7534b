"""The mailbox of a producer in RabbitMQ: see `ingress.producer_mailboxes.Mailbox`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from aiormq.abc import DeliveredMessage

from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.producer_mailboxes import Fields
from dungeonfighter.ingress.rabbitmq_link import Missing, Outgoing, RabbitMQLink, translated
from dungeonfighter.ingress.rabbitmq_messages import body_of, properties_of
from dungeonfighter.ingress.rabbitmq_names import names_of, own_reply_arguments, stream_arguments

_HEARTBEAT_SECONDS: Final = 5
_AT_ONCE: Final = 256
"""The messages that wait for their confirmations together."""
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


class RabbitMQMailbox:
    """A queue for replies, which outlives a lost connection and is removed when nobody reads it.

    Args:
        url: amqp:// or amqps://.
        prefix: The beginning of all names of queues.
        replies: The queue for replies.
    """

    def __init__(self, url: str, prefix: str, replies: str) -> None:
        self._link = RabbitMQLink(url, _HEARTBEAT_SECONDS, self._fail)
        self._names = names_of(prefix)
        self._queue = replies
        self._arrived: list[Fields] = []
        self._is_news = asyncio.Event()
        self._failure = ""

    async def open(self) -> None:
        """See `Mailbox`."""
        self._failure = ""
        try:
            await self._link.open()
            await self._link.declare(self._queue, own_reply_arguments())
            await self._link.consume(self._link.control, self._queue, self._receive, no_ack=True)
        except Missing as error:
            raise QueueUnavailable(str(error)) from error

    async def send(self, messages: Sequence[tuple[int, Fields]]) -> None:
        """See `Mailbox`."""
        for begin in range(0, len(messages), _AT_ONCE):
            batch = [
                Outgoing(
                    self._names.streams[stream], body_of(fields),
                    properties_of(fields["id"], is_persistent=True, reply_to=self._queue),
                )
                for stream, fields in messages[begin : begin + _AT_ONCE]
            ]  # fmt: skip
            if lost := await self._link.publish(batch):
                await self._send_before_consumers([batch[place] for place in lost])

    async def _send_before_consumers(self, messages: Sequence[Outgoing]) -> None:
        """Send messages whose queues are missing, because no ingress has made them yet."""
        for name in {message.to for message in messages}:
            await self._link.declare(name, stream_arguments(self._names))
        if await self._link.publish(messages):
            raise QueueUnavailable("the queues of the ingress are removed all the time")

    async def receive(self, wait_seconds: float) -> list[Fields]:
        """See `Mailbox`."""
        if not self._arrived and not self._failure:
            self._is_news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._is_news.wait()
        found, self._arrived = self._arrived, []
        if self._failure and not found:
            raise QueueUnavailable(f"RabbitMQ has closed the connection: {self._failure}")
        return found

    async def close(self, *, is_done: bool) -> None:
        """See `Mailbox`."""
        if is_done and not self._failure:
            with contextlib.suppress(QueueUnavailable, QueueRefused, Missing):
                async with translated():
                    await self._link.control.queue_delete(self._queue)
        await self._link.close()

    async def _receive(self, message: DeliveredMessage) -> None:
        try:
            self._arrived.append(_decode(message.body))
        except msgspec.MsgspecError:
            return  # no reply of an ingress
        self._is_news.set()

    def _fail(self, said: str) -> None:
        self._failure = said
        self._is_news.set()
