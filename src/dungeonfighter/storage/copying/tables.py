"""The tables of a database as their schema describes them, and the portable values of their rows.

A kind of column has one portable type, whatever the database:

| kind | portable value | SQLite | PostgreSQL |
|---|---|---|---|
| text | str | text | text, varchar |
| integer | int | integer | integer, bigint |
| real | float | real | double precision |
| bytes | bytes | blob | bytea |
| boolean | bool | integer | boolean |
| time | int, microseconds since 1970 | real | timestamptz |
| json | str | text | jsonb |
| uuid | str | text | uuid |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from dungeonfighter.errors import StoreError

Kind = Literal["text", "integer", "real", "bytes", "boolean", "time", "json", "uuid"]
Value = str | int | float | bytes | None
Key = tuple[Value, ...]
Record = tuple[Value, ...]

EXPORTED: Final = ("character_saves", "episodes", "run_inputs", "run_bases", "games")
"""The tables of an export in its order. Games come last: a bot that is there has all that belongs to it."""
COPIED: Final = ("tokens", "shared_secrets", "fleets", *EXPORTED)
"""The tables of a copy in its order; one that the schema does not have is left out."""
NOT_COPIED: Final = frozenset({"schema_version", "store_facts", "copy_progress"})
"""The tables that say something about one database itself."""
NAMED_MOST: Final = 20
"""The number of rows that a report names; it counts the others."""

_REFINED: Final[Mapping[Kind, frozenset[Kind]]] = {
    "text": frozenset({"text", "json", "uuid"}),
    "integer": frozenset({"integer", "boolean"}),
    "real": frozenset({"real", "time"}),
    "bytes": frozenset({"bytes"}),
}
"""The kinds that SQLite keeps in a column of each of its types."""


class Column(Struct, frozen=True):
    """One column of a table."""

    name: str
    kind: Kind
    is_nullable: bool = False


class Table(Struct, frozen=True):
    """One table; the columns of its primary key are `columns[i]` for i in `key`."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(self.columns[number] for number in self.key)

    def key_of(self, record: Record) -> Key:
        return tuple(record[number] for number in self.key)


class Broken(Struct, frozen=True):
    """A row that a database cannot read or keep: a text that names it, and the reason."""

    row: str
    reason: str


class Page(Struct, frozen=True):
    """Some rows of a table in the order of their keys.

    Attributes:
        records: The rows that can be read.
        broken: Those that cannot.
        last: The key of the last row, readable or not; None at the end of the table.
    """

    records: list[Record]
    broken: list[Broken]
    last: Key | None


class Progress(Struct, frozen=True):
    """The place that a former copy into a database reached.

    Attributes:
        source: The name of the database that it read.
        state: `copying`, or `differs` after a comparison that found differences.
        table: The table that it copied last.
        position: The key of the last copied row of this table; None before the first one.
        broken: The number of rows that could not be copied.
    """

    source: str
    state: Literal["copying", "differs"]
    table: str
    position: Key | None = None
    broken: int = 0


class Bounds(Struct, frozen=True):
    """A range of keys of bots: from `begin` to before `end`."""

    begin: str
    end: str


class Reading(Protocol):
    """One database that is read; no method changes it.

    Raises (each method):
        StoreUnavailable: The database did not answer.
    """

    name: str
    """The name of the database for people, without a password."""

    async def tables(self) -> dict[str, Table]:
        """Return the tables of `COPIED` that the database has, by name."""

    async def count(self, table: Table) -> int:
        """Return about how many rows a table has, for the progress."""

    async def page(
        self,
        table: Table,
        after: Key | None,
        most: int,
        upto: Key | None = None,
        bounds: Bounds | None = None,
    ) -> Page:
        """Read up to `most` rows with keys beyond `after`, up to the key `upto`, and within `bounds`."""

    async def misplaced(self, table: Table) -> list[Broken]:
        """Return the rows whose key has a wrong type, which no page has."""

    async def close(self) -> None: ...


