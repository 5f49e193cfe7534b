"""Looks at a PostgreSQL server and one of its databases, in transactions that can only read.

Source: PostgreSQL's manual, "The Cumulative Statistics System" and "System Administration Functions".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from dungeonfighter.storage import postgres_hosts, postgres_indexes, sql_files
from dungeonfighter.storage.examination import (
    ClockOffset,
    DatabaseReport,
    PostgresFacts,
    RoundTrips,
    Schema,
    Standby,
    first_words,
    schema_of,
    timed,
)
from dungeonfighter.storage.postgres_errors import is_database_error
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.postgres_partitions import partition_count

CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 1.0
_CLOCK_SAMPLES: Final = 5
_FULL: Final = (
    "it has no room for another connection: raise max_connections there, or lower DB_POOL_SIZE of the servers"
)
_NAME: Final = "dungeonfighter doctor"
_SETTINGS: Final = (
    "server_encoding", "max_connections", "superuser_reserved_connections", "reserved_connections", "fsync",
    "full_page_writes", "synchronous_commit", "synchronous_standby_names", "wal_level", "autovacuum",
    "default_transaction_read_only", "shared_buffers", "max_wal_size",
)  # fmt: skip
_SELECT_SETTINGS: Final = """
select name, current_setting(name) from pg_settings where name = any($1::text[]) order by name
"""
_SELECT_STATE: Final = """
select current_setting('server_version'), pg_is_in_recovery(), pg_database_size(current_database()),
    coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
    extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""
_SELECT_CONNECTIONS: Final = """
select coalesce(nullif(application_name, ''), 'without a name'), count(*)
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
group by 1 order by 2 desc limit 20
"""
_SELECT_TROUBLE: Final = """
select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8,
    count(*) filter (where wait_event_type = 'Lock')
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""
_SELECT_STANDBYS: Final = """
select coalesce(application_name, ''), coalesce(state, 'not shown to this role'), coalesce(sync_state, ''),
    coalesce(pg_wal_lsn_diff(sent_lsn, replay_lsn), 0)::bigint
from pg_stat_replication order by 1 limit 20
"""
_SELECT_CLOCK: Final = "select extract(epoch from clock_timestamp())::float8"


class _Findings:
    """Collects the parts of a report; a part that fails becomes a trouble."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.troubles: list[str] = []

    async def part(self, what: str, read: Callable[[Connection], Awaitable[Any]]) -> Any:
        """Read one part in a transaction that can only read; None if that fails."""
        try:
            async with asyncio.timeout(_STATEMENT_SECONDS):
                async with self.connection.transaction(readonly=True):
                    return await read(self.connection)
        except Exception as error:
            if not is_database_error(error):
                raise
            self.troubles.append(f"{what} cannot be read: {first_words(error)}")
            return None


async def examine_postgres(url: str, place: str, *, is_pooler: bool = False) -> DatabaseReport:
    """Look at a server.

    Args:
        url: `postgresql://user:password@host:port/name`
        place: The name of the database for people.
        is_pooler: The url leads to PgBouncer.
    """
    try:
        connection = await postgres_hosts.connect(
            url, timeout=CONNECT_SECONDS, statement_cache_size=0, server_settings={"application_name": _NAME}
        )
    except asyncpg.TooManyConnectionsError:
        return DatabaseReport("postgresql", place, [_FULL])
    except Exception as error:
        if not is_database_error(error) and not isinstance(error, ValueError):
            raise
        why = "no answer in time" if isinstance(error, TimeoutError) else first_words(error)
        return DatabaseReport("postgresql", place, [f"the database cannot be reached: {why}"])
    try:
        return await _examine(_Findings(connection), place, is_pooler=is_pooler)
    finally:
        try:
            await connection.close(timeout=_CLOSE_SECONDS)
        except Exception as error:
            connection.terminate()
            if not is_database_error(error):
                raise


async def _examine(findings: _Findings, place: str, *, is_pooler: bool) -> DatabaseReport:
    schema = await findings.part("the schema", _read_schema)
    round_trips = await findings.part("the round trips", _read_round_trips)
    clock = await findings.part("the clock", _read_clock)
    facts = await findings.part("the state of the server", _read_state)
    if facts is not None:
        facts.is_pooler = is_pooler
        standbys = await findings.part("the standbys", _read_standbys)
        facts.standbys = standbys or []
        facts.partitions = await findings.part("the partitions", partition_count) or 0
    return DatabaseReport(
        "postgresql", place, findings.troubles, schema, round_trips, clock, postgres=facts
    )  # fmt: skip


async def _read_schema(connection: Connection) -> Schema:
    sql = sql_files.queries("postgres")
    return schema_of(
        sql_files.migrations("postgres"), await postgres_indexes.applied_steps(connection, sql)
    )  # fmt: skip


async def _read_round_trips(connection: Connection) -> RoundTrips | None:
    return await timed(lambda: connection.execute("select 1"))


async def _read_clock(connection: Connection) -> ClockOffset:
    """Compare the server's clock with this machine's by the quickest of some round trips."""
    best = ClockOffset(0.0, float("inf"))
    for _ in range(_CLOCK_SAMPLES):
        wall, began = time.time(), time.perf_counter()
        theirs = await connection.fetchval(_SELECT_CLOCK)
        half = (time.perf_counter() - began) / 2
        if half < best.error_seconds:
            best = ClockOffset(theirs - (wall + half), half)
    return best


async def _read_state(connection: Connection) -> PostgresFacts:
    settings = dict(await connection.fetch(_SELECT_SETTINGS, list(_SETTINGS)))
    version, is_in_recovery, size, is_encrypted, lag = await connection.fetchrow(_SELECT_STATE)
    connections = dict(await connection.fetch(_SELECT_CONNECTIONS))
    oldest, waiting = await connection.fetchrow(_SELECT_TROUBLE)
    reserved = sum(
        int(settings.get(name, 0)) for name in ("superuser_reserved_connections", "reserved_connections")
    )
    free = int(settings["max_connections"]) - reserved - sum(connections.values())
    return PostgresFacts(
        version=version, settings=settings, connections=connections, connections_free=max(0, free),
        is_in_recovery=is_in_recovery, is_encrypted=is_encrypted, standbys=[], database_bytes=size,
        oldest_transaction_seconds=oldest, waiting_for_locks=waiting,
        replay_lag_seconds=lag if is_in_recovery else None,
    )  # fmt: skip


async def _read_standbys(connection: Connection) -> list[Standby]:
    return [Standby(*row) for row in await connection.fetch(_SELECT_STANDBYS)]
