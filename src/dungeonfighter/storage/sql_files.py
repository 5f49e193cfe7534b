"""Reads the packaged SQL of a store: numbered migrations and files of named queries."""

from __future__ import annotations

import re
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

_MIGRATION: Final = re.compile(r"((\d{3})_\w+)\.sql\Z")
_COMPATIBLE_FROM: Final = re.compile(r"^-- compatible_from: (\S+)$", re.MULTILINE)
_CONCURRENTLY: Final = re.compile(r"^-- concurrently$", re.MULTILINE)


class Migration(NamedTuple):
    """One step of the schema.

    Its file contains `-- compatible_from: <release>`. A file with `-- concurrently` (PostgreSQL only) holds a
    single `create index concurrently if not exists`, which runs outside a transaction; answers are correct
    without that index.
    """

    number: int
    name: str
    compatible_from: str
    """The oldest release that can run on the schema after this step."""
    is_concurrent: bool
    sql: str


def queries(dialect: str, file: str = "queries") -> dict[str, str]:
    """Return the queries of a file of a dialect by name; a line `-- name: <name>` begins each query."""
    text = (_folder(dialect) / f"{file}.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def after_prefix(prefix: str) -> str:
    """Return a text above all texts that begin with `prefix`, in code point order, and below all others."""
    if not prefix:
        return chr(sys.maxunicode)  # no key begins with it
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def migrations(dialect: str) -> list[Migration]:
    """Return all migrations of a dialect, sorted by number."""
    return sorted(
        _migration(int(match[2]), match[1], file.read_text("utf-8"))
        for file in _folder(dialect).iterdir()
        if (match := _MIGRATION.match(file.name))
    )


def statements(sql: str) -> list[str]:
    """Split SQL into statements; a semicolon at the end of a line ends each of them."""
    return [part for part in re.split(r"(?<=;)[ \t]*$", sql, flags=re.MULTILINE) if part.strip()]


def _migration(number: int, name: str, sql: str) -> Migration:
    compatible_from = _COMPATIBLE_FROM.search(sql)
    if compatible_from is None:
        raise ValueError(f"{name} does not say `-- compatible_from: <release>`")
    return Migration(number, name, compatible_from[1], _CONCURRENTLY.search(sql) is not None, sql)


def _folder(dialect: str) -> Traversable:
    return resources.files("dungeonfighter.storage") / "sql" / dialect
