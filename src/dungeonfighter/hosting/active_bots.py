"""The bots that had a turn within the last minute, and their number over several processes.

A bot may play on several workers within a minute, so the counts of the workers cannot be added. Each worker
reports a sample of its bots beside their number: those whose hash lies below a limit, which falls as more
bots are active. All workers choose the same bots, so the parent sees which bots are in several samples. A
worker with up to `SAMPLE_MAX` bots reports all of them, and the number is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

from msgspec import Struct

ACTIVE_SECONDS: Final = 60.0
SAMPLE_MAX: Final = 1000
_HASH_BYTES: Final = 6
_ALL: Final = 1 << 8 * _HASH_BYTES


class ActiveSample(Struct, frozen=True):
    """The number of the active bots of a process, and the hashes of those whose hash is below `limit`."""

    count: int = 0
    limit: int = _ALL
    hashes: list[int] = []


class ActiveBots:
    """The active bots of one process.

    Args:
        now: Returns the present time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._limit = _ALL
        self._sample: dict[str, int] = {}
        self.last_turns: dict[str, float] = {}
        """The time of the last turn of each bot, in order of these times. A hot path may change it as `note`
        does."""
        self.committed_at = 0.0
        """The end of the newest commit, which a hot path may take for the present time."""

    def note(self, key: str) -> None:
        """Note a turn of a bot."""
        if self.last_turns.pop(key, None) is None:
            self.enter(key)
        self.last_turns[key] = self._now()

    def enter(self, key: str) -> None:
        """Take a bot that was not active into the sample, if its hash is low."""
        value = int.from_bytes(blake2b(key.encode(errors="replace"), digest_size=_HASH_BYTES).digest(), "big")
        if value >= self._limit:
            return
        self._sample[key] = value
        while len(self._sample) > SAMPLE_MAX:
            self._limit //= 2
            self._sample = {bot: low for bot, low in self._sample.items() if low < self._limit}

    def count(self) -> int:
        """Return the number of bots with a turn in the last `ACTIVE_SECONDS`; costs a little for each that
        left since the last call.
        """
        until = self._now() - ACTIVE_SECONDS
        left = []
        for key, at in self.last_turns.items():
            if at > until:
                break
            left.append(key)
        for key in left:
            del self.last_turns[key]
            self._sample.pop(key, None)
        if not self.last_turns:
            self._limit = _ALL
        return len(self.last_turns)

    def sample(self) -> ActiveSample:
        return ActiveSample(self.count(), self._limit, sorted(self._sample.values()))


def count_distinct(samples: Iterable[ActiveSample]) -> int:
    """Return the number of active bots of several processes, each bot once.

    It is exact if no process has more than `SAMPLE_MAX` active bots. Otherwise the share of bots that play on
    several processes is that of the samples: the number is right to about 2 %.
    """
    known = list(samples)
    total = sum(one.count for one in known)
    limit = min((one.limit for one in known), default=_ALL)
    listed = [value for one in known for value in one.hashes if value < limit]
    return round(total * len(set(listed)) / len(listed)) if listed else total
