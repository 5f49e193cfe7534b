"""The living consumers of a game, and how they divide its streams.

Each consumer says at intervals that it lives; one that was not heard for a lifetime is dead. The consumers
may have different views for a moment. That is harmless, because the broker gives the messages of a stream to
one of its consumers at a time.

Source: docs/decisions/052-rabbitmq.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.ingress.partitions import STREAMS


class Word(Struct, frozen=True):
    """The words of a consumer to the others.

    Attributes:
        owner: Its name.
        claims: The streams that it holds.
        asks: It has just come, and the others shall say that they live.
        leaves: It goes.
    """

    owner: str
    claims: tuple[int, ...] = ()
    asks: bool = False
    leaves: bool = False


_decode: Final = msgspec.json.Decoder(Word).decode
encode_word: Final = msgspec.json.Encoder().encode


class Members:
    """The consumers that one consumer has heard of.

    Args:
        owner: The name of that consumer.
        seconds: The lifetime of what it has heard.

    Attributes:
        is_asked: Another consumer wants to know that this one lives; the caller answers and resets it.
    """

    def __init__(self, owner: str, seconds: float) -> None:
        self.owner = owner
        self._seconds = seconds
        self._heard: dict[str, tuple[float, frozenset[int]]] = {}
        self.is_asked = False

    def hear(self, body: bytes, now: float) -> bool:
        """Note what a consumer says; return True if it is something new, and False for garbage."""
        try:
            word = _decode(body)
        except msgspec.MsgspecError:
            return False
        if word.owner == self.owner:
            return False
        self.is_asked = self.is_asked or word.asks
        if word.leaves:
            return self._heard.pop(word.owner, None) is not None
        claims = frozenset(word.claims)
        former = self._heard.get(word.owner)
        self._heard[word.owner] = now, claims
        return word.asks or former is None or former[1] != claims

    def share(self, now: float) -> frozenset[int]:
        """Return the streams of this consumer by its present view, and forget the dead."""
        self._heard = {one: seen for one, seen in self._heard.items() if now - seen[0] < self._seconds}
        mine = division({self.owner, *self._heard})
        return frozenset(stream for stream, owner in enumerate(mine) if owner == self.owner)

    def claimed(self) -> frozenset[int]:
        """Return the streams that others hold, as they say."""
        return frozenset().union(*(claims for _, claims in self._heard.values()))


def division(owners: Collection[str]) -> list[str]:
    """Return the owner of each stream.

    The shares differ by one stream at most. All who know the same owners get the same result, and few
    streams move when an owner comes or goes (rendezvous hashing with a bound).
    """
    ranked = sorted(owners)
    left = {one: STREAMS // len(ranked) + (rank < STREAMS % len(ranked)) for rank, one in enumerate(ranked)}
    result = []
    for stream in range(STREAMS):
        able = (one for one in ranked if left[one])
        chosen = max(able, key=lambda one: zlib.crc32(f"{one}/{stream}".encode()))
        left[chosen] -= 1
        result.append(chosen)
    return result
