"""The interface of a queue for a producer: messages go out, and replies come into a place of its own.

Source: docs/ingress.md, "A producer in Python".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

Fields = Mapping[str, str]

REPLIES_KEPT_SECONDS: Final = 600
"""A producer's place for replies is removed when it was not read for so long."""


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
