"""Limits the failed log-ins of each address."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from dungeonfighter.access.client_addresses import limit_group
from dungeonfighter.errors import RateLimited

FAILURES_MAX: Final = 10
"""The failed log-ins of one address within `WINDOW_SECONDS`; with several workers each has a part of them."""
FAILURES_MAX_EACH_LEAST: Final = 3
WINDOW_SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 10_000


class FailedLogIns:
    """Counts the failures of the last minute, of at most `ADDRESSES_MAX` addresses.

    Args:
        now: The time in seconds, which never goes back.
        parts: The number of workers; each counts the failures that it sees.
    """

    def __init__(self, now: Callable[[], float], parts: int = 1) -> None:
        self._now = now
        self._most = max(FAILURES_MAX_EACH_LEAST, math.ceil(FAILURES_MAX / parts))
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Return if the address may try.

        Raises:
            RateLimited: It failed too often within the last minute.
        """
        failures = self._failures.get(limit_group(address))
        if failures is None or len(failures) < self._most:
            return
        wait = failures[0] + WINDOW_SECONDS - self._now()
        if wait > 0:
            what = "too many log-ins from this address have failed"
            raise RateLimited(what, retry_after_seconds=max(1, math.ceil(wait)))

    def note(self, address: str) -> None:
        """Count a failure; forget the address that failed longest ago if there are too many."""
        key = limit_group(address)
        failures = self._failures.setdefault(key, deque(maxlen=self._most))
        failures.append(self._now())
        self._failures.move_to_end(key)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
