"""Partitions the tables of an empty PostgreSQL database by a hash of the bot id.

Every table with rows of bots gets the same number of partitions. Tokens, facts and names of fleets stay as
they are. The schema has the same steps either way: a step changes the table, and PostgreSQL
changes its partitions.

Source: docs/decisions/053-plan.md; PostgreSQL's manual, "Table Partitioning".
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

import asyncpg

from dungeonfighter.errors import StoreError, StoreNotReady, StoreUnavailable
from dungeonfighter.storage import postgres_indexes, sql_files
from dungeonfighter.storage.postgres_errors import is_database_error, unavailable
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.releases import unfinished_copy

TABLES: Final = ("games", "run_inputs", "episodes", "character_saves", "run_bases")
PARTITIONS_MIN: Final = 2
PARTITIONS_MAX: Final = 1024
_WAIT_FOR_OTHERS: Final = "set local lock_timeout = '60s'"
_WAIT_FOR_TABLES: Final = "set local lock_timeout = '300ms'"
"""As in a migration: commits of servers queue behind a statement that waits for a table."""
_ATTEMPTS: Final = 8
_PAUSE_SECONDS: Final = 0.5
_BEGIN_OF_UPDATES: Final = "), updated as ("
_END_OF_UPDATES: Final = "), inserted as ("


class PartitionReporter(Protocol):
    """Reports the work to a person; `progress` is called for each table."""

    def progress(self, text: str) -> None: ...


async def partition_count(connection: Connection) -> int:
    """Return the number of partitions of `games`; 0 for a plain table, and without one."""
    count: int = await connection.fetchval(_queries()["partition_count"], "games")
    return count


async def partition_names(connection: Connection, table: str) -> list[str]:
    return [name for (name,) in await connection.fetch(_queries()["partition_names"], table)]


def partitioned_queries(queries: dict[str, str]) -> dict[str, str]:
    """Return the queries of a store for a partitioned database; its commit finds rows by their keys."""
    commit = queries["commit"]
    begin, end = commit.index(_BEGIN_OF_UPDATES), commit.index(_END_OF_UPDATES)
    updates = _without_comments(_queries()["commit_updates"])
    return queries | {"commit": f"{commit[:begin]}{updates}\n{commit[end:]}"}


async def check_can_partition(url: str, count: int) -> bool:
    """Look whether a database can be partitioned, before anything in it is changed.

    Returns:
        True if it has these partitions.

    Raises:
        StoreError: It holds rows, or has another number of partitions.
        StoreUnavailable: It cannot be reached.
    """
    try:
        async with postgres_indexes.connected(url) as connection:
            return await _is_partitioned(connection, count)
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unavailable(error) from error


async def partition(url: str, count: int, reporter: PartitionReporter) -> None:
    """Partition the tables of a database of this schema in one transaction; repeating it changes nothing.

    Args:
        url: The database; its tables are empty.
        count: The number of partitions of each table, from `PARTITIONS_MIN` to `PARTITIONS_MAX`.
        reporter: Receives the name of each table.

    Raises:
        StoreError: A table has rows, or another number of partitions; nothing was changed.
        StoreNotReady: Another transaction holds a table; nothing was changed.
        StoreUnavailable: The server cannot be reached, or this role may not change the schema.
    """
    try:
        async with postgres_indexes.connected(url) as connection:
            await _partition_with_retries(connection, count, reporter)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreUnavailable("this role may not change the schema: it must own the tables") from error
    except asyncpg.OutOfMemoryError as error:
        raise StoreError(
            "the server has no room for the locks of so many tables; nothing was changed",
            hint="raise max_locks_per_transaction there (256 is enough for 64 partitions), or take fewer",
        ) from error
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unavailable(error) from error


async def _partition_with_retries(connection: Connection, count: int, reporter: PartitionReporter) -> None:
    for _ in range(_ATTEMPTS):
        try:
            async with connection.transaction():
                return await _partition(connection, count, reporter)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(_PAUSE_SECONDS)
    raise StoreNotReady(
        "the tables cannot be partitioned while another transaction holds one of them",
        hint="nothing was changed; stop the servers of this database, then start again",
    )


async def _partition(connection: Connection, count: int, reporter: PartitionReporter) -> None:
    sql = sql_files.queries("postgres")
    await connection.execute(_WAIT_FOR_OTHERS)
    await connection.execute(sql["schema_lock"])
    await connection.execute(_WAIT_FOR_TABLES)
    await connection.execute(f"lock table {', '.join(TABLES)} in access exclusive mode")
    if await _is_partitioned(connection, count):
        return
    for table in TABLES:
        reporter.progress(f"{table}: {count} partitions")
        await _replace(connection, table, count)


async def _is_partitioned(connection: Connection, count: int) -> bool:
    """Return True if the database has these partitions; raise unless it has them or can get them."""
    found = await partition_count(connection)
    if found == count:
        return True
    if found:
        raise StoreError(
            f"this database has {found} partitions, not {count}, and their number cannot be changed",
            hint=_way_out(count),
        )
    if await connection.fetchval(sql_files.queries("postgres", "copying")["has_marker"]):
        raise unfinished_copy()
    for table in TABLES:
        if not await connection.fetchval("select to_regclass($1) is not null", table):
            continue
        if await connection.fetchval(f"select exists (select from {table})"):
            raise StoreError(
                f"this database holds games ({table} has rows), and only an empty one can be partitioned; "
                "nothing was changed",
                hint=_way_out(count),
            )
    return False


def _way_out(count: int) -> str:
    return (
        f"make an empty database with createdb, `dungeonfighter db migrate --partitions {count} --db NEW`, "
        "then `dungeonfighter db copy --from OLD --to NEW` while no server plays on the old one"
    )


async def _replace(connection: Connection, table: str, count: int) -> None:
    """Put a partitioned table in the place of an empty one, with the same columns, keys and indexes."""
    sql = _queries()
    options = await connection.fetchval(sql["options"], table)
    key_name, key = await connection.fetchrow(sql["primary_key"], table)
    indexes = [definition for (definition,) in await connection.fetch(sql["indexes"], table)]
    await connection.execute(
        f"create table {table}_parts (like {table} including defaults including storage including generated)"
        " partition by hash (bot_id)"
    )
    await connection.execute(f"drop table {table}")
    await connection.execute(f"alter table {table}_parts rename to {table}")
    await connection.execute(f"alter table {table} add constraint {key_name} {key}")
    for definition in indexes:
        await connection.execute(definition)
    width = len(str(count - 1))
    for number in range(count):
        await connection.execute(
            f"create table {table}_{number:0{width}} partition of {table} "
            f"for values with (modulus {count}, remainder {number})"
            + (f" with ({options})" if options else "")
        )


def _queries() -> dict[str, Any]:
    return sql_files.queries("postgres", "partitions")


def _without_comments(sql: str) -> str:
    return "\n".join(text for text in sql.splitlines() if not text.startswith("--"))
