"""The leases of one consumer: which streams it may read.

The consumers of a game divide its streams evenly. A lease ends by itself, by the clock of Redis, so the
streams of a consumer that died are taken over. A consumer that was stopped for longer than its lease does not
know it: it stops reading as soon as it runs, because by its own clock the lease is over, too. What it still
answers from before is harmless, because a message names its turn.

Source: docs/ingress.md, "Leases".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from dungeonfighter.ingress.redis_keys import Keys
from dungeonfighter.ingress.redis_link import RedisLink
from dungeonfighter.ingress.redis_scripts import KEEP, LEAVE

RENEWALS: Final = 4
"""A lease is renewed so often in its lifetime."""
_PATIENCE_LEASES: Final = 2.0
"""A stream that another consumer shall have is given up after so many lifetimes, even with work in hand."""


class StreamLeases:
    """The leases of one consumer.

    Args:
        link: The server.
        keys: The keys of the game.
        owner: A name that no other consumer has.
        seconds: The lifetime of a lease.
        in_hand: Returns how many messages of a stream this consumer has in hand.
    """

    def __init__(
        self, link: RedisLink, keys: Keys, owner: str, seconds: float, in_hand: Callable[[int], int]
    ) -> None:
        self._link = link
        self._keys = [keys.consumers, *keys.leases]
        self._owner = owner
        self._seconds = seconds
        self._in_hand = in_hand
        self._ends_at = 0.0
        self._held: frozenset[int] = frozenset()
        self._leaving: dict[int, float] = {}
        """The streams to give up, and when this was decided."""

    def held(self) -> frozenset[int]:
        """Return the streams that this consumer holds for sure, with those that it is about to give up."""
        return self._held if time.monotonic() < self._ends_at else frozenset()

    def readable(self) -> frozenset[int]:
        """Return the streams to read."""
        return self.held() - self._leaving.keys()

    async def keep(self) -> frozenset[int]:
        """Renew the leases, and take or give up streams; return the streams that are new here.

        Raises:
            QueueUnavailable, QueueRefused, NoGroup.
        """
        asked_at = time.monotonic()
        leaving = [one for one, since in self._leaving.items() if self._may_leave(one, asked_at - since)]
        before = self._held - set(leaving) if asked_at < self._ends_at else frozenset[int]()
        share, held = await self._link.run(
            KEEP, self._keys, [self._owner, int(self._seconds * 1000), *leaving]
        )
        self._held = frozenset(held)
        self._ends_at = asked_at + self._seconds
        surplus = sorted(self._held, key=self._in_hand)[: max(0, len(held) - share)]
        self._leaving = {one: self._leaving.get(one, asked_at) for one in surplus}
        return self._held - before

    async def leave(self) -> None:
        """Give up all leases at once.

        Raises:
            QueueUnavailable, QueueRefused, NoGroup.
        """
        self.forget()
        await self._link.run(LEAVE, self._keys, [self._owner])

    def forget(self) -> None:
        """Hold nothing until the next `keep`; the leases in Redis end by themselves."""
        self._held, self._ends_at, self._leaving = frozenset(), 0.0, {}

    @property
    def pause_seconds(self) -> float:
        """The time until the next `keep`; it is short while a stream waits to be given up."""
        return self._seconds / RENEWALS if not self._leaving else min(0.1, self._seconds / RENEWALS)

    def _may_leave(self, stream: int, waited: float) -> bool:
        return not self._in_hand(stream) or waited > _PATIENCE_LEASES * self._seconds
