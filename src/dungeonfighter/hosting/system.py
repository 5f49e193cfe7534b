"""The clock and the chance of the operating system."""

from __future__ import annotations

import asyncio
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Final

from dungeonfighter import limits


class SystemClock:
    """The clock of this machine."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


_OPS_AT_ONCE: Final = 512
_OPS: Final = struct.Struct(f"{limits.op_bytes}s" * _OPS_AT_ONCE)


class SystemChance:
    """Operation ids and seeds from the operating system, so that nobody can foresee a ranked run's seed."""

    def __init__(self) -> None:
        draws = map(os.urandom, repeat(_OPS.size))
        ops: Iterator[bytes] = chain.from_iterable(map(_OPS.unpack, draws))
        self.op: Callable[[], bytes] = ops.__next__
        """Returns the next of many operation ids drawn together: one system call costs 3 us."""

    def seed(self) -> int:
        return int.from_bytes(os.urandom(8), "big") & limits.seed_max

    def nonce(self) -> bytes:
        return os.urandom(limits.nonce_bytes)

    def uniform(self) -> float:
        return random.random()  # jitter of retries only
