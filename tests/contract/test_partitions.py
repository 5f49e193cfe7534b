"""A partitioned PostgreSQL database keeps the contract of a plain one; only an empty one is partitioned."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from dungeonfighter.errors import StoreError
from dungeonfighter.hosting.ports import Conflict, Won
from dungeonfighter.storage import postgres_partitions
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sql_files import queries
from testkit.postgres_server import PostgresServer
from tests.contract.conftest import PARTITIONS
from tests.contract.rows import after, first
from tests.contract.test_compared import *  # noqa: F403
from tests.contract.test_postgres import (  # noqa: F401
    test_a_conflict_after_a_lock_wait_reports_the_committed_head,
    test_a_poison_row_fails_alone,
    test_rows_are_locked_in_the_order_of_their_ids_whatever_their_physical_order,
)
from tests.contract.test_postgres_schema import RecordingReporter, held_up

LAYOUT = """
select c.relkind::text, (select count(*) from pg_inherits where inhparent = c.oid)
from pg_class as c where c.oid = to_regclass($1)
"""
COLUMNS = """
select attname::text, format_type(atttypid, atttypmod), attnotnull, attstorage::text,
       (select collname::text from pg_collation where oid = attcollation)
from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attname
"""
INDEXES = """
select replace(pg_get_indexdef(indexrelid), ' ONLY', '') from pg_index
where indrelid = to_regclass($1) order by 1
"""
OPTIONS = "select reloptions from pg_class where oid = to_regclass($1)"
BOTS = [f"local/b{number:02}" for number in range(40)]


@pytest.fixture
def postgres_url(partitioned_url: str) -> str:
    """The database of every test of this module, those of other modules included."""
    return partitioned_url


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(postgres_url)
    await made.open()
    yield made
    await made.close()


def migrate(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dungeonfighter", "db", "migrate", *words, "--db", url]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)


async def test_partitioned_tables_are_those_of_the_schema(
    postgres_server: PostgresServer, watcher: asyncpg.Connection
) -> None:
    plain_url = postgres_server.empty_database("plain")
    assert migrate(plain_url).returncode == 0
    plain = await connected(plain_url)
    for table in postgres_partitions.TABLES:
        assert tuple(await watcher.fetchrow(LAYOUT, table)) == ("p", PARTITIONS)
        for query in (COLUMNS, INDEXES):
            assert await watcher.fetch(query, table) == await plain.fetch(query, table)
        for name in await postgres_partitions.partition_names(watcher, table):
            assert await watcher.fetch(COLUMNS, name) == await plain.fetch(COLUMNS, table)
            assert await watcher.fetch(OPTIONS, name) == await plain.fetch(OPTIONS, table)
    await plain.close()


async def test_rows_spread_over_the_partitions_and_a_batch_crosses_them(
    store: PostgresStore, watcher: asyncpg.Connection
) -> None:
    begun = [first(bot_id) for bot_id in BOTS]
    assert await store.commit(begun) == [Won()] * len(BOTS)
    used = await watcher.fetchval("select count(distinct tableoid) from games")
    assert used == PARTITIONS
    steps = [after(write, b"next") for write in begun]
    steps[7] = after(after(begun[7], b"lost"), b"later")
    outcomes = await store.commit(steps)
    assert outcomes == [Conflict(1, begun[7].row.digest) if n == 7 else Won() for n in range(len(BOTS))]
    rows = await store.load(BOTS)
    assert [row and row.version for row in rows] == [1 if n == 7 else 2 for n in range(len(BOTS))]


async def test_a_step_of_a_bot_without_a_row_inserts_none(
    store: PostgresStore, watcher: asyncpg.Connection
) -> None:
    assert await store.commit([after(first("local/gone"), b"next")]) == [Conflict(0, b"")]
    assert await watcher.fetchval("select count(*) from games") == 0


def test_the_same_number_of_partitions_is_no_error_and_another_one_names_the_way_out(
    postgres_url: str,
) -> None:
    same = migrate(postgres_url, "--partitions", str(PARTITIONS))
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "its tables have 4 partitions")
    another = migrate(postgres_url, "--partitions", "8")
    assert another.returncode == 1
    assert "has 4 partitions, not 8, and their number cannot be changed; make an empty" in another.stderr


async def test_a_database_with_games_is_refused_before_anything_changes(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.empty_database("plain")
    store = PostgresStore(url)
    await store.open()
    await store.commit([first("local/a")])
    await store.close()
    refused = migrate(url, "--partitions", "4")
    assert refused.returncode == 1
    assert "this database holds games (games has rows), and only an empty one" in refused.stderr
    assert "`dungeonfighter db copy --from OLD --to NEW`" in refused.stderr
    look = await connected(url)
    assert tuple(await look.fetchrow(LAYOUT, "games")) == ("r", 0)
    assert await look.fetchval("select count(*) from games") == 1
    await look.close()


@pytest.mark.parametrize("count", ["1", "1025"])
def test_a_number_of_partitions_out_of_range_is_refused(postgres_url: str, count: str) -> None:
    refused = migrate(postgres_url, "--partitions", count)
    assert refused.returncode == 2
    assert f"--partitions: {count} is not from 2 to 1024" in refused.stderr


def test_sqlite_has_no_partitions() -> None:
    refused = migrate("sqlite:///none.db", "--partitions", "4")
    assert refused.returncode == 2
    assert "only PostgreSQL has partitions" in refused.stderr


async def test_two_at_once_partition_once(postgres_server: PostgresServer) -> None:
    url = postgres_server.empty_database("plain")
    store = PostgresStore(url)
    await store.open()
    await store.close()
    both = await asyncio.gather(*(asyncio.to_thread(migrate, url, "--partitions", "4") for _ in range(2)))
    assert [one.returncode for one in both] == [0, 0]
    look = await connected(url)
    assert await postgres_partitions.partition_count(look) == 4
    await look.close()


async def test_a_held_table_is_waited_for_and_then_named(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_partitions, "_ATTEMPTS", 1)
    url = postgres_server.empty_database("plain")
    store = PostgresStore(url)
    await store.open()
    await store.close()
    async with held_up(url):
        with pytest.raises(StoreError, match="while another transaction holds one of them"):
            await postgres_partitions.partition(url, 4, RecordingReporter())
    await postgres_partitions.partition(url, 4, RecordingReporter())


async def test_the_sizes_of_a_partitioned_table_are_those_of_its_partitions(
    store: PostgresStore, watcher: asyncpg.Connection
) -> None:
    await store.commit([first(bot_id) for bot_id in BOTS])
    await watcher.execute("analyze games")
    assert await watcher.fetchval(queries("postgres")["schema_table_bytes"], "games") >= 8192 * PARTITIONS
    assert await watcher.fetchval(queries("postgres", "copying")["estimate"], "games") == len(BOTS)
