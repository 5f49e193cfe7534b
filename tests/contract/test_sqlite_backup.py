"""The copy of a SQLite store: one moment of it, in one file, however much is written meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from dungeonfighter.errors import StoreError, StoreUnavailable
from dungeonfighter.storage.backup import sqlite_files
from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_connection import PAGE_BYTES
from tests.contract.rows import first

BOTS = 60
PORTION_PAGES = 5


@pytest.fixture
async def games(tmp_path: Path) -> Path:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    await store.commit([first(f"local/bot-{number:02d}", b"s" * 400) for number in range(BOTS)])
    await store.close()
    return path


@pytest.fixture
def writer(games: Path) -> Iterator[apsw.Connection]:
    """A connection that has the store open and writes to it, as a server does."""
    with closing(apsw.Connection(str(games))) as connection:
        connection.execute("pragma journal_mode").fetchall()
        yield connection


def back_up(games: Path, target: Path, show: sqlite_files.Show = lambda _: None) -> sqlite_files.Copied:
    with closing(sqlite_files.open_source(games)) as source, UnfinishedFile(target) as file:
        copied = sqlite_files.copy(source, file, show)
        file.finish()
    return copied


def test_commits_during_the_copy_neither_delay_it_nor_get_into_it(
    tmp_path: Path, games: Path, writer: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "_PORTION_PAGES", PORTION_PAGES)
    portions = 0

    def write(text: str) -> None:
        nonlocal portions
        if text.startswith("copying"):
            portions += 1
            writer.execute("update games set turn = turn + 1")
            assert portions < 1000, "each commit makes the copying begin anew"

    copied = back_up(games, tmp_path / "backup", write)
    assert copied == sqlite_files.Copied(BOTS, (tmp_path / "backup").stat().st_size)
    assert portions == math.ceil(copied.size_bytes / PAGE_BYTES / PORTION_PAGES)
    with closing(apsw.Connection(str(tmp_path / "backup"))) as connection:
        assert connection.execute("select distinct turn from games").get == 0
    assert writer.execute("select distinct turn from games").get == portions


def test_a_backup_is_one_file_and_reading_it_creates_no_other(
    tmp_path: Path, games: Path, writer: apsw.Connection
) -> None:
    writer.execute("update games set turn = 7")  # this is in the log only
    place = tmp_path / "backups"
    place.mkdir()
    back_up(games, place / "backup")
    with closing(sqlite_files.open_source(place / "backup", is_backup=True)) as connection:
        assert connection.execute("pragma journal_mode").get == "delete"
        assert connection.execute("select distinct turn from games").get == 7
        assert [path.name for path in place.iterdir()] == ["backup"]


def test_damaged_pages_are_found_before_a_backup_counts(tmp_path: Path, games: Path) -> None:
    content = bytearray(games.read_bytes())
    content[20 * PAGE_BYTES : 30 * PAGE_BYTES] = bytes(10 * PAGE_BYTES)
    games.write_bytes(content)
    with pytest.raises(StoreError, match="the database is damaged"):
        back_up(games, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


@pytest.mark.parametrize("content", [None, b""])
def test_a_file_without_games_is_refused_and_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"there is no database|holds no games"):
        sqlite_files.open_source(path)
    assert path.exists() == (content is not None)
