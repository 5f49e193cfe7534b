"""The SQLite store over its file: other files at the path, changed rowids, reading ahead."""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw
import pytest

from dungeonfighter import limits
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Won
from dungeonfighter.storage.sql_files import queries
from dungeonfighter.storage.sqlite import SqliteStore
from tests.contract.rows import after, first


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_file_that_is_no_database_is_refused_and_no_file_appears_beside_it(tmp_path: Path) -> None:
    other = tmp_path / "passwords"
    other.write_text("root:x:0:0\n" * 10)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await SqliteStore(other).open()
    assert names_in(tmp_path) == ["passwords"]


async def test_a_folder_is_no_database_and_gets_no_lock_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(StoreUnavailable):
        await SqliteStore(folder).open()
    assert names_in(tmp_path) == ["folder"]


async def test_an_empty_file_becomes_a_new_database(tmp_path: Path) -> None:
    empty = tmp_path / "games.db"
    empty.touch()
    store = SqliteStore(empty)
    await store.open()
    assert await store.load(["local/a"]) == [None]
    await store.close()


SWAPPED = (
    "update games set rowid = -1 where bot_id = 'local/a'",
    "update games set rowid = 1 where bot_id = 'local/b'",
    "update games set rowid = 2 where bot_id = 'local/a'",
)
DELETED_AND_RENUMBERED = (
    "delete from games where bot_id = 'local/a'",
    "update games set rowid = 1 where bot_id = 'local/b'",
)


@pytest.mark.parametrize("meanwhile", [SWAPPED, DELETED_AND_RENUMBERED], ids=["swapped", "deleted"])
async def test_rows_whose_rowids_changed_are_not_mixed_up(tmp_path: Path, meanwhile: tuple[str, ...]) -> None:
    """VACUUM may renumber rows, and rows of two bots at the same turn of one seed differ only by key."""
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    writes = [first("local/a"), first("local/b")]
    assert await store.commit(writes) == [Won(), Won()]
    writes = [after(write, b"second") for write in writes]
    assert await store.commit(writes) == [Won(), Won()]  # now the store knows their rowids
    with contextlib.closing(apsw.Connection(str(tmp_path / "games.db"))) as other:
        for statement in meanwhile:
            other.execute(statement)
    writes = [after(write, f"third of {write.row.bot_id}".encode()) for write in writes]
    is_there = meanwhile is SWAPPED
    assert await store.commit(writes) == [Won() if is_there else Conflict(0, b""), Won()]
    for round_ in (b"4", b"5"):  # the store now uses the new rowids
        writes = [after(write, round_ + write.row.bot_id.encode()) for write in writes]
        assert (await store.commit(writes))[1] == Won()
    found = await store.load(["local/a", "local/b"])
    assert [row and row.state for row in found] == [b"5local/a" if is_there else None, b"5local/b"]
    await store.close()


async def test_reading_ahead_reads_the_keys_and_no_rows(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    await store.close()
    with contextlib.closing(apsw.Connection(str(tmp_path / "games.db"))) as other:
        steps = other.execute(f"explain query plan {queries('sqlite')['count_keys']}").fetchall()
    assert [step[3] for step in steps] == ["SCAN games USING COVERING INDEX sqlite_autoindex_games_1"]


async def test_loads_return_all_rows_after_reading_ahead_beyond_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    bots = [f"local/b{number:05}" for number in range(20_000)]
    for start in range(0, len(bots), 1000):
        await store.commit([first(bot_id) for bot_id in bots[start : start + 1000]])
    await store.close()

    monkeypatch.setattr(limits, "read_ahead_seconds", 0.0)
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    await store.read_ahead()
    assert None not in await store.load(bots)
    await store.close()
