"""What a producer needs of a queue: the messages go out, and the replies come into a place of its own.

Source: docs/ingress.md, "A producer in Python".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from dungeonfighter.ingress.messages import reply_prefix
from dungeonfighter.ingress.ports import QueueRefused

Fields = Mapping[str, str]

REPLIES_KEPT_SECONDS: Final = 600
"""A producer's place for replies is removed when it was not read for so long."""
_MISSING: Final = "the package {0} is missing: install the extra {0} of dungeonfighter"


class Mailbox(Protocol):
    """The connections of one producer. After `QueueUnavailable` the caller calls `open` until it returns."""

    async def open(self) -> None:
        """Connect, or connect anew; replies that arrived meanwhile are not lost.

        Raises:
            QueueUnavailable: The queue does not answer now.
            QueueRefused: It will never answer.
        """

    async def send(self, messages: Sequence[tuple[int, Fields]]) -> None:
        """Add messages, each to the stream of that number, in this order.

        Raises:
            QueueUnavailable: Any of them may have been added.
        """

    async def receive(self, wait_seconds: float) -> list[Fields]:
        """Wait for replies, and return them once.

        Raises:
            QueueUnavailable.
        """

    async def close(self, *, is_done: bool) -> None:
        """Disconnect; never raises. If nothing is left to be answered, remove the place for replies."""


def make_mailbox(url: str, *, prefix: str, fleet: str, name: str) -> tuple[Mailbox, str]:
    """Return the mailbox for an address, and the name of the place for replies.

    Raises:
        QueueRefused: The address is of no known kind, or a package is missing.
    """
    replies = f"{reply_prefix(prefix, fleet)}{name}"
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss", "unix"}:
        try:
            from dungeonfighter.ingress.producer_redis import RedisMailbox  # noqa: PLC0415 - needs the extra
        except ImportError:
            raise QueueRefused(_MISSING.format("redis")) from None
        return RedisMailbox(url, prefix, replies), replies
    if scheme in {"amqp", "amqps"}:
        try:
            from dungeonfighter.ingress.producer_rabbitmq import RabbitMQMailbox  # noqa: PLC0415
        except ImportError:
            raise QueueRefused(_MISSING.format("rabbitmq")) from None
        return RabbitMQMailbox(url, prefix, replies), replies
    raise QueueRefused("the address of the queue must begin with redis://, rediss://, amqp:// or amqps://")
