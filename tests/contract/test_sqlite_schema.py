"""Schemas of other releases in a SQLite file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from dungeonfighter.errors import SchemaTooNew, StoreUnavailable
from dungeonfighter.hosting.ports import Won
from dungeonfighter.storage import sqlite_schema
from dungeonfighter.storage.sql_files import migrations
from dungeonfighter.storage.sqlite import SqliteStore
from tests.contract.rows import first

STEPS = migrations("sqlite")
NUMBERS = [step.number for step in STEPS]
NEXT = NUMBERS[-1] + 1
INDEXES = "select name from sqlite_master where type = 'index' and name = 'episodes_best'"
MANY_RUNS = """
with recursive n(value) as (select 1 union all select value + 1 from n where value < 20000)
insert into episodes
select 'local/x', value, '1-abc', 1, 'casual', '', 0, 0, 9, 'died', value % 1000, x'', 0, x'', 0 from n
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.db"


@pytest.fixture
def watcher(path: Path) -> Iterator[apsw.Connection]:
    """A connection of the test itself to the file of the store."""
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


def recorded(watcher: apsw.Connection) -> tuple[int, dict[int, str]]:
    """Return the schema number and the applied steps with their releases."""
    number: Any = watcher.execute("pragma user_version").get
    return number, dict(watcher.execute("select version, compatible_from from schema_version"))


async def plays(path: Path) -> bool:
    store = SqliteStore(path)
    await store.open()
    outcomes = await store.commit([first("local/a")])
    await store.close()
    return outcomes == [Won()]


@pytest.mark.parametrize("schema", [0, 1, 2])
async def test_a_file_of_an_earlier_schema_records_the_release_of_each_step(
    path: Path, watcher: apsw.Connection, schema: int
) -> None:
    for step in STEPS[:schema]:
        watcher.execute(step.sql)
    watcher.execute(f"pragma user_version={schema}")
    assert await plays(path)
    assert recorded(watcher) == (NUMBERS[-1], {step.number: step.compatible_from for step in STEPS})
    assert watcher.execute(INDEXES).fetchall()


async def test_a_release_starts_on_a_newer_schema_that_allows_it_and_applies_no_step(
    path: Path, watcher: apsw.Connection
) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    watcher.execute(f"""
        alter table games add column extra integer not null default 7;
        insert into schema_version values ({NEXT}, '0.1.0', 1.5);
        pragma user_version={NEXT};
    """)
    before = recorded(watcher)
    assert await plays(path)
    assert recorded(watcher) == before
    assert watcher.execute("select extra from games").fetchall() == [(7,)]


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("'77.0'", rf"schema {NEXT} needs release 77\.0 or newer"),
        (None, f"whether it can run on {NEXT} is not recorded"),
    ],
)
async def test_a_release_refuses_a_newer_schema_that_does_not_allow_it(
    path: Path, watcher: apsw.Connection, release: str | None, message: str
) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    if release is not None:
        watcher.execute(f"insert into schema_version values ({NEXT}, {release}, 1.5)")
    watcher.execute(f"pragma user_version={NEXT}")
    with pytest.raises(SchemaTooNew, match=message):
        await SqliteStore(path).open()


async def test_all_steps_are_applied_or_none(path: Path, watcher: apsw.Connection) -> None:
    watcher.execute("create table character_saves (something_else)")  # makes the first step fail
    with pytest.raises(StoreUnavailable):
        await SqliteStore(path).open()
    assert watcher.execute("pragma user_version").fetchone() == (0,)
    assert watcher.execute("select name from sqlite_master").fetchall() == [("character_saves",)]
    watcher.execute("drop table character_saves")
    assert await plays(path)


async def test_a_long_step_logs_its_progress(
    path: Path, watcher: apsw.Connection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.execute(STEPS[0].sql)
    watcher.execute(MANY_RUNS)
    watcher.execute("pragma user_version=1")
    monkeypatch.setattr(sqlite_schema, "_LOG_SECONDS", 0.0)
    with caplog.at_level(logging.INFO, "dungeonfighter.storage"):
        assert await plays(path)
    messages = [message for message in caplog.messages if "002_best_runs" in message]
    assert messages[0] == "schema: 002_best_runs, at work for 0 s; the file is locked for writing"
    assert messages[-1].startswith("schema: 002_best_runs done in ")
