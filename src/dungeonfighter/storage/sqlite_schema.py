"""Brings a SQLite file up to date: numbered SQL, forward only, all missing steps in one transaction or none.

The number of the last step stands in `user_version`. The caller holds the file lock between processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dungeonfighter.errors import SchemaTooNew
from dungeonfighter.storage import sql_files

Connection = Any
"""Of whichever driver, in autocommit; only `execute(sql, values)` and `fetchone` of its cursors are used."""


def migrate(connection: Connection) -> None:
    """Do the steps that are missing.

    Raises:
        SchemaTooNew: The file belongs to a newer release.
    """
    steps = sql_files.migrations("sqlite")
    (standing,) = connection.execute("pragma user_version").fetchone()
    newest = steps[-1][0]
    if standing > newest:
        raise SchemaTooNew(
            f"the database has schema {standing}, this release knows {newest}",
            hint="run the newer release that wrote it, or name another database with --db",
        )
    if standing == newest:
        return
    with _transaction(connection):
        for number, step in steps:
            if number > standing:
                for statement in sql_files.statements(step):
                    connection.execute(statement)
        connection.execute(f"pragma user_version={newest}")


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
