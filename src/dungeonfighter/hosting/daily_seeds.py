"""The seed of the day: the same on all servers of a store, and unknown to players until the day is over."""

from __future__ import annotations

import time
from hashlib import blake2b

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.replays.replay import Replay
from dungeonfighter.rules import Mode

SECRET_NAME = "daily seeds"
"""The name of the secret in the store; see `Store.shared_secret`."""
_PURPOSE = b"daily seed"


class Seed(Struct, frozen=True):
    """A seed and a nonce, from which the dice of a ranked run follow."""

    seed: int
    nonce: bytes


class DailySeeds:
    """The seeds of the days.

    Args:
        secret: A secret of the store, 16 to 64 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def is_run_of_day(self, replay: Replay, wall_seconds: float) -> bool:
        """Return True if a run is the daily one of the day (UTC) of this moment, in seconds since 1970."""
        options = replay.options
        if options is None or options.mode != Mode.daily.name:
            return False
        return options.seed == self.at(wall_seconds).seed

    def at(self, wall_seconds: float) -> Seed:
        """Return the seed of the day (UTC) of this moment, in seconds since 1970."""
        day = time.strftime("%Y-%m-%d", time.gmtime(wall_seconds)).encode()
        hashed = blake2b(day, key=self._secret, person=_PURPOSE, digest_size=8 + limits.nonce_bytes).digest()
        return Seed(int.from_bytes(hashed[:8], "big") & limits.seed_max, hashed[8:])
