"""The WAL-reset bug of SQLite 3.7.0 to 3.51.2: with an affected library no checkpoint runs during a commit.

Only checkpoints write into the database file. A file system of the test observes each such write and checks
whether a writer's lock is held.

Source: SQLite, "Write-Ahead Logging", section 11; docs/decisions/016-sqlite-with-its-own-library.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from dungeonfighter.hosting.ports import Won, Write
from dungeonfighter.storage import sqlite_library
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.storage.sqlite_connection import LOG_PAGES_MAX
from tests.contract.rows import after, first
from tests.contract.watched_files import watched_files

AFFECTED = (3, 40, 1)
STATE = bytes(3000)


@pytest.mark.parametrize(
    ("version", "has_bug"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
        ((3, 45, 0), True), ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 0), True), ((3, 51, 2), True),
        ((3, 51, 3), False), ((3, 54, 1), False),
    ],
)  # fmt: skip
def test_the_affected_versions_are_known(version: tuple[int, int, int], *, has_bug: bool) -> None:
    assert sqlite_library.has_wal_reset_bug(version) is has_bug


async def test_the_library_in_use_does_not_have_the_bug(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    assert store._writing is not None
    version = str(store._writing.execute("select sqlite_version()").get)
    await store.close()
    assert version == sqlite_library.shown(sqlite_library.library_version())
    assert not sqlite_library.has_wal_reset_bug(sqlite_library.library_version())


class LockWatcher:
    """Counts the writes into the database file by thread, and by whether the writers' lock was held."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        self.is_on = False
        self.writes: Counter[tuple[str, bool]] = Counter()

    def on_write(self, kind: str) -> None:
        if kind == "database" and self.is_on:
            self.writes[threading.current_thread().name, self._is_held()] += 1

    def _is_held(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def close(self) -> None:
        os.close(self._descriptor)


async def commit(store: SqliteStore, writes: list[Write]) -> None:
    for begin in range(0, len(writes), 256):
        batch = writes[begin : begin + 256]
        assert await store.commit(batch) == [Won()] * len(batch)


async def checkpoints_of(path: Path, library: tuple[int, int, int] | None) -> Counter[tuple[str, bool]]:
    """Return the writes of checkpoints while two stores on one file commit in turns and restart the log."""
    watcher = LockWatcher(path)
    with contextlib.closing(watcher), watched_files(watcher.on_write):
        stores = [SqliteStore(path, library=library) for _ in range(2)]
        for store in stores:
            await store.open()
        watcher.is_on = True
        writes = [first(f"local/b{number:04}", STATE) for number in range(1024)]
        for turn in range(LOG_PAGES_MAX // 2048 + 2):
            await commit(stores[turn % 2], writes)
            writes = [after(before, STATE) for before in writes]
            for store in stores:
                assert store._checkpointer is not None
                store._checkpointer._move()
        for store in stores:
            await store.close()
    return watcher.writes


async def test_with_an_affected_library_no_checkpoint_runs_during_a_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writes = await checkpoints_of(tmp_path / "games.db", AFFECTED)
    assert writes
    assert not [thread for thread, is_held in writes if not is_held]
    assert "SQLite 3.40.1 has the WAL-reset bug" in caplog.text


async def test_with_a_fixed_library_checkpoints_run_during_commits(tmp_path: Path) -> None:
    """This shows that the previous test can detect a checkpoint outside the lock."""
    writes = await checkpoints_of(tmp_path / "games.db", None)
    assert [thread for thread, is_held in writes if not is_held]
