"""Brings a PostgreSQL database up to date: numbered SQL, forward only, one server at a time.

Each step must be safe while servers of the release before it run. Which steps were done stands in the table
`schema_version`; a database that is up to date is only looked at, so that a serving role needs no right to
change the schema.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from dungeonfighter.errors import SchemaTooNew, SettingsError, StoreUnavailable
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.postgres_links import CONNECTION_SETTINGS, Connection

_WAIT_FOR_OTHERS: Final = "set local lock_timeout = '60s'"


async def migrate(connection: Connection, sql: dict[str, str]) -> None:
    """Do the steps that are missing, all of them or none.

    Raises:
        SchemaTooNew: The database belongs to a newer release.
        StoreUnavailable: This role may not change the schema.
    """
    steps = sql_files.migrations("postgres")
    newest = steps[-1][0]
    if await _standing(connection, sql, newest) == newest:
        return
    try:
        async with connection.transaction():
            await connection.execute(_WAIT_FOR_OTHERS)
            await connection.execute(sql["schema_lock"])
            await connection.execute(sql["schema_table"])
            standing = await _standing(connection, sql, newest)
            for number, step in steps:
                if number > standing:
                    await connection.execute(step)
                    await connection.execute(sql["schema_step"], number)
    except asyncpg.InsufficientPrivilegeError as error:
        what = "this role may not change the schema; run `dungeonfighter db migrate` with one that may"
        raise StoreUnavailable(what) from error


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


async def _standing(connection: Connection, sql: dict[str, str], newest: int) -> int:
    if not await connection.fetchval(sql["schema_exists"]):
        return 0
    standing: int = await connection.fetchval(sql["schema_standing"])
    if standing > newest:
        raise SchemaTooNew(
            f"the database has schema {standing}, this release knows {newest}",
            hint="run the newer release that migrated it, or name another database with --db",
        )
    return standing
