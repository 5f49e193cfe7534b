"""Moves what the write-ahead log holds into the database file, beside the writers and in small portions.

SQLite's own checkpoint runs inside a commit: at 80,000 rows it copies thousands of scattered pages and syncs
them while everybody waits (measured: 150 to 300 ms every 4,000 rows). Here a thread does it every thousand
rows:

1. a passive checkpoint copies what it can; writers go on meanwhile;
2. the database file is synced, which SQLite would only do at the end, under the lock;
3. when the log is long, the rest (a few rows by now) is copied under the writers' lock, so that the log
   begins anew (measured: 3 to 10 ms).

Source: SQLite, "Write-Ahead Logging", sections 3.4 and 6; docs/decisions/011-checkpoints.md.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dungeonfighter.storage.file_lock import FileLock

_log = logging.getLogger(__name__)

PORTION_ROWS: Final = 1024
"""How many rows this process writes between two looks."""
LOG_PAGES_MAX: Final = 8000
"""How long the log may become before it is made to begin anew."""
LOG_PAGES_AUTO: Final = 10 * LOG_PAGES_MAX
"""Where SQLite's own checkpoint steps in, should this thread not."""

_sync: Final = getattr(os, "fdatasync", os.fsync)


class Checkpointer:
    """One store's thread for it. Several processes take turns: who finds another at it leaves it to that one.

    Args:
        path: The database file; it exists.
        connect: Makes a connection of its own.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._file = SyncedFile.of(path)
        self._lock = FileLock(Path(f"{path}.lock"))
        self._connection = connect()
        self._rows = 0
        self._due = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, rows: int) -> None:
        """So many rows were committed; in the writer's thread, costs nothing."""
        self._rows += rows
        if self._rows >= PORTION_ROWS:
            self._rows = 0
            self._due.set()

    def close(self) -> None:
        """Stop, and let go of everything but the file: see `release`."""
        self._stopping = True
        self._due.set()
        self._thread.join()
        self._connection.close()
        self._lock.close()

    def release(self) -> None:
        """Let go of the file, after all connections of this store are closed."""
        self._file.release()

    def _run(self) -> None:
        is_well = True
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping:
                return
            try:
                self._move()
            except (sqlite3.Error, OSError) as error:
                if is_well:  # said once; the log only grows meanwhile
                    _log.warning("the log of the database cannot be moved into it: %s", error)
                is_well = False
            else:
                is_well = True

    def _move(self) -> None:
        is_busy, pages, _ = self._checkpoint("passive")
        if is_busy:
            return
        self._file.sync()
        if pages < LOG_PAGES_MAX:
            return
        self._checkpoint("passive")
        self._file.sync()
        with self._lock:
            self._checkpoint("restart")

    def _checkpoint(self, mode: str) -> tuple[int, int, int]:
        """Whether another one was at it, how many pages the log has, how many of them are moved."""
        told: tuple[int, int, int] = self._connection.execute(f"pragma wal_checkpoint({mode})").fetchone()
        return told


class SyncedFile:
    """A database file, open to be synced: once in a process, and only closed when the last store has gone.

    To close any descriptor of a file frees all POSIX locks that the process holds on it, SQLite's included.
    """

    _guard = threading.Lock()
    _open: dict[tuple[int, int], SyncedFile] = {}  # noqa: RUF012 (guarded; one for each file in use)

    def __init__(self, key: tuple[int, int], descriptor: int) -> None:
        self._key = key
        self._descriptor = descriptor
        self._users = 0

    @classmethod
    def of(cls, path: Path) -> SyncedFile:
        """The one for this file; the user releases it."""
        with cls._guard:
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            file = cls._open.get(key)
            if file is None:
                file = cls._open[key] = cls(key, os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
            file._users += 1
            return file

    @classmethod
    def is_open(cls, path: Path) -> bool:
        """Whether a store of this process has it open: then nobody may open and close it otherwise."""
        with cls._guard:
            status = path.stat()
            return (status.st_dev, status.st_ino) in cls._open

    def sync(self) -> None:
        """Write what is only in the system's memory to the disk."""
        _sync(self._descriptor)

    def release(self) -> None:
        with self._guard:
            self._users -= 1
            if not self._users:
                del self._open[self._key]
                os.close(self._descriptor)
