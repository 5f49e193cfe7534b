"""A store that is open learns of a backup that another process took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import asyncpg
import pytest

from dungeonfighter.hosting.ports import Store
from dungeonfighter.storage import facts, postgres_facts, sqlite_checkpoint
from dungeonfighter.storage.backup import postgres_files, sqlite_files
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer

EARLIER, AT = 1_799_000_000.5, 1_800_000_000.25


async def assert_learned(store: Store) -> None:
    while (learned := store.health().backup_at) != AT:
        assert learned in {0, EARLIER}
        await asyncio.sleep(0.01)
    await store.close()


async def test_an_open_sqlite_store_learns_of_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "_MEASURE_SECONDS", 0.02)
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    assert sqlite_files.note_backup(tmp_path / "games.db", EARLIER)
    assert sqlite_files.note_backup(tmp_path / "games.db", AT)
    await assert_learned(store)


async def test_an_open_postgres_store_learns_of_a_backup(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_facts, "READ_SECONDS", 0.02)
    store = PostgresStore(postgres_url)
    await store.open()
    assert await asyncio.to_thread(postgres_files.note_backup, postgres_url, AT)
    await assert_learned(store)


@pytest.fixture
async def looking(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    """A store that looks at its database many times a second."""
    monkeypatch.setattr(postgres_facts, "READ_SECONDS", 0.02)
    monkeypatch.setattr(postgres_facts, "RETRY_SECONDS", 0.02)
    store = PostgresStore(postgres_url)
    await store.open()
    yield store
    await store.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (a thread of another process; the timeout of the test ends it)
        await asyncio.sleep(0.01)


async def test_a_store_that_nobody_plays_on_notices_when_its_database_is_gone_and_back(
    looking: PostgresStore, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert looking.health().is_answering
    postgres_server.stop()
    try:
        await until(lambda: not looking.health().is_answering)
    finally:
        postgres_server.start()
    await until(lambda: looking.health().is_answering)
    noted = [one.getMessage() for one in caplog.records if one.name.endswith("postgres_facts")]
    assert [line.partition(":")[0] for line in noted] == [
        "the database does not answer",
        "the database answers again",
    ]


@pytest.mark.parametrize("ahead", [90.0, -90.0])
async def test_the_clock_is_compared_with_that_of_the_database(
    looking: PostgresStore, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    await asyncio.sleep(0.1)
    assert looking.health().clock_skew_seconds == pytest.approx(0, abs=0.5)
    monkeypatch.setattr(postgres_facts, "wall_seconds", lambda: time.time() + ahead)
    await until(lambda: looking.health().clock_skew_seconds == pytest.approx(ahead, abs=0.5))


async def test_sessions_that_wait_for_a_standby_are_counted_until_it_answers(
    looking: PostgresStore, watcher: asyncpg.Connection, postgres_url: str
) -> None:
    assert looking.health().sync_waits == 0
    await watcher.execute("alter system set synchronous_standby_names = 'nobody'")
    await watcher.execute("select pg_reload_conf()")
    waiting = await asyncpg.connect(postgres_url)
    try:
        note = waiting.execute("insert into store_facts (name, value, updated_at) values ('x', '', now())")
        writing = asyncio.create_task(note)
        await until(lambda: looking.health().sync_waits == 1)
        assert not writing.done()
    finally:
        await watcher.execute("alter system reset synchronous_standby_names")
        await watcher.execute("select pg_reload_conf()")
    await writing
    await waiting.close()
    await until(lambda: looking.health().sync_waits == 0)


def test_a_schema_without_facts_has_no_place_for_the_time(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "games.db")).execute("create table games (bot_id text)")
    assert not sqlite_files.note_backup(tmp_path / "games.db", AT)


@pytest.mark.parametrize("text", ["", "yesterday", "nan", "inf", "-1"])
def test_a_damaged_time_is_no_time(text: str) -> None:
    assert facts.as_seconds(text) == 0
