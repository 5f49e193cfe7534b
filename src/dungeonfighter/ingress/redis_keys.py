"""The names of all keys of the ingress in Redis, which begin with one prefix."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from dungeonfighter.ingress.partitions import STREAMS

GROUP: Final = "ingress"
"""The group of consumers of each stream."""
CONSUMER: Final = "holder"
"""The one consumer of each group: the holder of the lease. The name does not change with the holder, so the
next holder finds in its own list what the former one left."""


class Keys(Struct, frozen=True):
    """The keys of one game.

    Attributes:
        streams: The messages, by the number of the stream.
        replies: The replies to producers without a stream of their own.
        dead: The dead letters.
        consumers: The living consumers, each with the end of its life.
        leases: The lease of each stream.
    """

    streams: tuple[str, ...]
    replies: str
    dead: str
    consumers: str
    leases: tuple[str, ...]


def keys_of(prefix: str) -> Keys:
    """Return the keys that begin with `prefix`, such as `df:`."""
    numbers = range(STREAMS)
    return Keys(
        tuple(f"{prefix}in:{number}" for number in numbers),
        f"{prefix}out",
        f"{prefix}dead",
        f"{prefix}consumers",
        tuple(f"{prefix}lease:{number}" for number in numbers),
    )
