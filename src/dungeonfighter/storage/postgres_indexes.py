"""Builds the indexes of PostgreSQL that take long, while servers play on.

Nothing but the speed of some answers depends on such an index. One process builds at a time: it holds an
advisory lock of its session. The others ask for the lock again and again instead of waiting in it, because a
waiting statement has a snapshot, and a concurrent build waits for all snapshots older than its own.

Source: docs/decisions/018-the-way-back.md; PostgreSQL's manual, "Building Indexes Concurrently".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple, Protocol

import asyncpg

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.postgres_errors import is_database_error, unavailable
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.releases import missing_steps
from dungeonfighter.storage.sql_files import Migration

_CREATE: Final = re.compile(r"^create index concurrently if not exists (\w+) on (\w+)\b", re.MULTILINE)
_NO_TIMEOUTS: Final = "set lock_timeout = 0; set statement_timeout = 0"
_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 1.0
_COUNTED: Final = {"scanning": "blocks", "loading": "tuples", "waiting": "lockers"}
"""What a phase counts; a sort counts nothing, and its row shows what the phase before it counted."""


class Teller(Protocol):
    """Whoever is told: `progress` again and again, `say` once for each thing that was done."""

    def progress(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...


class Index(NamedTuple):
    """What a concurrent step builds."""

    name: str
    table: str


def index_of(step: Migration) -> Index:
    found = _CREATE.search(step.sql)
    if found is None:
        raise ValueError(f"{step.name} is no `create index concurrently if not exists <index> on <table>`")
    return Index(found[1], found[2])


async def standing(connection: Connection, sql: dict[str, str]) -> dict[int, str | None]:
    """Each step that was done, and the oldest release that can run on the schema after it."""
    if not await connection.fetchval(sql["schema_exists"]):
        return {}
    return dict(await connection.fetch(sql["schema_standing"]))


async def build_at_once(connection: Connection, sql: dict[str, str], step: Migration) -> bool:
    """Build the index of a small table within the transaction of `connection`.

    Returns:
        False: somebody else is building.
    """
    if not await connection.fetchval(sql["schema_index_lock_in_transaction"]):
        return False
    index = index_of(step)
    if await connection.fetchval(sql["schema_index_is_valid"], index.name) is False:
        await connection.execute(f"drop index {index.name}")
    await connection.execute(step.sql.replace("create index concurrently", "create index"))
    return True


async def build_indexes(url: str, teller: Teller) -> None:
    """Build what is missing, one index after the other; cancelling it stops the build.

    Args:
        url: The server itself: a pooler could give each statement another session, and the lock to none.
        teller: Hears about once a second how far it is.

    Raises:
        SchemaTooNew: As at the start of a server.
        StoreUnavailable: It cannot be done now; what was begun is built again by the next call.
    """
    sql = sql_files.queries("postgres")
    try:
        async with _connected(url) as connection:
            if not await _missing(connection, sql):
                return
            async with _connected(url) as watcher:
                await _build_missing(connection, watcher, sql, teller)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreUnavailable("this role may not build indexes: it must own the tables") from error
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unavailable(error) from error


async def _build_missing(
    connection: Connection, watcher: Connection, sql: dict[str, str], teller: Teller
) -> None:
    if connection.get_server_pid() != await connection.fetchval("select pg_backend_pid()"):
        raise StoreUnavailable("an index cannot be built through a pooler: name the server itself with --db")
    await connection.execute(_NO_TIMEOUTS)
    while not await connection.fetchval(sql["schema_index_lock"]):
        for step in await _missing(connection, sql):
            index = index_of(step)
            teller.progress(f"{index.name}: another process builds, {await _progress(watcher, sql, index)}")
        await asyncio.sleep(_LOOK_SECONDS)
    for step in await _missing(connection, sql):
        began = time.monotonic()
        await _build(connection, watcher, sql, step, teller)
        await connection.execute(sql["schema_step"], step.number, step.compatible_from)
        teller.say(f"schema: {step.name} done in {time.monotonic() - began:.2f} s")


async def _build(
    connection: Connection, watcher: Connection, sql: dict[str, str], step: Migration, teller: Teller
) -> None:
    """Build one index; a half of one that an interrupted build has left is dropped first."""
    index = index_of(step)
    if await connection.fetchval(sql["schema_index_is_valid"], index.name) is False:
        teller.say(f"{index.name}: an interrupted build left a part of it, which is dropped")
        await connection.execute(f"drop index concurrently if exists {index.name}")
    building = asyncio.ensure_future(connection.execute(step.sql))
    try:
        while not (await asyncio.wait({building}, timeout=_LOOK_SECONDS))[0]:
            teller.progress(f"{index.name}: {await _progress(watcher, sql, index)}")
        await building
    finally:
        if not building.done():
            building.cancel()  # the server is told to stop
            await asyncio.wait({building})


async def _missing(connection: Connection, sql: dict[str, str]) -> list[Migration]:
    missing = missing_steps(sql_files.migrations("postgres"), await standing(connection, sql))
    return [step for step in missing if step.is_concurrent]


async def _progress(watcher: Connection, sql: dict[str, str], index: Index) -> str:
    """The phase of a build, and how much of this phase is done where PostgreSQL counts it."""
    row = await watcher.fetchrow(sql["schema_index_progress"], index.table)
    if row is None:
        return "starting or ending"
    for word, unit in _COUNTED.items():
        if word in row["phase"] and row[f"{unit}_total"]:
            return f"{row['phase']}, {100 * row[f'{unit}_done'] // row[f'{unit}_total']} %"
    return str(row["phase"])


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        statement_cache_size=0,
        server_settings={"application_name": "dungeonfighter db migrate"},
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=_CLOSE_SECONDS)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
