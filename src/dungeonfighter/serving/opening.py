"""The opening of the store at the start of a server: a store that is not ready yet is tried again and again.

Service managers start a server and its database side by side, so a database that cannot be reached is no
reason to give up at once. A refused password, a missing database or a newer schema is.

Source: docs/decisions/031-start-and-stop.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from dungeonfighter.errors import StoreNotReady

if TYPE_CHECKING:
    from dungeonfighter.connection_strings import Database
    from dungeonfighter.hosting.ranked_runs import RankingStore
    from dungeonfighter.serving.secrets_anew import Secrets
    from dungeonfighter.settings import Settings

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.25
PAUSE_SECONDS_MAX: Final = 2.0
PROGRESS_SECONDS: Final = 5.0
"""The pause between two lines of progress."""


class Opening:
    """Makes and opens the store of one process, which follows its secrets from the first attempt on.

    Args:
        settings: The databases.
        make: Makes a store that is not open yet.
        secrets: The connection strings that may change while the process runs.
    """

    def __init__(
        self, settings: Settings, make: Callable[[Settings], RankingStore], secrets: Secrets | None = None
    ) -> None:
        self._settings = settings
        self._make = make
        self._store: RankingStore | None = None
        if secrets is not None and settings.database.kind == "postgresql":
            for attribute in ("database", "read_database"):
                secrets.call_at_change(attribute, partial(self._use, attribute))

    async def open(self, seconds: float, on_wait: Callable[[], None]) -> RankingStore:
        """Open the store; try again for `seconds` while it is not ready.

        Args:
            seconds: The time after which the last error is raised; 0 allows one attempt.
            on_wait: Called when the first attempt has failed and there will be another one.

        Raises:
            StoreError, SettingsError: See `hosting.ports.Store.open`.
        """
        now = asyncio.get_running_loop().time
        end = now() + seconds
        pause, reported_at = PAUSE_SECONDS, float("-inf")
        while True:
            self._store = self._make(self._settings)
            try:
                await self._store.open()
            except StoreNotReady as error:
                left = end - now()
                if left <= 0:
                    raise
                if reported_at == float("-inf"):
                    on_wait()
                if reported_at == float("-inf") or (left >= 1 and now() - reported_at >= PROGRESS_SECONDS):
                    reported_at = now()
                    place = self._settings.database.shown
                    logger.warning("waiting for the store, for %.0f s at most: %s (%s)", left, error, place)
            else:
                if reported_at != float("-inf"):
                    logger.info("the store can be reached now")
                return self._store
            await asyncio.sleep(min(pause, max(end - now(), 0.0)))
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    def _use(self, attribute: str, database: Database) -> None:
        """Use another connection string of the same database, from the next connection on."""
        from dungeonfighter.storage.postgres import PostgresStore  # noqa: PLC0415 - only for this kind

        before: Database | None = getattr(self._settings, attribute)
        if before is None or database.shown != before.shown:
            logger.warning("a new connection string names another database: restart the server to use it")
            return
        self._settings = msgspec.structs.replace(self._settings, **{attribute: database})
        if isinstance(self._store, PostgresStore):
            use = self._store.use_url if attribute == "database" else self._store.use_read_url
            use(database.url)
