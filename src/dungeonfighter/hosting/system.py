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


class SystemChance:
    """Operation ids and drawn seeds from the operating system: nobody can foresee a ranked run's seed."""

    def op(self) -> bytes:
        return os.urandom(limits.op_bytes)

    def seed(self) -> int:
        return int.from_bytes(os.urandom(8), "big") & limits.seed_max

    def uniform(self) -> float:
        return random.random()  # jitter of retries only
