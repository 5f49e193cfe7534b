"""Reads lists from a replica of a PostgreSQL database while it answers, else from the primary."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.postgres_pool import Pool

_log = logging.getLogger(__name__)

AVOIDED_SECONDS: Final = 5.0
"""A replica that did not answer is not asked for so long, because each attempt waits for its deadline."""

_Result = TypeVar("_Result")


class Replica:
    """The replica of one store, or none.

    Args:
        pool: The connections to it; None without a replica.
    """

    def __init__(self, pool: Pool | None) -> None:
        self.pool = pool
        self._avoided_until = float("-inf")
        self._is_answering = True

    async def ask(self, read: Callable[[Pool | None], Awaitable[_Result]]) -> _Result:
        """Return what `read(pool)` reads from the replica, or from the primary by `read(None)`.

        Raises:
            StoreUnavailable: Neither of them answers.
        """
        if self.pool is None or time.monotonic() < self._avoided_until:
            return await read(None)
        try:
            found = await read(self.pool)
        except StoreUnavailable as error:
            self._avoided_until = time.monotonic() + AVOIDED_SECONDS
            if self._is_answering:
                _log.warning("the replica does not answer, so the primary is asked for lists: %s", error)
            self._is_answering = False
            return await read(None)
        if not self._is_answering:
            _log.info("the replica answers, and is asked for lists again")
        self._is_answering = True
        return found
