"""Opens a database to look at it: for commands that need no store."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dungeonfighter import settings
from dungeonfighter.commands.given_settings import read_database_settings
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.storage.inspection import Inspection

_Result = TypeVar("_Result")


def settings_of(arguments: argparse.Namespace) -> settings.Settings:
    """Read the settings of a command that works on a database which keeps bots.

    Raises:
        SettingsError: A setting is wrong, or the database is memory.
    """
    return read_database_settings(arguments, "keeps no bots; name the database of the server")


def with_inspection(given: settings.Settings, work: Callable[[Inspection], Awaitable[_Result]]) -> _Result:
    """Open the database, return the result of the work, and close it."""

    async def open_and_work() -> _Result:
        inspection = await open_inspection(given)
        try:
            return await work(inspection)
        finally:
            await inspection.close()

    return asyncio.run(open_and_work())


def no_bot(key: str) -> CommandFailed:
    """Return the failure of a command whose bot does not exist."""
    return CommandFailed(f"there is no bot {key}; `bots list` shows all")


async def open_inspection(given: settings.Settings) -> Inspection:
    """Open the database of the settings to read only."""
    if given.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_inspection import PostgresInspection

        is_pooler = given.db_prepared_statements != "on"
        return await PostgresInspection.open(given.database.url, is_pooler=is_pooler)
    from dungeonfighter.storage.sqlite_inspection import SqliteInspection

    return SqliteInspection(Path(given.database.path))
