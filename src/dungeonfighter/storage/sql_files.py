"""Reads the SQL of a store: numbered migrations and one file of named queries, packaged beside the code."""

from __future__ import annotations

import re
from importlib import resources

_MIGRATION = re.compile(r"(\d{3})_\w+\.sql\Z")


def queries(dialect: str) -> dict[str, str]:
    """The named queries of a dialect: each begins with a line `-- name: <name>`."""
    text = (resources.files("dungeonfighter.storage") / "sql" / dialect / "queries.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def after_prefix(prefix: str) -> str:
    """The least text after all that begin with `prefix`, by code points."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def migrations(dialect: str) -> list[tuple[int, str]]:
    """All migrations of a dialect as (number, SQL), in order."""
    found = []
    for file in (resources.files("dungeonfighter.storage") / "sql" / dialect).iterdir():
        match = _MIGRATION.match(file.name)
        if match:
            found.append((int(match[1]), file.read_text("utf-8")))
    return sorted(found)


def statements(sql: str) -> list[str]:
    """The statements of a file, each of which ends with a semicolon at the end of a line."""
    return [part for part in re.split(r"(?<=;)[ \t]*$", sql, flags=re.MULTILINE) if part.strip()]
