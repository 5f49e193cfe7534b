"""Looks at a PostgreSQL store beside the game: its facts (`facts`), its clock, its sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from dungeonfighter.errors import DungeonFighterError, StoreUnavailable
from dungeonfighter.storage import facts
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.wall_clock import wall_seconds

_log = logging.getLogger(__name__)

READ_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 1.0
"""The pause after a look that the database did not answer."""


class FactReader:
    """Looks at the start and every `READ_SECONDS`; without the database all but `is_answered` stays as it is.

    The attributes are those of `StoreHealth`.

    Args:
        run: Runs a piece of work over a connection of the store.
        statement: The query `facts`.
    """

    def __init__(
        self,
        run: Callable[[Callable[[Connection], Coroutine[Any, Any, None]]], Awaitable[None]],
        statement: str,
    ) -> None:
        self._run = run
        self._statement = statement
        self._reading: asyncio.Task[None] | None = None
        self.backup_at = 0.0
        self.is_answered = True
        self.clock_skew_seconds = 0.0
        self.sync_waits = 0

    def start(self) -> None:
        self._reading = asyncio.create_task(self._read(), name="facts of the store")

    async def stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(self) -> None:
        while True:
            try:
                await self._run(self._look)
                self._note(None)
            except StoreUnavailable as error:
                self._note(error)
                self.sync_waits = 0
            except DungeonFighterError:
                pass  # the database answers, and refuses: the schema is one of another release
            await asyncio.sleep(READ_SECONDS if self.is_answered else RETRY_SECONDS)

    def _note(self, trouble: StoreUnavailable | None) -> None:
        """Note the end of a look; log only the first of a series."""
        if self.is_answered and trouble is not None:
            _log.warning("the database does not answer: %s", trouble)
        elif not self.is_answered and trouble is None:
            _log.info("the database answers again")
        self.is_answered = trouble is None

    async def _look(self, connection: Connection) -> None:
        wall, began = wall_seconds(), time.perf_counter()
        row = await connection.fetchrow(self._statement, facts.LAST_BACKUP)
        half = (time.perf_counter() - began) / 2
        backup, clock, self.sync_waits = row
        self.backup_at = facts.as_seconds(backup) if backup else 0.0
        ahead = wall + half - clock
        self.clock_skew_seconds = max(0.0, ahead - half) + min(0.0, ahead + half)
