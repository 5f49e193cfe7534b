"""A SQLite file as one side of a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import apsw

from dungeonfighter.errors import StoreError
from dungeonfighter.storage import sql_files, sqlite_schema
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
    Value,
    shown_key,
)
from dungeonfighter.storage.sqlite_chores import WAIT_SECONDS, SqliteChores
from dungeonfighter.storage.sqlite_connection import Waiting, check_existing, connect_to_read, unavailable

_KINDS: Final[Mapping[str, Kind]] = {"text": "text", "integer": "integer", "real": "real", "blob": "bytes"}
_NARROWER: Final[Mapping[tuple[str, str], Kind]] = {
    ("episodes", "ranked"): "boolean",
    ("tokens", "turns_required"): "boolean",
    ("character_saves", "character_data"): "json",
}
"""The columns whose declared type says less than that of PostgreSQL, and whose form in an export differs."""
_TIME_SECONDS_MAX: Final = 9e10
"""A later time than that of any row: PostgreSQL's driver knows times up to the year 9999 only."""
_TEXTS: Final[frozenset[Kind]] = frozenset({"text", "json", "uuid"})
_TYPES: Final[Mapping[Kind, Any]] = {
    "text": str, "json": str, "uuid": str, "integer": int, "boolean": int, "real": float, "time": float,
    "bytes": bytes,
}  # fmt: skip


