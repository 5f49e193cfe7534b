"""Connections of the embedded store: opening, waiting for locks, and translating errors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.sqlite_file import SyncedFile

LOG_PAGES_MAX: Final = 8000
"""The checkpoint thread restarts a log of this many pages."""
PAGE_BYTES: Final = 1024
LOG_FRAME_BYTES: Final = PAGE_BYTES + 24
_LOG_PAGES_AUTO: Final = 10 * LOG_PAGES_MAX
"""SQLite's own checkpoint runs inside a commit at this length, in case the checkpoint thread fails."""
_PRAGMAS: Final = (
    f"page_size={PAGE_BYTES}",  # of a new file; a changed row writes a page, to the log and later to the file
    "journal_mode=WAL",
    "synchronous=FULL",
    f"wal_autocheckpoint={_LOG_PAGES_AUTO}",
    f"journal_size_limit={4 * LOG_PAGES_MAX * LOG_FRAME_BYTES}",  # a long log shrinks again
    "temp_store=MEMORY",
)
_MAGIC: Final = b"SQLite format 3\x00"
_PAUSE_FIRST_SECONDS: Final = 0.001
_PAUSE_MAX_SECONDS: Final = 0.02


class Waiting:
    """A busy handler for SQLite: it waits for a lock until the deadline that each piece of work sets.

    The file lock already orders the writers of our own processes, so only another program can hold a lock
    that this handler waits for.
    """

    def __init__(self) -> None:
        self._until = 0.0

    def at_most(self, seconds: float) -> None:
        """Set the deadline, in seconds from now; 0 means that work waits for no lock."""
        self._until = time.monotonic() + seconds

    def __call__(self, times: int) -> bool:
        """Sleep and return True, so that SQLite retries, or return False after the deadline."""
        left = self._until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _PAUSE_FIRST_SECONDS * 2 ** min(times, 8), _PAUSE_MAX_SECONDS))
        return True


def connect(path: Path, waiting: Waiting) -> apsw.Connection:
    """Open a connection.

    Raises:
        apsw.Error: The file cannot be opened or is not a database.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_handler(waiting)
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}").fetchall()
    return connection


def is_unused(path: Path) -> bool:
    """Return True if no connection has the database open, and all of it is in the file itself.

    A connection that only reads would then create the log and its index, and leave them behind.
    """
    log = Path(f"{path}-wal")
    return not Path(f"{path}-shm").exists() and not (log.exists() and log.stat().st_size)


def connect_to_read(path: Path, waiting: Waiting, *, is_immutable: bool) -> apsw.Connection:
    """Open a connection that changes no data; `is_immutable` ignores the log, and creates no files either.

    Raises:
        apsw.Error: The file cannot be opened.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro" + ("&immutable=1" if is_immutable else "")
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_handler(waiting)
    return connection


def check_file(path: Path) -> None:
    """Check that the path is free or holds a SQLite database, without creating or changing a file.

    Raises:
        StoreUnavailable: The folder is missing, or the path holds something else.
        OSError: The file cannot be read.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise StoreUnavailable(f"the database {path.absolute()} is a folder", hint="name a file with --db")
    if folder.exists() and not folder.is_dir():
        raise StoreUnavailable(f"the folder {folder} of the database is a file")
    if not folder.exists():
        what = f"the folder {folder} of the database does not exist"
        raise StoreUnavailable(what, hint="make it, or choose another place with --db sqlite:///FILE")
    if not path.exists():
        return
    if SyncedFile.is_open(path):
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise StoreUnavailable(f"the file {path} is not a database of SQLite; it was left alone")


def check_existing(path: Path, hint: str = "name that of the server with --db sqlite:///FILE") -> None:
    """Check that the path holds a SQLite database; `hint` is the way out if there is no file.

    Raises:
        StoreUnavailable, OSError: As `check_file`, and if there is no file.
    """
    check_file(path)
    if not path.exists():
        raise StoreUnavailable(f"there is no database {path.absolute()}", hint=hint)


def unavailable(error: Exception) -> StoreUnavailable:
    """Translate an error of SQLite or of the operating system; the text has no values and no statement."""
    code = getattr(error, "extendedresult", 0)
    names = apsw.mapping_extended_result_codes, apsw.mapping_result_codes
    known = (names[0].get(code) or names[1].get(code)) if code else None
    return StoreUnavailable(f"the database did not answer ({known or type(error).__name__})")
