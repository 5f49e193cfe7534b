"""Builds large indexes of PostgreSQL while servers go on serving.

Such an index makes some answers faster and changes none. One process builds at a time and holds an advisory
lock of its session. The other processes poll the lock and do not block in it: a blocked statement has a
snapshot, and a concurrent build waits for all snapshots older than its own.

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
from dungeonfighter.storage import postgres_hosts, sql_files
from dungeonfighter.storage.postgres_errors import is_database_error, unavailable
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.releases import missing_steps
from dungeonfighter.storage.sql_files import Migration

_CREATE: Final = re.compile(r"^create index concurrently if not exists (\w+) on (\w+)\b", re.MULTILINE)
_NO_TIMEOUTS: Final = "set lock_timeout = 0; set statement_timeout = 0"
_SHORT_WAIT: Final = "set lock_timeout = '300ms'"
_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 1.0
_COUNTED: Final = {"scanning": "blocks", "loading": "tuples", "waiting": "lockers"}
"""The unit that each phase counts. A sort has none; its row still shows the counts of the phase before."""


class BuildReporter(Protocol):
    """Reports a build to a person: `progress` about once a second, `say` once per finished step."""

    def progress(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...


class Index(NamedTuple):
    """The index that a concurrent step builds."""

    name: str
    table: str


def index_of(step: Migration) -> Index:
    found = _CREATE.search(step.sql)
    if found is None:
        raise ValueError(f"{step.name} is no `create index concurrently if not exists <index> on <table>`")
    return Index(found[1], found[2])


async def applied_steps(connection: Connection, sql: dict[str, str]) -> dict[int, str | None]:
    """Return the number of each applied step, with the oldest release that can run on the schema after it."""
    if not await connection.fetchval(sql["schema_exists"]):
        return {}
    return dict(await connection.fetch(sql["schema_applied_steps"]))


async def build_at_once(connection: Connection, sql: dict[str, str], step: Migration) -> bool:
    """Build the index of a small table within the transaction of `connection`.

    Returns:
        True after the build; False if another process is building an index.
    """
    if not await connection.fetchval(sql["schema_index_lock_in_transaction"]):
        return False
    index = index_of(step)
    if await connection.fetchval(sql["schema_index_is_valid"], index.name) is False:
        await connection.execute(f"drop index {index.name}")
    await connection.execute(step.sql.replace("create index concurrently", "create index"))
    return True


async def build_indexes(url: str, reporter: BuildReporter) -> None:
    """Build the missing indexes one after the other; cancelling the call stops the build on the server.

    Args:
        url: The address of the server itself. A pooler could run each statement in another session, and the
            advisory lock would stay in a session that no statement uses.
        reporter: Receives the progress about once a second.

    Raises:
        SchemaTooNew: A newer release wrote the schema; see `releases.missing_steps`.
        StoreUnavailable: The build failed; the next call drops and rebuilds an unfinished index.
    """
    sql = sql_files.queries("postgres")
    try:
        async with connected(url) as connection:
            if not await _missing(connection, sql):
                return
            async with connected(url) as watcher:
                await _build_missing(connection, watcher, sql, reporter)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreUnavailable("this role may not build indexes: it must own the tables") from error
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unavailable(error) from error


async def _build_missing(
    connection: Connection, watcher: Connection, sql: dict[str, str], reporter: BuildReporter
) -> None:
    if connection.get_server_pid() != await connection.fetchval("select pg_backend_pid()"):
        raise StoreUnavailable("an index cannot be built through a pooler: name the server itself with --db")
    await connection.execute(_NO_TIMEOUTS)
    while not await connection.fetchval(sql["schema_index_lock"]):
        for step in await _missing(connection, sql):
            index = index_of(step)
            reporter.progress(f"{index.name}: another process builds, {await _progress(watcher, sql, index)}")
        await asyncio.sleep(_POLL_SECONDS)
    for step in await _missing(connection, sql):
        began = time.monotonic()
        await _build(connection, watcher, sql, step, reporter)
        await connection.execute(sql["schema_step"], step.number, step.compatible_from)
        reporter.say(f"schema: {step.name} done in {time.monotonic() - began:.2f} s")


async def _build(
    connection: Connection, watcher: Connection, sql: dict[str, str], step: Migration, reporter: BuildReporter
) -> None:
    """Build one index; before that, drop the invalid index that an interrupted build left behind.

    PostgreSQL builds no index of a partitioned table concurrently. So each partition gets its part, and the
    index is valid when it has all of them; an interrupted build goes on where it ended.
    """
    index = index_of(step)
    partitions = sql_files.queries("postgres", "partitions")
    names = [name for (name,) in await connection.fetch(partitions["partition_names"], index.table)]
    if not names:
        await _build_one(connection, watcher, sql, (index, step.sql), reporter)
        return
    whole = _named(step.sql, index.name, f"only {index.table}", at_once=True)
    await _order(connection, whole, index, reporter)
    done = {name for (name,) in await connection.fetch(partitions["attached"], index.name)}
    for name in names:
        part = Index(f"{index.name}_{name}", name)
        if name not in done:
            await _build_one(connection, watcher, sql, (part, _named(step.sql, *part)), reporter)
            attach = f"alter index {index.name} attach partition {part.name}"
            await _order(connection, attach, index, reporter)


async def _order(connection: Connection, statement: str, index: Index, reporter: BuildReporter) -> None:
    """Execute a short statement; while it waits, commits queue behind it for tenths of a second at a time."""
    while True:
        try:
            await connection.execute(_SHORT_WAIT)
            await connection.execute(statement)
        except asyncpg.LockNotAvailableError:
            reporter.progress(f"{index.name}: waiting for a transaction that holds {index.table}")
            await asyncio.sleep(_POLL_SECONDS)
        else:
            await connection.execute(_NO_TIMEOUTS)
            return


async def _build_one(
    connection: Connection, watcher: Connection, sql: dict[str, str], built: tuple[Index, str],
    reporter: BuildReporter,
) -> None:  # fmt: skip
    """Build the index of one table by its statement."""
    index, statement = built
    if await connection.fetchval(sql["schema_index_is_valid"], index.name) is False:
        reporter.say(f"{index.name}: an interrupted build left a part of it, which is dropped")
        await connection.execute(f"drop index concurrently if exists {index.name}")
    building = asyncio.ensure_future(connection.execute(statement))
    try:
        while not (await asyncio.wait({building}, timeout=_POLL_SECONDS))[0]:
            reporter.progress(f"{index.name}: {await _progress(watcher, sql, index)}")
        await building
    finally:
        if not building.done():
            building.cancel()  # the driver sends the server a cancel request
            await asyncio.wait({building})


def _named(statement: str, index: str, table: str, *, at_once: bool = False) -> str:
    """Return the statement of a step for an index of another name, on another table."""
    word = "" if at_once else "concurrently "
    return _CREATE.sub(f"create index {word}if not exists {index} on {table}", statement)


async def _missing(connection: Connection, sql: dict[str, str]) -> list[Migration]:
    missing = missing_steps(sql_files.migrations("postgres"), await applied_steps(connection, sql))
    return [step for step in missing if step.is_concurrent]


async def _progress(watcher: Connection, sql: dict[str, str], index: Index) -> str:
    """Describe the phase of a build, with the percentage of it that is done if PostgreSQL counts it."""
    row = await watcher.fetchrow(sql["schema_index_progress"], index.table)
    if row is None:
        return "starting or ending"
    for word, unit in _COUNTED.items():
        if word in row["phase"] and row[f"{unit}_total"]:
            return f"{row['phase']}, {100 * row[f'{unit}_done'] // row[f'{unit}_total']} %"
    return str(row["phase"])


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await postgres_hosts.connect(
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
