"""Opens a database to remove something from it, beside its servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dungeonfighter.errors import SettingsError
from dungeonfighter.settings import Settings

if TYPE_CHECKING:
    from dungeonfighter.storage.pruning.removal import Removal


async def open_removal(given: Settings) -> Removal:
    """Open the database of the settings.

    Raises:
        SettingsError: The database is behind a pooler, which loses locks.
        StoreUnavailable: It cannot be opened.
    """
    if given.database.kind == "postgresql":
        from dungeonfighter.storage.pruning.postgres_removal import PostgresRemoval

        if given.db_prepared_statements != "on":
            raise SettingsError(["--db: name the PostgreSQL server itself here, not its pooler"])
        return await PostgresRemoval.open(given.database.url, given.database.shown)
    from dungeonfighter.storage.pruning.sqlite_removal import SqliteRemoval

    return SqliteRemoval(Path(given.database.path))
