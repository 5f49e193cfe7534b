"""The real clock and real chance. Tests bring their own."""

from __future__ import annotations

import asyncio
import os
import random
import time

from dungeonfighter import limits


class SystemClock:
    """Time of this machine."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


_OPS_AT_ONCE = 512


class SystemChance:
    """Operation ids and drawn seeds from the operating system: nobody can foresee a ranked run's seed."""

    def __init__(self) -> None:
        self._ops: list[bytes] = []

    def op(self) -> bytes:
        """Drawn many at a time: asking the system costs 3 us each time."""
        if not self._ops:
            drawn, size = os.urandom(limits.op_bytes * _OPS_AT_ONCE), limits.op_bytes
            self._ops = [drawn[begin : begin + size] for begin in range(0, len(drawn), size)]
        return self._ops.pop()

    def seed(self) -> int:
        return int.from_bytes(os.urandom(8), "big") & limits.seed_max

    def uniform(self) -> float:
        return random.random()  # jitter of retries only
