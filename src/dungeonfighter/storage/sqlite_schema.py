"""Migrates a SQLite file: numbered SQL, forward only, all missing steps in one transaction or none.

The number of the last step is in `user_version`; the table `schema_version` records the release that each
step needs. The migration locks the file for writing, even while it builds an index: SQLite cannot build one
concurrently.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any, Final

from dungeonfighter.storage import sql_files
from dungeonfighter.storage.releases import missing_steps, too_old, unfinished_copy
from dungeonfighter.storage.sql_files import Migration

_log = logging.getLogger(__name__)

Connection = Any
"""A connection of any SQLite driver in autocommit with `execute(sql, values)` and `set_progress_handler`."""

_LOG_SECONDS: Final = 1.0
_INSTRUCTIONS_BETWEEN_CALLS: Final = 100_000
"""Instructions of SQLite's virtual machine between two calls of the progress handler: some milliseconds."""


def migrate(connection: Connection) -> None:
    """Apply the missing steps; the caller holds the file lock between processes.

    Raises:
        SchemaTooNew: A newer release wrote the schema, and the schema does not record that this one can run.
        StoreUnavailable: A copy into the file is not complete.
    """
    missing = missing_in(connection)
    if connection.execute(sql_files.queries("sqlite", "copying")["has_marker"]).fetchone()[0]:
        raise unfinished_copy()
    if not missing:
        return
    sql = sql_files.queries("sqlite")
    took: dict[str, float] = {}
    with _transaction(connection):
        for step in missing:
            began = time.monotonic()
            with _watched(connection, step.name):
                for statement in sql_files.statements(step.sql):
                    connection.execute(statement)
            took[step.name] = time.monotonic() - began
        for step in missing:
            values = (step.number, step.compatible_from, time.time())
            connection.execute(sql["schema_step"], values)
        connection.execute(f"pragma user_version={missing[-1].number}")
    for name, seconds in took.items():
        _log.info("schema: %s done in %.2f s", name, seconds)


def missing_in(connection: Connection) -> list[Migration]:
    """Return the steps that the file lacks, in order.

    Raises:
        SchemaTooNew: As `migrate`.
    """
    sql = sql_files.queries("sqlite")
    return missing_steps(sql_files.migrations("sqlite"), applied_steps(connection, sql))


def check_not_older(connection: Connection) -> None:
    """Check that the file lacks no step of this release.

    Raises:
        StoreUnavailable: It lacks one.
        SchemaTooNew: As `migrate`.
    """
    if missing_in(connection):
        raise too_old()


def applied_steps(connection: Connection, sql: dict[str, str]) -> dict[int, str | None]:
    (newest,) = connection.execute(sql["schema_number"]).fetchone()
    applied: dict[int, str | None] = dict.fromkeys(range(1, newest + 1))
    (exists,) = connection.execute(sql["schema_table_exists"]).fetchone()
    return applied | dict(connection.execute(sql["schema_applied_steps"])) if exists else applied


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


@contextlib.contextmanager
def _watched(connection: Connection, name: str) -> Iterator[None]:
    """Log about once a second that a step is running; SQLite does not report how much of it is done."""
    began = logged = time.monotonic()

    def log_progress() -> bool:
        nonlocal logged
        now = time.monotonic()
        if now - logged >= _LOG_SECONDS:
            logged = now
            _log.info("schema: %s, at work for %.0f s; the file is locked for writing", name, now - began)
        return False

    connection.set_progress_handler(log_progress, _INSTRUCTIONS_BETWEEN_CALLS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
