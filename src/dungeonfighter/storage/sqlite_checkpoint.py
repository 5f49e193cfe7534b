"""Moves the write-ahead log into the database file, beside the writers and in small portions.

SQLite's own checkpoint runs inside a commit: at 80,000 rows it copies thousands of scattered pages and syncs
them while everybody waits (measured: 150 to 300 ms every 4,000 rows). Here a thread does it every thousand
rows:

1. a passive checkpoint copies what it can; writers go on meanwhile;
2. the database file is synced, which SQLite would only do at the end, under the lock;
3. when the log is long, the rest (a few rows by now) is copied under the writers' lock, so that the log
   begins anew (measured: 3 to 10 ms).

No step waits for a reader: while one holds an old view of the database, the log grows, and a warning says so.
With a library that has the WAL-reset bug no checkpoint runs beside a commit: step 1 takes the writers' lock.

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

from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.sqlite_connection import LOG_FRAME_BYTES, LOG_PAGES_MAX
from dungeonfighter.storage.sqlite_file import SyncedFile

_log = logging.getLogger(__name__)

PORTION_ROWS: Final = 1024
"""How many rows this process writes between two checkpoints."""
_NO_LOCK: Final = contextlib.nullcontext()
_MEGABYTE: Final = 1_000_000


class Checkpointer:
    """The checkpoint thread of one store. Of several processes, one skips its turn while another is at it.

    Args:
        path: The database file; it exists.
        connect: Makes a connection of its own that waits for no lock.
        apart: No checkpoint may run beside a commit.
    """

    def __init__(self, path: Path, connect: Callable[[], apsw.Connection], *, apart: bool) -> None:
        self._connection = connect()
        self._lock = FileLock(Path(f"{path}.lock"))
        self._beside: AbstractContextManager[Any] = self._lock if apart else _NO_LOCK
        self._file = SyncedFile.of(path)
        self._moving = threading.Lock()
        self._rows = 0
        self._due = threading.Event()
        self._stopping = False
        self._pages_warned = 2 * LOG_PAGES_MAX
        self.log_bytes = 0
        """The part of the log that is in use."""
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, rows: int) -> None:
        """Count committed rows; in the writer's thread, costs nothing."""
        self._rows += rows
        if self._rows >= PORTION_ROWS:
            self._rows = 0
            self._due.set()

    def close(self, patience_seconds: float) -> None:
        """Stop, and let go of everything but the file: see `release`.

        A thread that waits for a lock somebody else does not give back is left behind with its connection.
        """
        self._stopping = True
        self._due.set()
        self._thread.join(patience_seconds)
        if not self._thread.is_alive():
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
            except Exception as error:  # noqa: BLE001 (whatever it is, the next portion is tried again)
                if is_well:  # once: the log only grows meanwhile
                    _log.warning("the log of the database cannot be moved into it: %s", error)
                is_well = False
            else:
                is_well = True

    def _move(self) -> None:
        with self._moving:
            self._move_portion()

    def _move_portion(self) -> None:
        with self._beside:
            is_busy, pages = self._checkpoint("passive")
        if is_busy:
            return
        self._file.sync()
        if pages < LOG_PAGES_MAX:
            return
        with self._beside:
            self._checkpoint("passive")
        self._file.sync()
        with self._lock:
            is_held, _ = self._checkpoint("restart")
        if is_held:
            self._warn_of_a_reader(pages)
        else:
            self._pages_warned = 2 * LOG_PAGES_MAX

    def _checkpoint(self, mode: str) -> tuple[bool, int]:
        """Whether somebody was in the way, and how many pages the log has."""
        is_busy, pages, _ = self._connection.execute(f"pragma wal_checkpoint({mode})").get
        if pages >= 0:
            self.log_bytes = pages * LOG_FRAME_BYTES
        return bool(is_busy), pages

    def _warn_of_a_reader(self, pages: int) -> None:
        """Once for each doubling of the log."""
        if pages < self._pages_warned:
            return
        self._pages_warned = 2 * pages
        _log.warning(
            "the log of the database has grown to %d MB: a program that reads the file holds an old view of "
            "it, and the log cannot begin anew until that one ends its transaction",
            pages * LOG_FRAME_BYTES // _MEGABYTE,
        )
