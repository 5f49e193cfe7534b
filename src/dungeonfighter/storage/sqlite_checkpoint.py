"""Moves the write-ahead log into the database file in small portions while the writers go on.

SQLite's own checkpoint runs inside a commit: at 80,000 rows it copies thousands of scattered pages and syncs
them while every writer waits (measured: 150 to 300 ms every 4,000 rows). Here a thread runs a checkpoint for
every thousand rows:

1. A passive checkpoint copies as many pages as it can; writers go on meanwhile.
2. The thread syncs the database file. SQLite itself would sync it only at the end, under the lock.
3. If the log is long, the thread copies the rest (a few rows by now) under the writers' lock, so that the log
   restarts (measured: 3 to 10 ms).

No step waits for a reader. While a reader holds an old view of the database, the log grows and the thread
logs a warning. With a library that has the WAL-reset bug, step 1 takes the writers' lock, so that no
checkpoint runs at the same time as a commit.

Source: SQLite, "Write-Ahead Logging", sections 3.4, 6 and 11; docs/decisions/011-checkpoints.md and
016-sqlite-with-its-own-library.md.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import apsw

from dungeonfighter.storage import facts, sql_files
from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.sqlite_connection import LOG_FRAME_BYTES, LOG_PAGES_MAX
from dungeonfighter.storage.sqlite_file import DiskUse, SyncedFile, disk_use

_log = logging.getLogger(__name__)

PORTION_ROWS: Final = 1024
"""This process writes so many rows between two checkpoints."""
_MEASURE_SECONDS: Final = 5.0
_NO_LOCK: Final = contextlib.nullcontext()
_MEGABYTE: Final = 1_000_000


class Checkpointer:
    """The checkpoint thread of one store; it skips a portion if another process is checkpointing.

    Args:
        path: The database file; it exists.
        connect: Opens a separate connection that waits for no lock.
        apart: Never run a checkpoint at the same time as a commit.
    """

    def __init__(self, path: Path, connect: Callable[[], apsw.Connection], *, apart: bool) -> None:
        self._connection = connect()
        self._lock = FileLock(Path(f"{path}.lock"))
        self._passive_lock: AbstractContextManager[Any] = self._lock if apart else _NO_LOCK
        self._file = SyncedFile.of(path)
        self._moving = threading.Lock()
        self._rows = 0
        self._due = threading.Event()
        self._stopping = False
        self._pages_warned = 2 * LOG_PAGES_MAX
        self.log_bytes = 0
        """The size of the used part of the log."""
        self._path = path
        self.disk = DiskUse()
        """The sizes of the files, a few seconds old."""
        self._fact = sql_files.queries("sqlite")["fact"]
        self.backup_at = 0.0
        """When `db backup` last succeeded, as it was a few seconds ago; see `StoreHealth`."""
        self._measure()
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def count_rows(self, rows: int) -> None:
        """Count committed rows, in the writer's thread, and wake the checkpoint thread after a portion."""
        self._rows += rows
        if self._rows >= PORTION_ROWS:
            self._rows = 0
            self._due.set()

    def close(self, patience_seconds: float) -> None:
        """Stop the thread and close its connection and lock; `release` closes the file.

        If another process holds the lock for longer than the patience, the thread and its connection stay
        open.
        """
        self._stopping = True
        self._due.set()
        self._thread.join(patience_seconds)
        if not self._thread.is_alive():
            self._connection.close()
            self._lock.close()

    def release(self) -> None:
        """Release the file; the caller has closed all connections of this store before."""
        self._file.release()

    def _run(self) -> None:
        is_well = True
        while True:
            is_due = self._due.wait(_MEASURE_SECONDS)
            if self._stopping:
                return
            self._measure()
            if not is_due:
                continue
            self._due.clear()
            try:
                self._move()
            except Exception as error:  # noqa: BLE001 (the next portion retries after any error)
                if is_well:  # log a series of failures once: the only harm is that the log grows
                    _log.warning("the log of the database cannot be moved into it: %s", error)
                is_well = False
            else:
                is_well = True

    def _measure(self) -> None:
        with contextlib.suppress(OSError):  # a file that is gone is the writer's trouble
            self.disk = disk_use(self._path)
        with contextlib.suppress(apsw.Error):  # the schema of a newer release, or a lock: the value stays
            row = self._connection.execute(self._fact, (facts.LAST_BACKUP,)).fetchone()
            self.backup_at = facts.as_seconds(row[0]) if row else 0.0

    def _move(self) -> None:
        with self._moving:
            self._move_portion()

    def _move_portion(self) -> None:
        with self._passive_lock:
            is_busy, pages = self._checkpoint("passive")
        if is_busy:
            return
        self._file.sync()
        if pages < LOG_PAGES_MAX:
            return
        with self._passive_lock:
            self._checkpoint("passive")
        self._file.sync()
        with self._lock:
            is_held, _ = self._checkpoint("restart")
        if is_held:
            self._warn_of_reader(pages)
        else:
            self._pages_warned = 2 * LOG_PAGES_MAX

    def _checkpoint(self, mode: str) -> tuple[bool, int]:
        """Run a checkpoint; return whether another connection blocked it, and the pages of the log."""
        is_busy, pages, _ = self._connection.execute(f"pragma wal_checkpoint({mode})").get
        if pages >= 0:
            self.log_bytes = pages * LOG_FRAME_BYTES
        return bool(is_busy), pages

    def _warn_of_reader(self, pages: int) -> None:
        """Log a warning once for each doubling of the log."""
        if pages < self._pages_warned:
            return
        self._pages_warned = 2 * pages
        _log.warning(
            "the log of the database has grown to %d MB: a program that reads the file holds an old view of "
            "it, and the log cannot begin anew until that one ends its transaction",
            pages * LOG_FRAME_BYTES // _MEGABYTE,
        )