class SqliteReading:
    """Reads a SQLite file in short transactions; see `tables.Reading`.

    Args:
        path: The database file.

    Raises:
        StoreUnavailable: There is no such database, or its schema is older.
        SchemaTooNew: Its schema is newer than this release.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:///{path.absolute()}"
        check_existing(path, "name the file of a server")
        self._waiting = Waiting()
        try:
            self._connection = connect_to_read(path, self._waiting, is_immutable=False)
            self._waiting.at_most(WAIT_SECONDS)
            sqlite_schema.check_not_older(self._connection)
        except apsw.Error as error:
            raise unavailable(error) from error
        self._sql = sql_files.queries("sqlite", "copying")

    async def tables(self) -> dict[str, Table]:
        return _tables(self._connection, self._sql)

    async def count(self, table: Table) -> int:
        ((count,),) = self._execute(f"select count(*) from {table.name}", ())
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
        columns = ", ".join(f'"{name}"' for name in table.names)
        order = ", ".join(f'"{column.name}"' for column in table.key_columns)
        query = f"from {table.name} where {conditions} order by {order} limit {most}"
        try:
            rows = self._execute(f"select {columns} {query}", values)
        except UnicodeDecodeError:
            columns = ", ".join(map(_as_bytes, table.columns))
            rows = [_decoded(table, row) for row in self._execute(f"select {columns} {query}", values)]
        records: list[Record] = []
        broken: list[Broken] = []
        for row in rows:
            record, trouble = _portable(table, row)
            if trouble:
                broken.append(Broken(shown_key(table.name, table.key_of(row)), trouble))
            else:
                records.append(record)
        return Page(records, broken, table.key_of(rows[-1]) if rows else None)

    async def misplaced(self, table: Table) -> list[Broken]:
        wrong = " or ".join(f"not ({_typed(column)})" for column in table.key_columns)
        keys = ", ".join(f'cast("{column.name}" as blob)' for column in table.key_columns)
        rows = self._execute(f"select {keys} from {table.name} where {wrong} limit 1000", ())
        return [
            Broken(
                shown_key(table.name, [str(part, "utf-8", "replace") for part in row]),
                "a part of its key has a wrong type",
            )
            for row in rows
        ]

    async def close(self) -> None:
        self._connection.close()

    def _execute(self, query: str, values: Sequence[Any]) -> list[Any]:
        self._waiting.at_most(WAIT_SECONDS)
        try:
            return self._connection.execute(query, tuple(values)).fetchall()
        except apsw.Error as error:
            raise unavailable(error) from error


class SqliteWriting(SqliteReading):
    """Fills a SQLite file; see `tables.Writing`. A missing file is created."""

    def __init__(self, path: Path) -> None:
        self._chores = SqliteChores(path, is_new=True)
        self._sql = sql_files.queries("sqlite", "copying")
        try:
            if not self._has_marker():
                self._chores.migrate()
            super().__init__(path)
        except BaseException:
            self._chores.close()
            raise

    async def progress(self) -> Progress | None:
        if not self._has_marker():
            return None
        rows = self._chores.connection.execute(self._sql["read_marker"]).fetchall()
        return positions.from_row(rows[0]) if rows else None

    async def begin(self, progress: Progress) -> None:
        with self._chores.transaction() as connection:
            connection.execute(self._sql["make_marker"])
            self._note(connection, progress)

    async def note(self, progress: Progress) -> None:
        with self._chores.transaction() as connection:
            self._note(connection, progress)

    async def write(self, table: Table, records: Sequence[Record], progress: Progress) -> list[Broken]:
        with self._chores.transaction() as connection:
            broken = _insert(connection, table, records)
            counted = progress.broken + len(broken)
            self._note(
                connection,
                Progress(progress.source, progress.state, progress.table, progress.position, counted),
            )
        return broken

    async def replace(self, table: Table, keys: Sequence[Key], records: Sequence[Record]) -> list[Broken]:
        where = " and ".join(f'"{column.name}" = ?' for column in table.key_columns)
        with self._chores.transaction() as connection:
            connection.executemany(f"delete from {table.name} where {where}", keys)
            return _insert(connection, table, records)

    async def finish(self) -> None:
        with self._chores.transaction() as connection:
            connection.execute(self._sql["drop_marker"])

    async def close(self) -> None:
        await super().close()
        self._chores.close()

    def _has_marker(self) -> bool:
        return bool(self._chores.connection.execute(self._sql["has_marker"]).get)

    def _note(self, connection: apsw.Connection, progress: Progress) -> None:
        connection.execute(self._sql["clear_marker"])
        connection.execute(self._sql["write_marker"], positions.to_row(progress))


def _tables(connection: apsw.Connection, sql: Mapping[str, str]) -> dict[str, Table]:
    found = {}
    for name in COPIED:
        rows: list[Any] = connection.execute(sql["columns"], (name,)).fetchall()
        if rows:
            columns = tuple(
                Column(column, _kind_of(name, column, kind), not (is_required or place))
                for column, kind, is_required, place in rows
            )
            key = sorted((row[3], number) for number, row in enumerate(rows) if row[3])
            found[name] = Table(name, columns, tuple(number for _, number in key))
    return found


def _kind_of(table: str, column: str, declared: str) -> Kind:
    kind = _NARROWER.get((table, column)) or _KINDS.get(declared)
    if kind is None:
        raise StoreError(f"the column {column} of {table} has the unknown type {declared}")
    return kind


def _range(
    table: Table, after: Key | None, upto: Key | None, bounds: Bounds | None
) -> tuple[str, list[Any]]:  # fmt: skip
    """Return the condition for a range of keys with its values; texts are bound as bytes, valid or not."""
    names = ", ".join(f'"{column.name}"' for column in table.key_columns)
    marks = ", ".join("cast(? as text)" if column.kind in _TEXTS else "?" for column in table.key_columns)
    conditions = [_typed(column) for column in table.key_columns]
    values: list[Any] = []
    for sign, key in ((">", after), ("<=", upto)):
        if key is not None:
            conditions.append(f"({names}) {sign} ({marks})")
            values += [
                part.encode(errors="surrogateescape") if isinstance(part, str) else part for part in key
            ]
    if bounds is not None:
        first = table.key_columns[0].name
        conditions += [f'"{first}" >= ?', f'"{first}" < ?']
        values += [bounds.begin, bounds.end]
    return " and ".join(conditions), values


def _typed(column: Column) -> str:
    """Return the condition that a value has the type of its column."""
    word = {str: "text", int: "integer", float: "real", bytes: "blob"}[_TYPES[column.kind]]
    return f"typeof(\"{column.name}\") = '{word}'"


def _as_bytes(column: Column) -> str:
    if column.kind not in _TEXTS:
        return f'"{column.name}"'
    name = f'"{column.name}"'
    return f"case typeof({name}) when 'text' then cast({name} as blob) when 'null' then null else 0 end"


def _decoded(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    """Decode the texts of a row; one that is not UTF-8 gets surrogates, which `_portable` finds."""
    return tuple(
        value.decode(errors="surrogateescape")
        if column.kind in _TEXTS and isinstance(value, bytes)
        else value
        for column, value in zip(table.columns, row, strict=True)
    )


def _portable(table: Table, row: Sequence[Any]) -> tuple[Record, str]:
    """Return the portable values of a row, and the trouble with one of them, or ""."""
    values: list[Value] = []
    for column, value in zip(table.columns, row, strict=True):
        if value is None and column.is_nullable:
            values.append(None)
            continue
        trouble = _trouble(column.kind, value)
        if trouble:
            return (), f"{column.name} {trouble}"
        values.append(_made_portable(column.kind, value))
    return tuple(values), ""


def _trouble(kind: Kind, value: Any) -> str:
    """Return what is wrong with a value of SQLite, or ""."""
    if type(value) is not _TYPES[kind]:
        return "has a wrong type"
    if kind in _TEXTS:
        try:
            value.encode()
        except UnicodeEncodeError:
            return "is not UTF-8"
    elif kind == "boolean" and value not in {0, 1}:
        return "is neither 0 nor 1"
    elif kind == "time" and not abs(value) < _TIME_SECONDS_MAX:
        return "is no time"
    return ""


def _made_portable(kind: Kind, value: Any) -> Value:
    if kind == "boolean":
        return bool(value)
    return round(value * 1_000_000) if kind == "time" else cast("Value", value)


def _insert(connection: apsw.Connection, table: Table, records: Sequence[Record]) -> list[Broken]:
    """Insert rows; halve them until each row that SQLite refuses is alone."""
    if not records:
        return []
    columns = ", ".join(f'"{name}"' for name in table.names)
    marks = ", ".join("?" * len(table.columns))
    connection.execute("savepoint rows")
    try:
        connection.executemany(
            f"insert into {table.name} ({columns}) values ({marks})",
            [_stored(table, record) for record in records],
        )
    except (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError) as error:
        connection.execute("rollback to rows; release rows")
        if len(records) == 1:
            return [Broken(shown_key(table.name, table.key_of(records[0])), f"SQLite refuses it: {error}")]
        half = len(records) // 2
        return _insert(connection, table, records[:half]) + _insert(connection, table, records[half:])
    connection.execute("release rows")
    return []


def _stored(table: Table, record: Record) -> tuple[Any, ...]:
    return tuple(
        value / 1_000_000 if column.kind == "time" and isinstance(value, int) else value
        for column, value in zip(table.columns, record, strict=True)
    )
