"""Copies between the stores: every row the same, resumable, and no difference unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import StoreError, StoreUnavailable
from dungeonfighter.hosting.ports import AccessToken, InputChunk, Store, Won
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.copying import copy, positions
from dungeonfighter.storage.copying.copy import Copier, Report
from dungeonfighter.storage.copying.postgres_side import PostgresReading, PostgresWriting
from dungeonfighter.storage.copying.sqlite_side import SqliteReading, SqliteWriting
from dungeonfighter.storage.copying.tables import (
    COPIED,
    NOT_COPIED,
    Broken,
    Key,
    Progress,
    Record,
    Table,
    canonical_json,
)
from tests.contract.rows import after, end, first, save


class Silent:
    def progress(self, text: str) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def store_of(url: str) -> Store:
    return make_store(Settings(database=parse_database(url)))


async def fill(url: str, bots: Sequence[str] = ("local/ada", "local/bob", "team-a/ada", "team-a/Ö")) -> None:
    store = store_of(url)
    await store.open()
    for number, key in enumerate(bots):
        begun = first(key, bytes(range(256)))
        chunks = InputChunk(1, 0, "1\nequip 3\n1"), InputChunk(1, 64, "2")
        assert await store.commit([begun]) == [Won()]
        assert await store.commit([after(begun, b"next", *chunks, ended=end(1 + number % 2))]) == [Won()]
        await store.put_save(save(key, "main"))
    await store.put_token(AccessToken(b"\0" * 32, "df_abc", "local", "*", "play", True, "", 1.25, 0.1 + 0.2))
    await store.close()


async def copied(source: str, target: str) -> Report:
    reading = await _reading(source)
    writing: SqliteWriting | PostgresWriting
    if target.startswith("sqlite"):
        writing = SqliteWriting(Path(target.removeprefix("sqlite:///")))
    else:
        writing = await PostgresWriting.open(target, "the target")
    try:
        return await Copier(reading, writing, Silent()).run()
    finally:
        await writing.close()
        await reading.close()


async def _reading(url: str) -> SqliteReading | PostgresReading:
    if url.startswith("sqlite"):
        return SqliteReading(Path(url.removeprefix("sqlite:///")))
    return await PostgresReading.open(url, "the source")


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of a SQLite file, with one spelling of JSON."""
    with closing(apsw.Connection(str(path))) as file:
        tables = [name for (name,) in file.execute("select name from sqlite_master where type = 'table'")]
        return {
            table: sorted(tuple(map(_plain, row)) for row in file.execute(f"select * from {table}"))
            for table in tables
            if table not in NOT_COPIED
        }


