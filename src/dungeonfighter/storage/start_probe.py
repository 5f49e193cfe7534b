"""Looks at a database without changing it: can it be reached, and can this release run on its schema?"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import apsw

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import sql_files, sqlite_schema
from dungeonfighter.storage.sqlite_connection import (
    Waiting,
    check_file,
    connect_to_read,
    is_unused,
    unavailable,
)


async def inspect_postgres(url: str, *, prepared_statements: bool, allow_unsafe: bool) -> None:
    """Open one connection and close it.

    Raises:
        StoreError, SettingsError: What `PostgresStore.open` would raise, except for problems of a migration.
    """
    from dungeonfighter.storage import postgres_indexes, postgres_links, postgres_schema  # noqa: PLC0415
    from dungeonfighter.storage.releases import missing_steps  # noqa: PLC0415

    safety, sql = postgres_links.Safety(), sql_files.queries("postgres")
    connection, _ = await postgres_links.connect(url, is_pooler=not prepared_statements, safety=safety)
    try:
        safety.check(allow_unsafe=allow_unsafe)
        await postgres_schema.check_settings(connection)
        missing_steps(sql_files.migrations("postgres"), await postgres_indexes.applied_steps(connection, sql))
    finally:
        connection.terminate()


async def inspect_sqlite(path: Path) -> None:
    """Read the schema's number, if the file exists.

    Raises:
        StoreError: The file cannot be used, or a newer release wrote it.
    """
    await asyncio.to_thread(_inspect_file, path)


def _inspect_file(path: Path) -> None:
    try:
        check_file(path)
        if not path.exists():
            return
        is_immutable = is_unused(path)
        with contextlib.closing(connect_to_read(path, Waiting(), is_immutable=is_immutable)) as connection:
            sqlite_schema.missing_in(connection)
    except OSError as error:
        raise StoreUnavailable(f"the database {path} cannot be read: {error.strerror or error}") from error
    except apsw.Error as error:
        raise unavailable(error) from error
