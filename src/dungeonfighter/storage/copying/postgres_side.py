"""A PostgreSQL database as one side of a copy."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import asyncpg

from dungeonfighter.errors import Corrupt, StoreError, StoreUnavailable
from dungeonfighter.storage import postgres_links, postgres_schema, sql_files
from dungeonfighter.storage.copying import positions
from dungeonfighter.storage.copying.tables import (
    COPIED,
    Bounds,
    Broken,
    Column,
    Key,
    Kind,
    Page,
    Progress,
    Record,
    Table,
    shown_key,
)
from dungeonfighter.storage.postgres_errors import Meaning, is_database_error, meaning, unavailable
from dungeonfighter.storage.postgres_links import Connection

_KINDS: Final[Mapping[str, Kind]] = {
    "text": "text", "character varying": "text", "smallint": "integer", "integer": "integer",
    "bigint": "integer",
    "double precision": "real", "bytea": "bytes", "boolean": "boolean",
    "timestamp with time zone": "time", "jsonb": "json", "uuid": "uuid",
}  # fmt: skip
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TEXTS: Final[frozenset[Kind]] = frozenset({"text", "json", "uuid"})
_TYPES: Final[Mapping[Kind, str]] = {
    "text": "text", "integer": "bigint", "bytes": "bytea", "uuid": "uuid", "real": "float8",
    "boolean": "boolean",
}  # fmt: skip
"""The types of the parameters for parts of a key."""
COPY_LOCK: Final = 4919046371024
"""The advisory lock of the one copy into a database."""


class PostgresReading:
    """Reads a database; `open` makes one. See `tables.Reading`."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self.connection = connection
        self._sql = sql_files.queries("postgres", "copying")

    @classmethod
    async def open(cls, url: str, name: str) -> PostgresReading:
        """Connect and check the schema.

        Args:
            url: `postgresql://user:password@host:port/name`, of the server itself, not of a pooler.
            name: The name of the database for people.

        Raises:
            StoreUnavailable: The server cannot be reached, or the schema is older.
            SchemaTooNew: The schema is newer than this release.
        """
        made = cls(await _connected(url), name)
        await made._check_schema()
        return made

    async def tables(self) -> dict[str, Table]:
        found = {}
        for name in COPIED:
            rows = await self._fetch(self._sql["columns"], name)
            if rows:
                columns = tuple(
                    Column(column, _kind_of(name, column, kind), not is_required)
                    for column, kind, is_required, _ in rows
                )
                key = sorted((row[3], number) for number, row in enumerate(rows) if row[3] >= 0)
                found[name] = Table(name, columns, tuple(number for _, number in key))
        return found

    async def count(self, table: Table) -> int:
        ((count,),) = await self._fetch(self._sql["estimate"], table.name)
        return int(count)

    async def page(
        self,
        table: Table,
        after: Key | None,
        most: int,
        upto: Key | None = None,
        bounds: Bounds | None = None,
    ) -> Page:
        conditions, values = _range(table, after, upto, bounds)
        columns = ", ".join(map(_selected, table.columns))
        order = ", ".join(f'"{column.name}"' for column in table.key_columns)
        query = f"select {columns} from {table.name} where {conditions} order by {order} limit {most}"
        try:
            rows = await self._fetch(query, *values)
        except UnicodeDecodeError as error:
            raise Corrupt(
                f"a text of {table.name} beyond {shown_key(table.name, after or ())} is not UTF-8"
            ) from error
        records: list[Record] = [tuple(row) for row in rows]
        return Page(records, [], table.key_of(records[-1]) if records else None)

    async def misplaced(self, table: Table) -> list[Broken]:
        return []

    async def close(self) -> None:
        await self.connection.close()

    async def _check_schema(self) -> None:
        try:
            async with translated():
                await postgres_schema.check_not_older(self.connection)
        except BaseException:
            self.connection.terminate()
            raise

    async def _fetch(self, query: str, *values: Any) -> list[Any]:
        async with translated():
            rows: list[Any] = await self.connection.fetch(query, *values)
            return rows


