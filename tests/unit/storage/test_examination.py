"""Looking at a SQLite database changes nothing, and says what is wrong with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw
import pytest

from dungeonfighter.storage import sql_files
from dungeonfighter.storage.examination import DatabaseReport, schema_of, summed_up
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_examination import SqliteExaminer, file_system_of


async def look(path: Path) -> DatabaseReport:
    return await SqliteExaminer(path, "place", 10.0).examine()


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir() if one.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def remove(*names: str) -> None:
    for name in names:
        Path(name).unlink(missing_ok=True)


def write(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)


async def made(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    remove(f"{path}-wal", f"{path}-shm")


async def test_a_file_without_a_server_is_read_and_its_folder_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "games ?#%41.db"
    await made(path)
    before = contents(tmp_path)
    report = await look(path)
    assert report.troubles == []
    assert report.schema is not None
    assert report.schema.found == report.schema.known == sql_files.migrations("sqlite")[-1].number
    assert report.round_trips is not None
    assert report.sqlite is not None
    assert report.sqlite.file_system
    assert report.sqlite.free_bytes > 0
    assert contents(tmp_path) == before


async def test_a_file_in_use_is_read_with_its_log_and_the_store_works_on(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    store = SqliteStore(path)
    await store.open()
    other = apsw.Connection(str(path))
    other.execute("pragma user_version = 77")  # only in the log so far
    report = await look(path)
    assert report.schema is not None
    assert report.schema.found == 77
    assert "knows" in report.schema.trouble
    assert report.sqlite is not None
    assert report.sqlite.is_log_read
    assert report.sqlite.log_bytes > 0
    other.close()
    await store.probe()
    assert await store.heads([""]) == [None]
    await store.close()


async def test_what_a_killed_server_left_is_read_and_stays(tmp_path: Path) -> None:
    """The last connection to a file would move the log into the file and remove it."""
    path, copied = tmp_path / "games.db", tmp_path / "killed"
    store = SqliteStore(path)
    await store.open()
    await store.probe()
    copy(tmp_path, copied)
    await store.close()
    before = contents(copied)
    assert len(before["games.db-wal"][0]) > 0
    report = await look(copied / "games.db")
    after = contents(copied)
    assert report.schema is not None
    assert report.schema.found == report.schema.known
    assert after.keys() == before.keys()
    for name in ("games.db", "games.db-wal"):  # the index is memory that connections share
        assert after[name] == before[name]


def copy(folder: Path, to: Path) -> None:
    to.mkdir()
    for file in folder.glob("games.db*"):
        shutil.copy2(file, to)


async def test_a_log_without_its_index_is_not_read_and_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    await made(path)
    write(f"{path}-wal", b"x" * 5000)
    before = contents(tmp_path)
    report = await look(path)
    assert report.sqlite is not None
    assert not report.sqlite.is_log_read
    assert contents(tmp_path) == before


async def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    report = await look(tmp_path / "none.db")
    assert "no such file" in report.troubles[0]
    assert names(tmp_path) == []
    assert "is a folder" in (await look(tmp_path)).troubles[0]


async def test_another_kind_of_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    write(str(path), b"Dear Sir or Madam " * 100)
    before = contents(tmp_path)
    report = await look(path)
    assert "cannot be read as a database of SQLite" in report.troubles[0]
    assert report.sqlite is not None, "the file system is known all the same"
    assert contents(tmp_path) == before


async def test_a_schema_of_earlier_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    connection = apsw.Connection(str(path))
    steps = sql_files.migrations("sqlite")
    for statement in sql_files.statements(steps[0].sql):
        connection.execute(statement)
    connection.execute("pragma user_version = 1")
    connection.close()
    before = contents(tmp_path)
    report = await look(path)
    assert report.schema is not None
    assert report.schema.missing == [step.name for step in steps[1:]]
    assert contents(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that never answers")
async def test_a_file_system_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """SQLite waits for ever when it opens a named pipe, like a file on a dead network file system."""
    path = tmp_path / "pipe.db"
    os.mkfifo(path)
    examiner = SqliteExaminer(path, "place", 0.2)
    assert "did not answer within 0.2 s" in (await examiner.examine()).troubles[0]
    assert "did not answer within 0.2 s" in (await examiner.examine()).troubles[0]
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go on


def test_a_newer_schema_says_which_release_it_needs() -> None:
    steps = sql_files.migrations("postgres")
    schema = schema_of(steps, dict.fromkeys(range(1, 90), "99.0"))
    assert (schema.found, schema.known) == (89, steps[-1].number)
    assert "needs release 99.0 or newer" in schema.trouble


def test_the_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:35 / /data rw - tmpfs tmpfs rw\n"
        "41 22 0:36 / /data rw - nfs4 server:/x rw\n"
        "42 22 0:37 / /database rw - xfs /dev/sdb rw\n"
        "43 22 0:38 / /a\\040b rw - btrfs /dev/sdc rw\n"
        "broken\n"
    )
    assert file_system_of(Path("/data/games.db"), mounts) == ("nfs4", "/data")
    assert file_system_of(Path("/data-2/games.db"), mounts) == ("ext4", "/")
    assert file_system_of(Path("/a b/games.db"), mounts) == ("btrfs", "/a b")
    assert file_system_of(Path("/x"), tmp_path / "none") == ("", "")


def test_figures_of_round_trips() -> None:
    trips = summed_up([0.3, 0.1, 0.2])
    assert trips is not None
    assert (trips.count, trips.min_seconds, trips.median_seconds, trips.max_seconds) == (3, 0.1, 0.2, 0.3)
    assert summed_up([]) is None
