"""The look at a database that a command takes beside its servers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dungeonfighter import settings
from dungeonfighter.errors import SettingsError
from dungeonfighter.storage.inspection import Inspection


def settings_of(arguments: argparse.Namespace) -> settings.Settings:
    """Read the settings of a command that looks at a database.

    Raises:
        SettingsError: A setting is wrong, or names a database in memory.
    """
    from dungeonfighter.serving.composition import STORES

    given = settings.read_settings(vars(arguments), os.environ, stores=STORES)
    if given.database.kind == "memory":
        raise SettingsError(["--db: memory:// keeps no bots; name the database of the server"])
    return given


async def open_inspection(given: settings.Settings) -> Inspection:
    """Open the database of these settings to read.

    Raises:
        StoreError: It cannot be opened.
    """
    if given.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_inspection import PostgresInspection

        is_pooler = given.db_prepared_statements != "on"
        return await PostgresInspection.open(given.database.url, is_pooler=is_pooler)
    from dungeonfighter.storage.sqlite_inspection import SqliteInspection

    return SqliteInspection(Path(given.database.path))
