"""What only a file can do wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.sqlite import SqliteStore


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_what_is_no_database_is_left_alone_and_nothing_is_made_beside_it(tmp_path: Path) -> None:
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


async def test_a_file_that_vanished_or_is_empty_is_begun_anew(tmp_path: Path) -> None:
    empty = tmp_path / "games.db"
    empty.touch()
    store = SqliteStore(empty)
    await store.open()
    assert await store.load(["local/a"]) == [None]
    await store.close()