def _plain(value: Any) -> Any:
    return canonical_json(value) if isinstance(value, str) and value.startswith("{") else value


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows fill several pages."""
    monkeypatch.setattr(copy, "ROWS_AT_ONCE", 3)


@pytest.fixture
async def games(tmp_path: Path) -> str:
    """A SQLite database with four bots."""
    url = f"sqlite:///{tmp_path}/games.db"
    await fill(url)
    return url


@pytest.fixture
def other(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other.db"


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def change(url: str, statement: str, *values: Any) -> None:
    with closing(apsw.Connection(str(path_of(url)))) as file:
        file.execute(statement, values)


async def test_every_column_survives_the_way_to_postgres_and_back(
    games: str, other: str, postgres_url: str
) -> None:
    there = await copied(games, postgres_url)
    back = await copied(postgres_url, other)
    assert there.rows == back.rows
    assert {name: count for name, count in there.rows.items() if count} == {
        "tokens": 1, "character_saves": 4, "episodes": 4, "run_inputs": 8, "games": 4
    }  # fmt: skip
    assert not there.named
    assert contents(path_of(other)) == contents(path_of(games))


async def test_a_time_with_parts_of_microseconds_counts_as_the_same(games: str, postgres_url: str) -> None:
    change(games, "update games set updated_at = 1764420500.1234567")
    assert not (await copied(games, postgres_url)).named


@pytest.mark.long
async def test_a_store_serves_the_copy(games: str, postgres_url: str) -> None:
    await copied(games, postgres_url)
    keys = ["local/ada", "team-a/Ö"]
    stores = store_of(games), store_of(postgres_url)
    for store in stores:
        await store.open()
    here, there = [await store.load(keys) for store in stores]
    assert [row and (row.digest, row.tail, row.state) for row in there] == [
        row and (row.digest, row.tail, row.state) for row in here
    ]
    assert await stores[1].list_saves("local/ada")
    assert await stores[1].tokens_after(0) == await stores[0].tokens_after(0)
    for store in stores:
        await store.close()


async def test_the_tables_of_a_copy_are_all_tables_of_the_schema(games: str, postgres_url: str) -> None:
    assert set(contents(path_of(games))) <= set(COPIED)
    store = store_of(postgres_url)
    await store.open()
    await store.close()
    link = await asyncpg.connect(postgres_url)
    tables = {
        name for (name,) in await link.fetch("select tablename from pg_tables where schemaname = 'public'")
    }
    await link.close()
    assert tables - NOT_COPIED <= set(COPIED)


REACHED: list[tuple[str, Key | None]] = [
    ("tokens", None),
    ("tokens", (b"\0" * 32,)),
    ("character_saves", ("team-a/ada", "main")),
    ("character_saves", ("team-a/Ö", "main")),
    ("episodes", ("team-a/ada", 1)),
    ("episodes", ("team-a/Ö", 2)),
    ("run_inputs", ("local/bob", 1, 0)),
]
"""The table and the last key after so many transactions of three rows each."""


class Stopping(SqliteWriting):
    """A target whose process ends after some transactions."""

    left = 0

    async def write(self, table: Table, records: Sequence[Record], progress: Progress) -> list[Broken]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return await super().write(table, records, progress)


@pytest.mark.parametrize(
    "transactions", [3, *(pytest.param(number, marks=pytest.mark.long) for number in (0, 1, 2, 4, 5, 6))]
)
async def test_a_stopped_copy_goes_on_where_it_was(games: str, other: str, transactions: int) -> None:
    reading, writing = SqliteReading(path_of(games)), Stopping(path_of(other))
    writing.left = transactions
    with pytest.raises(KeyboardInterrupt):
        await Copier(reading, writing, Silent()).run()
    reached = await writing.progress()
    assert reached is not None
    assert (reached.table, reached.position) == REACHED[transactions]
    await writing.close()
    await reading.close()
    with pytest.raises(StoreUnavailable, match="a copy into this database is not complete"):
        await store_of(other).open()
    assert not (await copied(games, other)).different
    assert contents(path_of(other)) == contents(path_of(games))


async def test_a_half_copied_postgres_is_not_served(games: str, postgres_url: str) -> None:
    writing = await PostgresWriting.open(postgres_url, "the target")
    await writing.begin(Progress("elsewhere", "copying", "games"))
    with pytest.raises(StoreUnavailable, match="a copy into this database is not complete"):
        await store_of(postgres_url).open()
    with pytest.raises(StoreUnavailable, match=r"another copy into .* is at work"):
        await PostgresWriting.open(postgres_url, "the target")
    await writing.close()
    with pytest.raises(StoreError, match="a copy of elsewhere is under way"):
        await copied(games, postgres_url)


@pytest.mark.long
async def test_a_target_with_rows_is_refused_and_left_alone(
    games: str, other: str, postgres_url: str
) -> None:
    for target in (other, postgres_url):
        await fill(target, ["local/eve"])
        with pytest.raises(StoreError, match="is not empty: tokens has rows; nothing was written"):
            await copied(games, target)
        store = store_of(target)
        await store.open()
        assert [bot.bot_id for bot in await store.list_bots("", "", 9)] == ["local/eve"]
        await store.close()


class Playing(SqliteReading):
    """A source that a server changes after the rows were copied, before they are compared."""

    is_done = False

    async def misplaced(self, table: Table) -> list[Broken]:
        if not self.is_done:
            self.is_done = True
            url = f"sqlite:///{self.name.removeprefix('sqlite:///')}"
            change(url, "update games set version = 7, digest = x'07' where bot_id = 'local/bob'")
            change(url, "delete from character_saves where bot_id = 'local/ada'")
            change(url, "insert into run_inputs values ('team-a/ada', 9, 0, '1')")
        return await super().misplaced(table)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
async def test_what_a_server_wrote_meanwhile_is_named_and_brought_over_by_a_repeat(
    games: str, other: str, kind: str, request: pytest.FixtureRequest
) -> None:
    target = other if kind == "sqlite" else request.getfixturevalue("postgres_url")
    writing = (
        SqliteWriting(path_of(other))
        if kind == "sqlite"
        else await PostgresWriting.open(target, "the target")
    )
    reading = Playing(path_of(games))
    report = await Copier(reading, writing, Silent()).run()
    await writing.close()
    await reading.close()
    assert report.different == 3
    assert report.named == [
        "character_saves local/ada main: only in the copy",
        "run_inputs team-a/ada 9 0: not in the copy",
        "games local/bob: version 7 in the source, 2 in the copy",
    ]
    with pytest.raises(StoreUnavailable):
        await store_of(target).open()
    repeated = await copied(games, target)
    assert (repeated.different, repeated.broken) == (0, 0)
    store = store_of(target)
    await store.open()
    (bob,) = await store.load(["local/bob"])
    await store.close()
    assert bob is not None
    assert (bob.version, bob.digest) == (7, b"\7")


BAD = {
    "games local/bob": (
        "update games set directive = ? where bot_id = 'local/bob'",
        "a\0b",
        "a NUL character",
    ),
    "character_saves local/bob main": (
        "update character_saves set character_data = ? where bot_id = 'local/bob'",
        '{"a":"\\u0000"}',
        "PostgreSQL refuses it: unsupported Unicode escape sequence",
    ),
    "episodes local/bob 2": (
        "update episodes set score = ? where bot_id = 'local/bob'",
        2**40,
        "PostgreSQL refuses it: ",
    ),
    "tokens " + "00" * 32: ("update tokens set turns_required = ?", 5, "is neither 0 nor 1"),
}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if row.startswith("games") else pytest.mark.long) for row in BAD],
)
async def test_a_row_that_postgres_cannot_keep_is_named_and_the_rest_copied(
    games: str, postgres_url: str, row: str
) -> None:
    statement, value, reason = BAD[row]
    change(games, statement, value)
    report = await copied(games, postgres_url)
    assert (report.broken, report.different) == (1, 0)
    assert report.named[0].startswith(f"{row}: ")
    assert reason in report.named[0]
    store = store_of(postgres_url)
    await store.open()
    assert await store.count_bots("", 9) == 4 - row.startswith("games")
    await store.close()


UNREADABLE = {
    "directive = cast(x'ff41' as text)": "games local/ada: directive is not UTF-8",
    "bot_id = cast(x'6cff' as text)": "games l?: bot_id is not UTF-8",
    "state = 'text'": "games local/ada: state has a wrong type",
    "bot_id = x'6c'": "games l: a part of its key has a wrong type",
}


@pytest.mark.parametrize(
    "value",
    [pytest.param(value, marks=() if "ff41" in value else pytest.mark.long) for value in UNREADABLE],
)
async def test_a_row_that_cannot_be_read_is_named(games: str, other: str, value: str) -> None:
    change(games, f"update games set {value} where bot_id = 'local/ada'")
    report = await copied(games, other)
    assert (report.broken, report.different) == (1, 0)
    assert report.named == [UNREADABLE[value]]
    assert len(contents(path_of(other))["games"]) == 3


async def test_databases_of_different_schemas_are_refused(games: str, other: str) -> None:
    SqliteWriting(path_of(other))._chores.close()
    change(other, "alter table games add column mood text")
    with pytest.raises(StoreError, match="only one of the databases has the column mood of games"):
        await copied(games, other)
    change(other, "alter table games drop column mood")
    change(other, "alter table episodes rename to former")
    with pytest.raises(StoreError, match="only one of the databases has the table episodes"):
        await copied(games, other)


@pytest.mark.long
async def test_a_new_column_is_carried_without_a_change_here(
    games: str, other: str, postgres_url: str
) -> None:
    change(games, "alter table episodes add column mood blob")
    change(games, "update episodes set mood = x'00ff' where bot_id = 'local/ada'")
    for url in (postgres_url, other):
        store = store_of(url)
        await store.open()
        await store.close()
    link = await asyncpg.connect(postgres_url)
    await link.execute("alter table episodes add column mood bytea")
    await link.close()
    change(other, "alter table episodes add column mood blob")
    assert not (await copied(games, postgres_url)).named
    assert not (await copied(postgres_url, other)).named
    assert contents(path_of(other)) == contents(path_of(games))


COLUMNS = [
    (table, column)
    for table, columns in {
        "tokens": ("prefix", "turns_required", "expires_at", "version"),
        "character_saves": ("id", "character_data", "updated_at"),
        "episodes": ("seed", "digest", "ranked", "ended_at"),
        "run_inputs": ("inputs",),
        "games": ("version", "digest", "state", "trail", "directive", "updated_at"),
    }.items()
    for column in columns
]
CHANGED = {"digest": "x'01'", "state": "x'01'", "trail": "x''", "version": "77", "seed": "0"}
CHANGED |= {"turns_required": "1 - turns_required", "ranked": "1 - ranked", "character_data": "'{}'"}
CHANGED |= {"updated_at": "updated_at + 0.001", "ended_at": "7.5", "expires_at": "expires_at + 0.1"}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        pytest.param(*names, marks=() if names == ("games", "trail") else pytest.mark.long)
        for names in COLUMNS
    ],
)
async def test_a_value_that_differs_in_the_copy_is_found_and_repaired(
    games: str, other: str, table: str, column: str
) -> None:
    await copied(games, other)
    writing = SqliteWriting(path_of(other))
    await writing.begin(Progress(f"sqlite:///{path_of(games)}", "copying", "games", ("~",)))
    await writing.close()
    change(other, f"update {table} set {column} = {CHANGED.get(column, chr(39) + 'x' + chr(39))}")
    report = await copied(games, other)
    assert report.different == len(contents(path_of(games))[table])
    assert column in report.named[0]
    assert not (await copied(games, other)).different
    assert contents(path_of(other)) == contents(path_of(games))


def test_both_schemas_have_the_same_migrations() -> None:
    numbers = [[step.number for step in sql_files.migrations(kind)] for kind in ("sqlite", "postgres")]
    assert numbers[0] == numbers[1]


def test_a_key_is_spelled_back() -> None:
    for key in (None, ("local/Ö", 3, 64), (b"\0\xff",)):
        assert positions.from_json(positions.to_json(key)) == key
