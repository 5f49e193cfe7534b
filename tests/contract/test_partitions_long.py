"""Chores of a partitioned PostgreSQL database: later steps of the schema, indexes, copies, verification."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from dungeonfighter.errors import StoreError
from dungeonfighter.hosting.ports import Won
from dungeonfighter.storage import postgres_indexes, postgres_partitions, postgres_schema
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sql_files import migrations, queries
from testkit.postgres_server import PostgresServer, running_server
from tests.contract.backups import fill
from tests.contract.conftest import PARTITIONS
from tests.contract.rows import after, first
from tests.contract.test_copying import (  # noqa: F401
    _small_pages,
    games,
    other,
    test_every_column_survives_the_way_to_postgres_and_back,
)
from tests.contract.test_partitions import LAYOUT, connected
from tests.contract.test_postgres import (  # noqa: F401
    test_two_stores_with_different_cached_plans_mix_1000_batches_without_a_deadlock,
)
from tests.contract.test_postgres_schema import IS_VALID, RecordingReporter, held_up, opened
from tests.contract.test_verification import (  # noqa: F401
    test_each_damage_of_a_postgres_store_and_of_its_dump_is_named,
)

pytestmark = pytest.mark.long

ENTRIES_READ = "select sum(idx_tup_read)::int from pg_stat_all_indexes where relname like 'games%'"
ATTACHED = "select count(*) from pg_inherits where inhparent = to_regclass('episodes_best')"
NUMBERS = [step.number for step in migrations("postgres")]


@pytest.fixture
def postgres_url(partitioned_url: str) -> str:
    """The database of every test of this module, those of other modules included."""
    return partitioned_url


@pytest.mark.parametrize("number", [n for n in NUMBERS[1:] if n - 1 in NUMBERS])
async def test_the_steps_of_later_releases_apply_to_partitioned_tables(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Each step since the first one is applied to tables that were partitioned before it."""
    url = postgres_server.empty_database("plain")
    look = await connected(url)
    sql = queries("postgres")
    await look.execute(sql["schema_table"])
    for step in migrations("postgres"):
        if step.number < number:
            await look.execute(step.sql.replace("index concurrently", "index"))
            await look.execute("insert into schema_version (version) values ($1)", step.number)
    tables = [name for name in postgres_partitions.TABLES if await look.fetchval(LAYOUT, name)]
    monkeypatch.setattr(postgres_partitions, "TABLES", tuple(tables))
    await postgres_partitions.partition(url, 3, RecordingReporter())
    store = PostgresStore(url)
    await store.open()
    begun = first("local/a")
    assert await store.commit([begun]) == [Won()]
    assert await store.commit([after(begun, b"next")]) == [Won()]
    await store.close()
    await look.close()


async def test_the_index_of_large_partitions_is_built_while_servers_commit_and_goes_on_after_a_stop(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    store = PostgresStore(postgres_url)
    await store.open()
    await watcher.execute("drop index episodes_best; delete from schema_version where version = 2")
    sql = queries("postgres")
    assert await watcher.fetchval(sql["schema_table_bytes"], "games") == 0
    await postgres_schema.migrate(watcher, sql, at_once_bytes_max=-1)
    assert await watcher.fetchval(IS_VALID) is None
    reporter = RecordingReporter()

    async def said(text: str) -> None:
        while not any(text in one for one in reporter.progressed):
            reporter.any.clear()
            await asyncio.wait_for(reporter.any.wait(), 30)

    async with held_up(postgres_url):
        building = asyncio.create_task(postgres_indexes.build_indexes(postgres_url, reporter))
        await said("waiting for a transaction that holds episodes")
        assert await store.commit([first("local/a")]) == [Won()]
        holder = await connected(postgres_url)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("delete from episodes_2")
    await said("episodes_best_episodes_2: waiting for writers")
    assert await store.commit([first("local/b")]) == [Won()]
    building.cancel()
    await asyncio.wait({building})
    await transaction.rollback()
    await holder.close()
    assert await watcher.fetchval(IS_VALID) is False
    assert await watcher.fetchval(ATTACHED) == 2
    await postgres_indexes.build_indexes(postgres_url, reporter)
    assert await watcher.fetchval(IS_VALID)
    assert [text.partition(" done in ")[0] for text in reporter.said][-1] == "schema: 002_best_runs"
    await store.close()


async def test_a_cached_plan_of_a_commit_finds_rows_by_their_keys(postgres_server: PostgresServer) -> None:
    """A plain update gets a generic plan that walks every partition from end to end, in their order."""
    url = postgres_server.empty_database("games")
    await (await opened(url)).close()
    await postgres_partitions.partition(url, 64, RecordingReporter())
    watcher = await connected(url)
    await watcher.execute("alter database games set plan_cache_mode = force_generic_plan")
    store = await opened(url)
    begun = [first(f"local/b{number:03}") for number in range(200)]
    await store.commit(begun)
    await watcher.execute("vacuum analyze games")
    await store.close()
    await watcher.execute("select pg_stat_reset()")
    store = await opened(url)
    assert await store.commit([after(begun[20], b"next")]) == [Won()]
    await store.close()
    read = 0
    while not read:  # a server process reports its statistics at its end at the latest
        read = await watcher.fetchval(ENTRIES_READ)
    assert read < 100
    await watcher.close()


async def test_a_backup_restores_the_partitions_and_the_doctor_has_no_complaint(
    postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    store = await opened(postgres_url)
    await fill(store, ["ada", "bob", "cleo"])
    await store.close()
    programs = [
        f"--{name}={postgres_server.program(name.replace('-', '_'))}" for name in ("pg-dump", "pg-restore")
    ]
    file, restored = str(tmp_path / "monday.dump"), postgres_server.empty_database("plain")
    await command("db", "backup", file, "--db", postgres_url, *programs)
    await command("db", "restore", file, "--db", restored, programs[1])
    for url in (postgres_url, restored):
        assert "sound" in await command("db", "verify", "--db", url)
        report = await command("doctor", "--db", url)
        assert report.count("no problems") == 1
        assert f"{PARTITIONS} partitions" in report
    look = await connected(restored)
    assert tuple(await look.fetchrow(LAYOUT, "games")) == ("p", PARTITIONS)
    assert await look.fetchval("select count(*) from games") == 3
    await look.close()
    served = await opened(restored)
    assert [row and row.turn > 0 for row in await served.load(["local/ada"])] == [True]
    await served.close()


async def test_a_server_without_room_for_the_locks_is_left_as_it_was() -> None:
    with running_server(max_connections="10", max_locks_per_transaction="10") as small:
        url = small.empty_database("games")
        await (await opened(url)).close()
        with pytest.raises(StoreError, match="no room for the locks of so many tables") as refusal:
            await postgres_partitions.partition(url, 64, RecordingReporter())
        assert "max_locks_per_transaction" in refusal.value.hint
        look = await connected(url)
        assert tuple(await look.fetchrow(LAYOUT, "games")) == ("r", 0)
        await look.close()
        await postgres_partitions.partition(url, 4, RecordingReporter())


async def command(*words: str) -> str:
    """Run a command to its end; return what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dungeonfighter", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    print(output.decode())
    assert process.returncode == 0, output.decode()
    return output.decode()
