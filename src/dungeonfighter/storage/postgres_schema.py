"""Brings a PostgreSQL database up to date: numbered SQL, forward only, one server at a time.

Each step must be safe while servers of the release before it run. Which steps were done stands in the table
`schema_version`, each with the oldest release that can run after it; a database that is up to date is only
looked at, so that a serving role needs no right to change the schema. An index over a large table is not made
here, but by `postgres_indexes`, while servers play on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from dungeonfighter.errors import SettingsError, StoreUnavailable
from dungeonfighter.storage import postgres_indexes, sql_files
from dungeonfighter.storage.postgres_links import CONNECTION_SETTINGS, Connection
from dungeonfighter.storage.releases import missing_steps
from dungeonfighter.storage.sql_files import Migration

_log = logging.getLogger(__name__)

AT_ONCE_BYTES_MAX: Final = 16 * 2**20
"""The index of a table up to this size is made with the other steps: commits wait some tenths of a second."""

_WAIT_FOR_OTHERS: Final = "set local lock_timeout = '60s'"
_WAIT_FOR_TABLES: Final = "set local lock_timeout = '300ms'"
"""Commits queue behind a step that waits for a table; they give up after 500 ms (`CONNECTION_SETTINGS`)."""
_ATTEMPTS: Final = 8
_PAUSE_SECONDS: Final = 0.5


async def migrate(
    connection: Connection, sql: dict[str, str], *, at_once_bytes_max: int = AT_ONCE_BYTES_MAX
) -> None:
    """Do the steps that are missing, all of them or none, except indexes over large tables.

    Raises:
        SchemaTooNew: The schema is of a newer release and does not say that this one can run on it.
        StoreUnavailable: This role may not change the schema, or others hold its tables.
    """
    steps = sql_files.migrations("postgres")
    missing = missing_steps(steps, await postgres_indexes.standing(connection, sql))
    left = [step for step in missing if await _is_for_later(connection, sql, step, at_once_bytes_max)]
    if len(left) < len(missing):
        left = await _attempt(connection, sql, steps, at_once_bytes_max)
    for step in left:
        _log.warning(
            "schema: the index of %s is not built yet, and some answers are slow without it; "
            "`dungeonfighter db migrate` builds it while servers play on",
            step.name,
        )


async def check_settings(connection: Connection) -> None:
    """See that the connection has the settings it needs: a pooler may have swallowed them.

    Raises:
        SettingsError: It has not; says what the administrator must write.
    """
    rows = await connection.fetch(
        "select name, setting from pg_settings where name = any($1::text[])", list(CONNECTION_SETTINGS)
    )
    standing = dict(rows)
    missing = {name: value for name, value in CONNECTION_SETTINGS.items() if standing[name] != value}
    if missing:
        role = await connection.fetchval("select quote_ident(current_user)")
        orders = " ".join(f"alter role {role} set {name} = {value};" for name, value in missing.items())
        raise SettingsError([f"--db: behind a pooler the role must be set up once: {orders}"])


async def _is_for_later(
    connection: Connection, sql: dict[str, str], step: Migration, at_once_bytes_max: int
) -> bool:
    if not step.is_concurrent:
        return False
    table = postgres_indexes.index_of(step).table
    size: int = await connection.fetchval(sql["schema_table_bytes"], table)
    return size > at_once_bytes_max


async def _attempt(
    connection: Connection, sql: dict[str, str], steps: Sequence[Migration], at_once_bytes_max: int
) -> list[Migration]:
    """Change the schema; whoever holds a table for long is waited for in many short turns.

    One long wait would hold up every commit that comes after it.
    """
    for _ in range(_ATTEMPTS):
        try:
            return await _change(connection, sql, steps, at_once_bytes_max)
        except asyncpg.InsufficientPrivilegeError as error:
            missing = missing_steps(steps, await postgres_indexes.standing(connection, sql))
            if missing and all(step.is_concurrent for step in missing):
                return missing
            what = "this role may not change the schema; run `dungeonfighter db migrate` with one that may"
            raise StoreUnavailable(what) from error
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(_PAUSE_SECONDS)
    raise StoreUnavailable(
        "the schema cannot be changed while a long transaction or the building of an index holds its tables",
        hint="nothing was changed; start again when that has ended",
    )


async def _change(
    connection: Connection, sql: dict[str, str], steps: Sequence[Migration], at_once_bytes_max: int
) -> list[Migration]:
    """Do the missing steps in one transaction; returns those that are left to `postgres_indexes`."""
    took: dict[Migration, float] = {}
    left = []
    async with connection.transaction():
        await connection.execute(_WAIT_FOR_OTHERS)
        await connection.execute(sql["schema_lock"])
        await connection.execute(_WAIT_FOR_TABLES)
        await connection.execute(sql["schema_table"])
        missing = missing_steps(steps, await postgres_indexes.standing(connection, sql))
        for step in sorted(missing, key=lambda step: step.is_concurrent):
            began = time.monotonic()
            if not step.is_concurrent:
                await connection.execute(step.sql)
            elif await _is_for_later(
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
