"""The interface of a queue: what the consumer needs of Redis Streams and of RabbitMQ.

A delivery is at least once. The queue gives each message to one consumer, keeps it until it is acknowledged,
and gives it again when that consumer is gone. The host makes the second delivery harmless, because a message
names the turn that it plays.

Source: docs/decisions/051-ingress.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct


class QueueUnavailable(Exception):
    """The queue does not answer, or cannot do this now. The message says why, without a password."""


class QueueRefused(Exception):
    """The queue can never be used as it is: a wrong password, a missing right, a wrong setting."""


class Delivery(Struct, frozen=True, gc=False):
    """One message in the hands of this consumer.

    Attributes:
        handle: The name of the delivery for its queue.
        stream: The number of its stream, from 0.
        fields: The fields of the message, unchecked. Values that are longer than
            `messages.MESSAGE_BYTES_MAX` are cut.
        times: The number of deliveries of the message, with this one; 1 where the queue does not count.
        size: The bytes of the message before it was cut.
    """

    handle: Any
    stream: int
    fields: Mapping[str, bytes]
    times: int = 1
    size: int = 0


class Reply(Struct, frozen=True, gc=False):
    """The answer to one message.

    Attributes:
        delivery: The message.
        to: The stream (Redis) or queue (RabbitMQ) of the producer; "" for the common one.
        fields: The fields of the answer.
    """

    delivery: Delivery
    to: str
    fields: Mapping[str, str]


class DeadLetter(Struct, frozen=True):
    """A message that no repeat would bring to an answer.

    Attributes:
        handle: The name of the letter for its queue, as text.
        reason: One of `messages.REASONS`.
        stream: The stream that the message came from.
        entry: The name that the message had there.
        fields: The fields of the message, cut to `messages.DEAD_LETTER_BYTES_MAX` in sum.
        is_whole: The fields are complete, so the message can be sent again.
    """

    handle: str
    reason: str
    stream: int
    entry: str
    fields: Mapping[str, bytes]
    is_whole: bool = True


class Queue(Protocol):
    """The messages of one game, for one consumer. All calls come from one event loop.

    After `QueueUnavailable` every delivery in hand is void: the caller drops it, and calls `open` until it
    returns. The queue then gives what was not acknowledged once more.
    """

    async def open(self) -> None:
        """Connect, and create what is missing (groups, exchanges, queues); also after an outage.

        Raises:
            QueueUnavailable: It does not answer.
            QueueRefused: It will never answer.
        """

    async def close(self) -> None:
        """Hand the streams to the other consumers and disconnect; never raises."""

    async def read(self, free: int, wait_seconds: float) -> list[Delivery]:
        """Wait for messages, of the streams only that this consumer holds.

        At most one call is under way; the caller may cancel it.

        Args:
            free: The greatest number of deliveries; at least 1.
            wait_seconds: The longest wait for the first one; the list may be empty.

        Returns:
            The deliveries of each stream in the order in which they were sent.

        Raises:
            QueueUnavailable.
        """

    async def answer(self, replies: Sequence[Reply]) -> None:
        """Send each reply, and acknowledge its delivery afterwards or in the same atomic step.

        A delivery of a stream that this consumer has lost may be answered: the producer may get two replies.

        Raises:
            QueueUnavailable: Any of the replies may have been sent.
        """

    async def bury(self, letters: Sequence[tuple[Delivery, str]]) -> None:
        """Add each delivery to the dead letters with its reason, and acknowledge it.

        Raises:
            QueueUnavailable: Any of them may have been added.
        """

    async def excuse(self, deliveries: Sequence[Delivery]) -> None:
        """Do not count these deliveries in `Delivery.times`: the fault is ours, not that of the message.

        A queue that cannot do this does nothing.

        Raises:
            QueueUnavailable.
        """

    async def lag(self) -> Mapping[int, int]:
        """Return the number of messages that are not acknowledged, for each stream.

        Raises:
            QueueUnavailable.
        """

    def held(self) -> Collection[int]:
        """Return the streams that this consumer holds now."""

    @property
    def is_up(self) -> bool:
        """True while the queue answers."""


class DeadLetters(Protocol):
    """The dead letters of one game, for an operator."""

    async def count(self) -> int:
        """Return the number of letters.

        Raises:
            QueueUnavailable, QueueRefused.
        """

    async def read(self, after: str, count: int) -> list[DeadLetter]:
        """Return letters in the order of their arrival, without removing them.

        Args:
            after: The handle of the last letter of the call before; "" for the first call.
            count: The greatest number.

        Raises:
            QueueUnavailable, QueueRefused.
        """

    async def resend(self, letters: Sequence[DeadLetter]) -> None:
        """Put each message at the end of the stream of its bot, and remove the letter.

        Raises:
            QueueUnavailable: Some of them may have been sent, and some of those not yet removed; to send
                them once more is harmless.
        """

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Remove letters.

        Raises:
            QueueUnavailable.
        """

    async def close(self) -> None:
        """Disconnect; never raises."""
