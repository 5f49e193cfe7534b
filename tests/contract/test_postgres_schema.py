"""Schemas of other releases in PostgreSQL, and index builds while servers serve."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from dungeonfighter.errors import SchemaTooNew, StoreUnavailable
from dungeonfighter.hosting.ports import Won
from dungeonfighter.storage import postgres_schema
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_indexes import build_indexes
from dungeonfighter.storage.sql_files import migrations, queries
from testkit.postgres_server import PostgresServer, blocked, url_of
from tests.contract.rows import first

SQL = queries("postgres")
NUMBERS = [step.number for step in migrations("postgres")]
EVERY_INDEX_IS_LARGE = -1
STEPS_AT_ONCE = [step.number for step in migrations("postgres") if not step.is_concurrent]
IS_VALID = "select indisvalid from pg_index where indexrelid = to_regclass('episodes_best')"
NEXT = migrations("postgres")[-1].number + 1
SCHEMA_2 = """
create table schema_version (version integer primary key, applied_at timestamptz not null default now());
insert into schema_version (version) values (1), (2);
create index episodes_best on episodes (score desc, bot_id, episode);
"""


class RecordingReporter:
    """A reporter that records its calls."""

    def __init__(self) -> None:
        self.progressed: list[str] = []
        self.said: list[str] = []
        self.any = asyncio.Event()

    def progress(self, text: str) -> None:
        self.progressed.append(text)
        self.any.set()

    def say(self, text: str) -> None:
        self.said.append(text)


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open()
    return store


async def recorded(watcher: asyncpg.Connection) -> dict[int, str | None]:
    return dict(await watcher.fetch("select version, compatible_from from schema_version order by version"))


async def without_the_index(watcher: asyncpg.Connection) -> None:
    """Migrate an empty database without building its index."""
    await postgres_schema.migrate(watcher, SQL, at_once_bytes_max=EVERY_INDEX_IS_LARGE)
    assert list(await recorded(watcher)) == STEPS_AT_ONCE


@contextlib.asynccontextmanager
async def held_up(url: str) -> AsyncIterator[None]:
    """Hold a transaction that has written to the table: a concurrent build waits for its end."""
    holder = await asyncpg.connect(url)
    async with holder.transaction():
        await holder.execute("delete from episodes")
        yield
    await holder.close()


async def test_a_database_of_schema_2_records_the_release_of_each_step(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await watcher.execute(migrations("postgres")[0].sql)
    await watcher.execute(SCHEMA_2)
    store = await opened(postgres_url)
    assert await store.commit([first("local/a")]) == [Won()]
    await store.close()
    assert await recorded(watcher) == dict.fromkeys(range(1, NEXT), "0.1.0")


async def test_a_release_starts_on_a_newer_schema_that_allows_it_and_applies_no_step(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await without_the_index(watcher)
    await watcher.execute(f"insert into schema_version (version, compatible_from) values ({NEXT}, '0.1.0')")
    await watcher.execute("alter table games add column extra integer not null default 7")
    before = await recorded(watcher)
    store = await opened(postgres_url)
    assert await store.commit([first("local/a")]) == [Won()]
    await store.close()
    await build_indexes(postgres_url, RecordingReporter())
    assert await recorded(watcher) == before
    assert await watcher.fetchval(IS_VALID) is None


async def test_a_release_that_is_too_old_for_the_schema_names_the_one_that_is_needed(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await (await opened(postgres_url)).close()
    await watcher.execute(
        f"insert into schema_version values ({NEXT}, now(), '77.0'), ({NEXT + 1}, now(), '0.1.0')"
    )
    with pytest.raises(SchemaTooNew, match=rf"schema {NEXT + 1} needs release 77\.0 or newer"):
        await PostgresStore(postgres_url).open()


async def test_a_small_table_gets_its_index_at_the_start(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await (await opened(postgres_url)).close()
    assert list(await recorded(watcher)) == NUMBERS
    assert await watcher.fetchval(IS_VALID)


async def test_a_server_starts_without_the_index_of_a_large_table_and_logs_a_warning(
    postgres_url: str, watcher: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await without_the_index(watcher)
    await watcher.execute("create role onlooker; grant select on all tables in schema public to onlooker")
    await watcher.execute("set role onlooker")  # the role has no right to change the schema and needs none
    caplog.clear()
    await postgres_schema.migrate(watcher, SQL, at_once_bytes_max=EVERY_INDEX_IS_LARGE)
    await postgres_schema.migrate(watcher, SQL)  # the table is small enough, but the role may not build
    await watcher.execute("reset role; drop owned by onlooker; drop role onlooker")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "`dungeonfighter db migrate` builds it" in caplog.text
    assert await watcher.fetchval(IS_VALID) is None


async def test_an_index_is_built_while_servers_commit(postgres_url: str, watcher: asyncpg.Connection) -> None:
    await without_the_index(watcher)
    await watcher.execute(
        "alter database games set lock_timeout = 100"
    )  # a build ignores it and waits longer for its table
    reporter = RecordingReporter()
    async with held_up(postgres_url):
        building = asyncio.create_task(build_indexes(postgres_url, reporter))
        await asyncio.wait_for(reporter.any.wait(), 30)
        store = await opened(postgres_url)  # a start does not wait for the index
        assert await store.commit([first("local/a")]) == [Won()]
        assert not building.done()
    await building
    assert reporter.progressed[0].startswith("episodes_best: waiting for writers before build")
    assert [text.partition(" done in ")[0] for text in reporter.said] == ["schema: 002_best_runs"]
    assert await watcher.fetchval(IS_VALID)
    assert list(await recorded(watcher)) == NUMBERS
    await store.close()


async def test_two_concurrent_builds_build_the_index_once(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await without_the_index(watcher)
    reporters = [RecordingReporter(), RecordingReporter()]
    async with held_up(postgres_url):
        building = [asyncio.create_task(build_indexes(postgres_url, reporter)) for reporter in reporters]
        await asyncio.gather(*(asyncio.wait_for(reporter.any.wait(), 30) for reporter in reporters))
        assert await watcher.fetchval("select count(*) from pg_stat_progress_create_index") == 1
    await asyncio.gather(*building)
    assert sorted(len(reporter.said) for reporter in reporters) == [0, 1]
    (waiting,) = (reporter for reporter in reporters if not reporter.said)
    assert waiting.progressed[0].startswith("episodes_best: another process builds, ")
    assert await watcher.fetchval(IS_VALID)


@pytest.mark.parametrize("at_start", [False, True], ids=["by db migrate", "at a start"])
async def test_the_invalid_index_of_a_killed_build_is_rebuilt(
    postgres_url: str, watcher: asyncpg.Connection, *, at_start: bool
) -> None:
    await without_the_index(watcher)
    await kill_build(postgres_url, watcher)
    assert await watcher.fetchval(IS_VALID) is False
    reporter = RecordingReporter()
    if at_start:
        await (await opened(postgres_url)).close()
    else:
        await build_indexes(postgres_url, reporter)
        assert reporter.said[0] == "episodes_best: an interrupted build left a part of it, which is dropped"
    assert await watcher.fetchval(IS_VALID)
    assert list(await recorded(watcher)) == NUMBERS


async def kill_build(url: str, watcher: asyncpg.Connection) -> None:
    """Begin a build and terminate the server process that builds."""
    reporter = RecordingReporter()
    async with held_up(url):
        building = asyncio.create_task(build_indexes(url, reporter))
        await asyncio.wait_for(reporter.any.wait(), 30)
        await watcher.execute("select pg_terminate_backend(pid) from pg_stat_progress_create_index")
        with pytest.raises(StoreUnavailable):
            await building


async def test_cancelling_a_build_stops_it_in_the_server(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await without_the_index(watcher)
    reporter = RecordingReporter()
    async with held_up(postgres_url):
        building = asyncio.create_task(build_indexes(postgres_url, reporter))
        await asyncio.wait_for(reporter.any.wait(), 30)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        assert not await watcher.fetchval("select count(*) from pg_stat_progress_create_index")
    await build_indexes(postgres_url, RecordingReporter())
    assert await watcher.fetchval(IS_VALID)


async def test_an_index_is_rebuilt_after_an_immediate_stop_during_its_build(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    before = await asyncpg.connect(postgres_url)
    await without_the_index(before)
    reporter = RecordingReporter()
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        async with held_up(postgres_url):
            building = asyncio.create_task(build_indexes(postgres_url, reporter))
            await asyncio.wait_for(reporter.any.wait(), 30)
            await asyncio.to_thread(postgres_server.stop, "immediate")
            with pytest.raises(StoreUnavailable):
                await building
    before.terminate()
    await asyncio.to_thread(postgres_server.start)
    watcher = await asyncpg.connect(postgres_url)
    assert await watcher.fetchval(IS_VALID) is False
    await build_indexes(postgres_url, RecordingReporter())
    assert await watcher.fetchval(IS_VALID)
    await watcher.close()


async def test_a_start_leaves_an_index_to_the_process_that_builds_it(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    """A build at start would wait for the other build, and that one waits for every older transaction."""
    await without_the_index(watcher)
    reporter = RecordingReporter()
    async with held_up(postgres_url):
        building = asyncio.create_task(build_indexes(postgres_url, reporter))
        await asyncio.wait_for(reporter.any.wait(), 30)
        await (await opened(postgres_url)).close()
        assert list(await recorded(watcher)) == STEPS_AT_ONCE
    await building
    assert list(await recorded(watcher)) == NUMBERS


async def test_a_step_that_waits_for_a_table_holds_up_no_commit_for_long(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    """While a long transaction holds the table, the step retries with short lock timeouts."""
    store = await opened(postgres_url)
    await watcher.execute("delete from schema_version where version = 3")
    await watcher.execute("alter table schema_version drop column compatible_from")
    holder = await asyncpg.connect(postgres_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("select from schema_version")
    starting = asyncio.create_task(opened(postgres_url))
    probe = await asyncpg.connect(await url_of(watcher))
    await blocked(probe)
    assert (
        await probe.fetchval("select count(*) from schema_version") == NEXT - 2
    )  # this query queues behind the step
    assert not starting.done()
    await transaction.rollback()
    await (await starting).close()
    assert list(await recorded(watcher)) == NUMBERS
    for connection in (holder, probe, store):
        await connection.close()
