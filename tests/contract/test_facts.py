"""A store that is open learns of a backup that another process took."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from dungeonfighter.hosting.ports import Store
from dungeonfighter.storage import facts, postgres_facts, sqlite_checkpoint
from dungeonfighter.storage.backup import postgres_files, sqlite_files
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore

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


def test_a_schema_without_facts_has_no_place_for_the_time(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "games.db")).execute("create table games (bot_id text)")
    assert not sqlite_files.note_backup(tmp_path / "games.db", AT)


@pytest.mark.parametrize("text", ["", "yesterday", "nan", "inf", "-1"])
def test_a_damaged_time_is_no_time(text: str) -> None:
    assert facts.as_seconds(text) == 0
