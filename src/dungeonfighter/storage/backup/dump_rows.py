"""Reads the rows of a dump of PostgreSQL without a server, through `pg_restore`, into a scratch file.

The rows of a dump lie in the order of the tables' pages, and a verification reads them in the order of their
keys. So they go into a SQLite file, which takes about as much disk as the database and little memory.

Source: PostgreSQL's manual, "COPY", section "Text Format".
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import apsw

from dungeonfighter.errors import StoreError
from dungeonfighter.storage import sqlite_connection, sqlite_schema
from dungeonfighter.storage.backup import postgres_programs
from dungeonfighter.storage.backup.postgres_files import OTHER_RELEASE
from dungeonfighter.storage.backup.postgres_programs import Program
from dungeonfighter.storage.backup.sqlite_files import Show
from dungeonfighter.storage.sqlite_connection import Waiting

_INTEGERS: Final = frozenset({
    "version", "episode", "turn", "tokens_today", "first_turn", "seed", "parent_episode", "last_turn",
    "score",
})  # fmt: skip
_BYTES: Final = frozenset({"digest", "state", "trail", "base"})
_TABLES: Final = {
    "games": ("bot_id", "version", "digest", "episode", "turn", "rules", "state", "trail", "directive",
              "tokens_today"),
    "run_inputs": ("bot_id", "episode", "first_turn", "inputs"),
    "episodes": ("bot_id", "episode", "rules", "seed", "mode", "options", "parent_episode", "first_turn",
                 "last_turn", "result", "score", "digest", "ranked"),
    "run_bases": ("bot_id", "episode", "base"),
    "character_saves": ("bot_id", "slot", "character_data"),
}  # fmt: skip
"""The tables that a verification reads, with the columns that it reads."""
_UNREAD: Final = {
    "games": ("updated_at",),
    "run_inputs": (),
    "episodes": ("ended_at",),
    "run_bases": (),
    "character_saves": ("id", "version", "created_at", "updated_at"),
}
"""Columns that must have a value and that no verification reads."""
_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BACKSLASH: Final = b"\0"
"""Stands for an escaped backslash; no text of PostgreSQL holds this byte."""
_ROWS_SHOWN: Final = 10_000


class _Table(NamedTuple):
    name: str
    columns: list[str]


def load(path: Path, restorer: Program, scratch: Path, show: Show) -> None:
    """Write the rows of an archive of `pg_dump` into a new SQLite file.

    Raises:
        StoreError: The archive cannot be read, or holds no games; or the disk is full.
    """
    chosen = [f"--table={name}" for name in _parts(path, restorer) or _TABLES]
    words = [restorer.path, "--data-only", "--file=-", *chosen, str(path)]
    connection = sqlite_connection.connect(scratch, Waiting())
    with tempfile.TemporaryFile() as errors:
        reading = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        assert reading.stdout is not None
        try:
            connection.execute("pragma synchronous=off; pragma journal_mode=off").fetchall()
            sqlite_schema.migrate(connection)
            tables = _load_tables(reading.stdout, connection, show)
            code = reading.wait()
        except apsw.Error as error:
            raise StoreError(
                f"{scratch} cannot be written: {error}", hint="name a disk with room by TMPDIR"
            ) from error
        except (ValueError, IndexError) as error:
            raise StoreError(f"{path} holds a row that cannot be read", hint=OTHER_RELEASE) from error
        finally:
            reading.kill()
            reading.wait()
            reading.stdout.close()
            connection.close()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
    if code:
        raise StoreError(f"{path} cannot be read ({said[:200]})", hint=OTHER_RELEASE)
    if "games" not in tables:
        raise StoreError(f"{path} holds no games", hint="name a dump of the database of the servers")


def _parts(path: Path, restorer: Program) -> list[str]:
    """Return the names of the tables, or of their partitions, that hold rows."""
    try:
        contents = postgres_programs.output_of(restorer, ["--list", str(path)], hint=OTHER_RELEASE)
    except StoreError as error:
        raise StoreError(f"{path} cannot be read ({error})", hint=OTHER_RELEASE) from error
    entries = [text.partition(" TABLE DATA ")[2].split() for text in contents.splitlines()]
    return [entry[1] for entry in entries if len(entry) > 1 and _table_of(entry[1])]


def _table_of(name: str) -> str:
    """Return the table of a table or of a numbered partition; "" for one that no verification reads."""
    table = name if name in _TABLES else name.rstrip("0123456789").removesuffix("_")
    return table if table in _TABLES else ""


def _load_tables(output: IO[bytes], connection: apsw.Connection, show: Show) -> set[str]:
    """Load all rows that `pg_restore` writes; return the tables that it has."""
    found = set()
    for text in output:
        table = _begun(text)
        if table is None:
            continue
        found.add(table.name)
        with connection:
            connection.executemany(_insert(table.name), _rows(output, table, show))
    return found


def _begun(text: bytes) -> _Table | None:
    """Return the table whose rows follow this line: `COPY public.games (bot_id, version) FROM stdin;`."""
    if not (text.startswith(b"COPY ") and text.endswith(b") FROM stdin;\n")):
        return None
    name, _, columns = text[len(b"COPY ") : -len(b") FROM stdin;\n")].decode().partition(" (")
    table = _table_of(name.rpartition(".")[2].strip('"'))
    return _Table(table, columns.split(", ")) if table else None


def _insert(name: str) -> str:
    columns = _TABLES[name]
    values = [
        "?" if column in _INTEGERS | _BYTES or column == "ranked" else "cast(? as text)" for column in columns
    ]
    further = _UNREAD[name]
    return (
        f"insert or ignore into {name} ({', '.join((*columns, *further))}) "
        f"values ({', '.join([*values, *('0' for _ in further)])})"
    )


def _rows(output: IO[bytes], table: _Table, show: Show) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table up to the end of its block."""
    places: list[tuple[int, Callable[[bytes], Any]]] = [
        (table.columns.index(column), _reader(column)) for column in _TABLES[table.name]
    ]
    for number, text in enumerate(output):
        if text == b"\\.\n":
            return
        if number % _ROWS_SHOWN == 0:
            show(f"reading the dump: {number} rows of {table.name}")
        fields = text[:-1].split(b"\t")
        yield tuple(read(fields[place]) for place, read in places)
    raise ValueError("the rows have no end")


def _reader(column: str) -> Callable[[bytes], Any]:
    if column in _INTEGERS:
        return int
    if column in _BYTES:
        return lambda field: bytes.fromhex(field.removeprefix(b"\\\\x").decode("ascii"))
    if column == "ranked":
        return lambda field: int(field == b"t")
    return _text


def _text(field: bytes) -> bytes:
    """Return the bytes of a text without its escapes."""
    if b"\\" not in field:
        return field
    first, *others = field.replace(b"\\\\", _BACKSLASH).split(b"\\")
    plain = first + b"".join(_ESCAPES.get(part[:1], part[:1]) + part[1:] for part in others)
    return plain.replace(_BACKSLASH, b"\\")
