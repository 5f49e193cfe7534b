"""The names of all queues of the ingress in RabbitMQ, which begin with one prefix, and what they are like.

The names are those of the keys in Redis, so that a producer needs one rule for both.

Source: docs/decisions/052-rabbitmq.md.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from pamqp.common import Arguments

from dungeonfighter.ingress.partitions import STREAMS

DEAD_LETTERS_MAX: Final = 10_000
"""The broker drops the oldest letters beyond this."""
DELIVERIES_MOST: Final = 1_000_000
"""The delivery limit of the broker. Release 4 has a limit of 20 if a queue names none; ours comes first."""
OWN_REPLIES_MAX: Final = 100_000
OWN_REPLIES_SECONDS: Final = 600
"""The broker removes a producer's own queue that nobody reads for so long."""


class Names(Struct, frozen=True):
    """The queues of one game, and the exchange by which its consumers know of each other.

    Attributes:
        streams: The messages, by the number of the stream.
        replies: The replies to producers without a queue of their own.
        dead: The dead letters.
        members: The exchange.
    """

    streams: tuple[str, ...]
    replies: str
    dead: str
    members: str


def names_of(prefix: str) -> Names:
    """Return the names that begin with `prefix`, such as `df:`."""
    streams = tuple(f"{prefix}in:{number}" for number in range(STREAMS))
    return Names(streams, f"{prefix}out", f"{prefix}dead", f"{prefix}consumers")


def stream_arguments(names: Names) -> Arguments:
    """Return the arguments of the queue of a stream.

    What the broker itself gives up (an operator's limit for deliveries or ages) goes to the dead letters, and
    leaves the stream only when it has arrived there.
    """
    return {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": DELIVERIES_MOST,
        "x-overflow": "reject-publish",
        "x-dead-letter-strategy": "at-least-once",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": names.dead,
    }


def dead_arguments() -> Arguments:
    """Return the arguments of the queue of dead letters."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERIES_MOST,
        "x-max-length": DEAD_LETTERS_MAX,
        "x-overflow": "drop-head",
    }


def reply_arguments(length: int) -> Arguments:
    """Return the arguments of the common queue of replies, which keeps the last `length` ones."""
    return {"x-queue-type": "quorum", "x-max-length": length, "x-overflow": "drop-head"}


def own_reply_arguments() -> Arguments:
    """Return the arguments of a producer's own queue of replies.

    It is no quorum queue: a lost reply costs one repeat, and the broker makes such queues by the hundred.
    """
    return {
        "x-max-length": OWN_REPLIES_MAX,
        "x-overflow": "drop-head",
        "x-expires": OWN_REPLIES_SECONDS * 1000,
    }