class PostgresWriting(PostgresReading):
    """Fills a database; `open` makes one. See `tables.Writing`."""

    @classmethod
    async def open(cls, url: str, name: str) -> PostgresWriting:
        """Connect, and migrate the schema unless a copy is under way.

        Raises:
            StoreUnavailable: The server cannot be reached, or another copy is at work.
            SchemaTooNew: The schema is newer than this release.
        """
        made = cls(await _connected(url), name)
        try:
            async with translated():
                if not await made.connection.fetchval(made._sql["lock_chore"], COPY_LOCK):
                    raise StoreUnavailable(f"another copy into {name} is at work", hint="wait for its end")
                if not await made._has_marker():
                    await postgres_schema.migrate(made.connection, sql_files.queries("postgres"))
        except BaseException:
            made.connection.terminate()
            raise
        await made._check_schema()
        return made

    async def progress(self) -> Progress | None:
        if not await self._has_marker():
            return None
        rows = await self._fetch(self._sql["read_marker"])
        return positions.from_row(tuple(rows[0])) if rows else None

    async def begin(self, progress: Progress) -> None:
        async with translated(), self.connection.transaction():
            await self.connection.execute(self._sql["make_marker"])
            await self._note(progress)

    async def note(self, progress: Progress) -> None:
        async with translated(), self.connection.transaction():
            await self._note(progress)

    async def write(self, table: Table, records: Sequence[Record], progress: Progress) -> list[Broken]:
        async with translated(), self.connection.transaction():
            broken = await self._insert(table, records)
            counted = progress.broken + len(broken)
            await self._note(
                Progress(progress.source, progress.state, progress.table, progress.position, counted)
            )
        return broken

    async def replace(self, table: Table, keys: Sequence[Key], records: Sequence[Record]) -> list[Broken]:
        where = " and ".join(
            f'"{column.name}" = ${number}' for number, column in enumerate(table.key_columns, start=1)
        )
        async with translated(), self.connection.transaction():
            await self.connection.executemany(f"delete from {table.name} where {where}", keys)
            return await self._insert(table, records)

    async def finish(self) -> None:
        async with translated():
            await self.connection.execute(self._sql["drop_marker"])
            await self.connection.execute(f"analyze {', '.join(await self.tables())}")

    async def _has_marker(self) -> bool:
        return bool(await self.connection.fetchval(self._sql["has_marker"]))

    async def _note(self, progress: Progress) -> None:
        await self.connection.execute(self._sql["clear_marker"])
        await self.connection.execute(self._sql["write_marker"], *positions.to_row(progress))

    async def _insert(self, table: Table, records: Sequence[Record]) -> list[Broken]:
        broken = []
        rows = []
        for record in records:
            try:
                rows.append((record, _stored(table, record)))
            except ValueError as error:
                broken.append(Broken(shown_key(table.name, table.key_of(record)), str(error)))
        return broken + await self._copy_in(table, rows)

    async def _copy_in(self, table: Table, rows: Sequence[tuple[Record, tuple[Any, ...]]]) -> list[Broken]:
        """Insert rows; halve them until each row that the server or the driver refuses is alone."""
        if not rows:
            return []
        try:
            async with self.connection.transaction():
                await self.connection.copy_records_to_table(
                    table.name, records=[stored for _, stored in rows], columns=table.names
                )
        except Exception as error:
            if meaning(error) is not Meaning.bad_row and not isinstance(error, OverflowError):
                raise  # (the driver raises OverflowError for an integer beyond its column)
            if len(rows) == 1:
                reason = str(error).partition("\n")[0][:200]
                record = rows[0][0]
                return [
                    Broken(shown_key(table.name, table.key_of(record)), f"PostgreSQL refuses it: {reason}")
                ]
            half = len(rows) // 2
            return await self._copy_in(table, rows[:half]) + await self._copy_in(table, rows[half:])
        return []


async def _connected(url: str) -> Connection:
    connection, _ = await postgres_links.connect(url, is_pooler=False, safety=None)
    return connection


@contextlib.asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Translate errors of the driver into those of a store."""
    try:
        yield
    except Exception as error:
        if not is_database_error(error):
            raise
        if isinstance(error, asyncpg.PostgresError):
            raise StoreError(
                f"the database refused this: {str(error).partition(chr(10))[0][:200]}"
            ) from error
        raise unavailable(error) from error


def _kind_of(table: str, column: str, declared: str) -> Kind:
    kind = _KINDS.get(declared)
    if kind is None:
        raise StoreError(f"the column {column} of {table} has the unknown type {declared}")
    return kind


def _selected(column: Column) -> str:
    name = f'"{column.name}"'
    if column.kind == "time":
        return f"(extract(epoch from {name}) * 1000000)::bigint"
    return f"{name}::text" if column.kind in _TEXTS else name


def _range(table: Table, after: Key | None, upto: Key | None, bounds: Bounds | None) -> tuple[str, list[Any]]:
    """Return the condition for a range of keys, with its values."""
    names = ", ".join(f'"{column.name}"' for column in table.key_columns)
    conditions = ["true"]
    values: list[Any] = []
    for sign, key in ((">", after), ("<=", upto)):
        if key is not None:
            begin = len(values) + 1
            marks = ", ".join(
                f"${number}::{_TYPES[column.kind]}"
                for number, column in enumerate(table.key_columns, start=begin)
            )
            conditions.append(f"({names}) {sign} ({marks})")
            values += key
    if bounds is not None:
        first, count = table.key_columns[0].name, len(values)
        conditions.append(f'"{first}" >= ${count + 1}::text and "{first}" < ${count + 2}::text')
        values += [bounds.begin, bounds.end]
    return " and ".join(conditions), values


def _stored(table: Table, record: Record) -> tuple[Any, ...]:
    """Return the values of a row for the driver.

    Raises:
        ValueError: PostgreSQL cannot keep a value; the text is the reason.
    """
    values: list[Any] = []
    for column, value in zip(table.columns, record, strict=True):
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{column.name} has a NUL character, which PostgreSQL cannot keep")
        if column.kind == "time" and isinstance(value, int):
            try:
                values.append(_EPOCH + datetime.timedelta(microseconds=value))
            except OverflowError as error:
                raise ValueError(f"{column.name} is no time that PostgreSQL's driver knows") from error
            continue
        values.append(value)
    return tuple(values)
