"""Migrates a PostgreSQL database: numbered SQL, forward only, one server at a time.

Each step must be safe while servers of the previous release run. The table `schema_version` lists the applied
steps, each with the oldest release that can run on the schema after it. `migrate` only reads a database that
is up to date, so a serving role needs no right to change the schema. `postgres_indexes` builds the index of a
large table while servers go on serving.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from dungeonfighter.errors import SettingsError, StoreNotReady, StoreUnavailable
from dungeonfighter.storage import postgres_indexes, sql_files
from dungeonfighter.storage.postgres_links import CONNECTION_SETTINGS, Connection
from dungeonfighter.storage.releases import missing_steps, too_old, unfinished_copy
from dungeonfighter.storage.sql_files import Migration

_log = logging.getLogger(__name__)

AT_ONCE_BYTES_MAX: Final = 16 * 2**20
"""The migration itself builds the index of a table up to this size: commits wait some tenths of a second."""

_WAIT_FOR_OTHERS: Final = "set local lock_timeout = '60s'"
_WAIT_FOR_TABLES: Final = "set local lock_timeout = '300ms'"
"""Commits queue behind a step that waits for a table, and time out after 500 ms (`CONNECTION_SETTINGS`)."""
_ATTEMPTS: Final = 8
_PAUSE_SECONDS: Final = 0.5


async def check_not_older(connection: Connection) -> None:
    """Check that the database lacks no step of this release but indexes that are built while servers play.

    Raises:
        StoreUnavailable: It lacks one.
        SchemaTooNew: As `migrate`.
    """
    applied = await postgres_indexes.applied_steps(connection, sql_files.queries("postgres"))
    missing = missing_steps(sql_files.migrations("postgres"), applied)
    if not all(step.is_concurrent for step in missing):
        raise too_old()


async def migrate(
    connection: Connection, sql: dict[str, str], *, at_once_bytes_max: int = AT_ONCE_BYTES_MAX
) -> None:
    """Apply all missing steps or none of them, except the indexes of large tables.

    Raises:
        SchemaTooNew: A newer release wrote the schema, and the schema does not record that this one can run.
        StoreUnavailable: This role may not change the schema, or a copy into the database is not complete.
        StoreNotReady: Other transactions hold its tables.
    """
    steps = sql_files.migrations("postgres")
    missing = missing_steps(steps, await postgres_indexes.applied_steps(connection, sql))
    if await connection.fetchval(sql_files.queries("postgres", "copying")["has_marker"]):
        raise unfinished_copy()
    left = [step for step in missing if await _is_deferred(connection, sql, step, at_once_bytes_max)]
    if len(left) < len(missing):
        left = await _change_with_retries(connection, sql, steps, at_once_bytes_max)
    for step in left:
        _log.warning(
            "schema: the index of %s is not built yet, and some answers are slow without it; "
            "`dungeonfighter db migrate` builds it while servers play on",
            step.name,
        )


async def check_settings(connection: Connection) -> None:
    """Check that the connection has `CONNECTION_SETTINGS`, which a pooler may have dropped.

    Raises:
        SettingsError: The connection lacks a setting; the text gives the commands for the administrator.
    """
    rows = await connection.fetch(
        "select name, setting from pg_settings where name = any($1::text[])", list(CONNECTION_SETTINGS)
    )
    current = dict(rows)
    missing = {name: value for name, value in CONNECTION_SETTINGS.items() if current[name] != value}
    if missing:
        role = await connection.fetchval("select quote_ident(current_user)")
        orders = " ".join(f"alter role {role} set {name} = {value};" for name, value in missing.items())
        raise SettingsError([f"--db: behind a pooler the role must be set up once: {orders}"])


async def _is_deferred(
    connection: Connection, sql: dict[str, str], step: Migration, at_once_bytes_max: int
) -> bool:
    if not step.is_concurrent:
        return False
    table = postgres_indexes.index_of(step).table
    size: int = await connection.fetchval(sql["schema_table_bytes"], table)
    return size > at_once_bytes_max


async def _change_with_retries(
    connection: Connection, sql: dict[str, str], steps: Sequence[Migration], at_once_bytes_max: int
) -> list[Migration]:
    """Change the schema; retry after short lock timeouts while another transaction holds a table.

    One long wait for a lock would block every commit that queues behind it.
    """
    for _ in range(_ATTEMPTS):
        try:
            return await _change(connection, sql, steps, at_once_bytes_max)
        except asyncpg.InsufficientPrivilegeError as error:
            missing = missing_steps(steps, await postgres_indexes.applied_steps(connection, sql))
            if missing and all(step.is_concurrent for step in missing):
                return missing
            what = "this role may not change the schema; run `dungeonfighter db migrate` with one that may"
            raise StoreUnavailable(what) from error
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(_PAUSE_SECONDS)
    raise StoreNotReady(
        "the schema cannot be changed while a long transaction or the building of an index holds its tables",
        hint="nothing was changed; start again when that has ended",
    )


async def _change(
    connection: Connection, sql: dict[str, str], steps: Sequence[Migration], at_once_bytes_max: int
) -> list[Migration]:
    """Apply the missing steps in one transaction; return the steps that `postgres_indexes` must do."""
    took: dict[Migration, float] = {}
    left = []
    async with connection.transaction():
        await connection.execute(_WAIT_FOR_OTHERS)
        await connection.execute(sql["schema_lock"])
        await connection.execute(_WAIT_FOR_TABLES)
        await connection.execute(sql["schema_table"])
        missing = missing_steps(steps, await postgres_indexes.applied_steps(connection, sql))
        for step in sorted(missing, key=lambda step: step.is_concurrent):
            began = time.monotonic()
            if not step.is_concurrent:
                await connection.execute(step.sql)
            elif await _is_deferred(
                connection, sql, step, at_once_bytes_max
            ) or not await postgres_indexes.build_at_once(connection, sql, step):
                left.append(step)
                continue
            took[step] = time.monotonic() - began
        for step in took:
            await connection.execute(sql["schema_step"], step.number, step.compatible_from)
    for step, seconds in took.items():
        _log.info("schema: %s done in %.2f s", step.name, seconds)
    return left
