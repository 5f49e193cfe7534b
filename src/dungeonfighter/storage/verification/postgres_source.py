"""Reads a PostgreSQL database for a verification; a standby of it answers as well."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import postgres_indexes, postgres_links, sql_files
from dungeonfighter.storage.postgres_errors import unavailable
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.releases import missing_steps, too_old
from dungeonfighter.storage.verification.findings import BASES, Columns, Damaged

_DAMAGED_STATES: Final = ("XX001", "XX002", "58030")
"""Data corrupted, index corrupted, and an error of the disk."""
_SETTINGS: Final = "set local enable_bitmapscan = off; set local lock_timeout = '10s'"


class PostgresSource:
    """See `findings.Source`; `open` makes one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = sql_files.queries("postgres")

    @classmethod
    async def open(cls, url: str, *, is_pooler: bool) -> PostgresSource:
        """Connect and check the schema.

        Raises:
            StoreUnavailable: The server cannot be reached, or the schema is missing or older.
            SchemaTooNew: The schema is newer than this release.
        """
        connection, _ = await postgres_links.connect(url, is_pooler=is_pooler, safety=None)
        made = cls(connection)
        try:
            applied = await postgres_indexes.applied_steps(connection, made._sql)
            if not applied:
                raise StoreUnavailable(
                    "the database holds no games", hint="name that of the servers with --db"
                )
            missing = missing_steps(sql_files.migrations("postgres"), applied)
            if 1 in {step.number for step in missing}:
                raise too_old()
        except BaseException as error:
            connection.terminate()
            if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
                raise unavailable(error) from error
            raise
        return made

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        try:
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                await self._connection.execute(_SETTINGS)
                yield
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise unavailable(error) from error

    async def select(self, name: str, *values: str | int) -> list[Columns]:
        try:
            async with (
                self._connection.transaction()
            ):  # a savepoint, so that a damage does not end the snapshot
                rows: list[Any] = await self._connection.fetch(self._sql[name], *values)
        except (UnicodeDecodeError, asyncpg.CharacterNotInRepertoireError) as error:
            raise Damaged("a text is not UTF-8") from error
        except asyncpg.UndefinedTableError:
            if name != BASES:
                raise
            return []  # a schema before migration 006
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "") not in _DAMAGED_STATES:
                raise
            raise Damaged("a page of the table is damaged") from error
        return [tuple(row) for row in rows]

    async def count(self) -> int:
        try:
            async with self._connection.transaction(readonly=True):
                await self._connection.execute("set local enable_seqscan = on")
                return int(await self._connection.fetchval("select count(*) from games"))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        await self._connection.close()
