"""A look at a PostgreSQL database without a store: one connection, read-only transactions."""

from __future__ import annotations

from typing import Any

import asyncpg

from dungeonfighter.hosting.ports import AccessToken, Row, Save, StoredRun
from dungeonfighter.storage import postgres_links, postgres_reads, postgres_schema, sql_files
from dungeonfighter.storage.inspection import ListedBot, ListedRun, Order, RunPlace, first_places
from dungeonfighter.storage.postgres_errors import unavailable
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.save_rows import from_json


class PostgresInspection:
    """See `inspection.Inspection`; `open` makes one. A standby of the database answers as well."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = sql_files.queries("postgres")

    @classmethod
    async def open(cls, url: str, *, is_pooler: bool) -> PostgresInspection:
        """Connect and check the schema.

        Args:
            url: `postgresql://user:password@host:port/name`
            is_pooler: The url leads to a PgBouncer that takes no prepared statements.

        Raises:
            StoreUnavailable: The server cannot be reached, or the schema is older.
            SchemaTooNew: The schema is newer than this release.
        """
        connection, _ = await postgres_links.connect(url, is_pooler=is_pooler, safety=None)
        made = cls(connection)
        try:
            await postgres_schema.check_not_older(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
                raise unavailable(error) from error
            raise
        return made

    async def top(self, by: Order, prefix: str, count: int, day: int) -> list[ListedBot]:
        values = (prefix, sql_files.after_prefix(prefix), count, *((day,) if by == "tokens" else ()))
        return [ListedBot(*row) for row in await self._select(f"top_by_{by}", *values)]

    async def row(self, key: str) -> Row | None:
        found = await self._select("load", [key])
        return Row(*found[0]) if found else None

    async def saves(self, key: str) -> list[Save]:
        return [from_json(*row, with_state=False) for row in await self._select("list_saves", key)]

    async def runs(self, key: str, count: int) -> tuple[int, list[ListedRun]]:
        ((total,),) = await self._select("count_episodes", key)
        return int(total), [ListedRun(*row) for row in await self._select("last_episodes", key, count)]

    async def runs_after(self, prefix: str, last: RunPlace, count: int) -> list[RunPlace]:
        values = (*last, prefix, sql_files.after_prefix(prefix), count)
        ended = await self._select("runs_after", *values)
        present = await self._select("present_runs_after", *values)
        return first_places(map(tuple, ended), map(tuple, present), count)

    async def stored_run(self, key: str, episode: int) -> StoredRun:
        return await postgres_reads.stored_run(self._select, key, episode)

    async def secret(self, name: str) -> bytes | None:
        found = await self._select("read_secret", name)
        return bytes(found[0][0]) if found else None

    async def tokens(self) -> list[AccessToken]:
        return [AccessToken(*row) for row in await self._select("tokens_after", 0)]

    async def close(self) -> None:
        await self._connection.close()

    async def _select(self, name: str, *values: object) -> list[Any]:
        try:
            async with self._connection.transaction(readonly=True):
                # A list looks at every row; the other settings of the link are for commits.
                await self._connection.execute("set local enable_seqscan = on")
                rows: list[Any] = await self._connection.fetch(self._sql[name], *values)
                return rows
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise unavailable(error) from error