class Writing(Reading, Protocol):
    """One database that a copy fills."""

    async def progress(self) -> Progress | None:
        """Return how far a former copy came; None if no copy is under way."""

    async def begin(self, progress: Progress) -> None:
        """Note that a copy is under way; from now on no server opens the database."""

    async def note(self, progress: Progress) -> None:
        """Replace the note."""

    async def write(self, table: Table, records: Sequence[Record], progress: Progress) -> list[Broken]:
        """Insert rows and replace the note in one transaction; return the rows that it cannot keep."""

    async def replace(self, table: Table, keys: Sequence[Key], records: Sequence[Record]) -> list[Broken]:
        """Delete the rows with these keys, then insert rows; return those that it cannot keep."""

    async def finish(self) -> None:
        """Remove the note: the copy is complete."""


def common_tables(source: Mapping[str, Table], target: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables with the kinds that fit both databases.

    Raises:
        StoreError: A table or a column is only in one of them, or has another type or another key there.
    """
    for name in sorted(source.keys() ^ target.keys()):
        raise StoreError(f"only one of the databases has the table {name}", hint="use one release for both")
    return {name: _common(source[name], target[name]) for name in COPIED if name in source}


def _common(one: Table, other: Table) -> Table:
    others = {column.name: column for column in other.columns}
    for name in sorted(set(one.names) ^ set(other.names)):
        raise StoreError(
            f"only one of the databases has the column {name} of {one.name}", hint="use one release for both"
        )
    columns = []
    for column in one.columns:
        match = others[column.name]
        kind = _kind(column.kind, match.kind)
        if kind is None or column.is_nullable != match.is_nullable:
            raise StoreError(
                f"the column {column.name} of {one.name} has different types in the databases: "
                f"{_shown_type(column)} and {_shown_type(match)}"
            )
        columns.append(Column(column.name, kind, column.is_nullable))
    key, other_key = ([column.name for column in table.key_columns] for table in (one, other))
    if key != other_key:
        raise StoreError(f"the databases have different keys in {one.name}: {key} and {other_key}")
    return Table(one.name, tuple(columns), one.key)


def _shown_type(column: Column) -> str:
    return f"{column.kind} or nothing" if column.is_nullable else column.kind


def _kind(one: Kind, other: Kind) -> Kind | None:
    if one == other:
        return one
    if other in _REFINED.get(one, ()):
        return other
    return one if one in _REFINED.get(other, ()) else None


def shown_key(table: str, key: Sequence[Any]) -> str:
    """Return the name of a row for people: the table and its key."""
    parts = (value.hex() if isinstance(value, bytes) else str(value) for value in key)
    text = " ".join(parts).encode(errors="replace").decode()
    return f"{table} {text[:200]!r}" if not text.isprintable() else f"{table} {text[:200]}"


def comparable(table: Table, record: Record) -> Record:
    """Return the values of a row in a form in which equal rows of different databases are equal."""
    if not any(column.kind in {"json", "uuid"} for column in table.columns):
        return record
    return tuple(
        _comparable_text(column.kind, value) if isinstance(value, str) else value
        for column, value in zip(table.columns, record, strict=True)
    )  # fmt: skip


def _comparable_text(kind: Kind, text: str) -> str:
    if kind == "json":
        return canonical_json(text)
    return text.lower() if kind == "uuid" else text


def canonical_json(text: str) -> str:
    """Return one spelling for equal JSON; `jsonb` keeps neither spaces nor the order of keys.

    A text that is not JSON stands for itself.
    """
    try:
        return json.dumps(
            json.loads(text, parse_float=Decimal, parse_int=Decimal),
            sort_keys=True,
            separators=(",", ":"),
            default=_number,
        )
    except (ValueError, RecursionError):
        return text


def _number(number: Decimal) -> str:
    return f"decimal {number.normalize()}"
