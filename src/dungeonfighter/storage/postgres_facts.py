"""Reads the facts about a PostgreSQL store beside the game (`facts`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.storage import facts

READ_SECONDS: Final = 15.0


class FactReader:
    """Reads the facts at its start and every `READ_SECONDS`; without the database they stay as they are.

    Args:
        fetch: Runs a named query with its values over a connection of the store.
    """

    def __init__(self, fetch: Callable[..., Awaitable[list[Any]]]) -> None:
        self._fetch = fetch
        self._reading: asyncio.Task[None] | None = None
        self.backup_at = 0.0
        """See `StoreHealth`."""

    def start(self) -> None:
        self._reading = asyncio.create_task(self._read(), name="facts of the store")

    async def stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(self) -> None:
        while True:
            with contextlib.suppress(DungeonFighterError):
                rows = await self._fetch("fact", facts.LAST_BACKUP)
                self.backup_at = facts.as_seconds(rows[0][0]) if rows else 0.0
            await asyncio.sleep(READ_SECONDS)
