"""Brings a SQLite file up to date: numbered SQL, forward only, all missing steps in one transaction or none.

The number of the last step stands in `user_version`; the table `schema_version` says which release each step
needs. The file is locked for writing meanwhile, the building of an index included: SQLite has no other way.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any, Final

from dungeonfighter.storage import sql_files
from dungeonfighter.storage.releases import missing_steps

_log = logging.getLogger(__name__)

Connection = Any
"""Of whichever driver, in autocommit; used are `execute(sql, values)`, its rows, `set_progress_handler`."""

_SAY_SECONDS: Final = 1.0
_INSTRUCTIONS_BETWEEN_LOOKS: Final = 100_000
"""Of SQLite's machine: some milliseconds."""


def migrate(connection: Connection) -> None:
    """Do the steps that are missing; the caller holds the file lock between processes.

    Raises:
        SchemaTooNew: The schema is of a newer release and does not say that this one can run on it.
    """
    sql = sql_files.queries("sqlite")
    missing = missing_steps(sql_files.migrations("sqlite"), _standing(connection, sql))
    if not missing:
        return
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


def _standing(connection: Connection, sql: dict[str, str]) -> dict[int, str | None]:
    (newest,) = connection.execute(sql["schema_number"]).fetchone()
    standing: dict[int, str | None] = dict.fromkeys(range(1, newest + 1))
    (exists,) = connection.execute(sql["schema_table_exists"]).fetchone()
    return standing | dict(connection.execute(sql["schema_standing"])) if exists else standing


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
    """Log about once a second that a step is at work; SQLite does not tell how much of it is done."""
    began = said = time.monotonic()

    def look() -> bool:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SAY_SECONDS:
            said = now
            _log.info("schema: %s, at work for %.0f s; the file is locked for writing", name, now - began)
        return False

    connection.set_progress_handler(look, _INSTRUCTIONS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
