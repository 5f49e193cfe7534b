"""Connections of the embedded store: how they are opened, how long they wait, what their errors mean."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import apsw

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.sqlite_file import SyncedFile

LOG_PAGES_MAX: Final = 8000
"""How long the log may become before it is made to begin anew."""
PAGE_BYTES: Final = 1024
LOG_FRAME_BYTES: Final = PAGE_BYTES + 24
_LOG_PAGES_AUTO: Final = 10 * LOG_PAGES_MAX
"""Where SQLite's own checkpoint steps in, inside a commit, should the thread not."""
_PRAGMAS: Final = (
    f"page_size={PAGE_BYTES}",  # of a new file: a row changes one page, in the log and again in the file
    "journal_mode=WAL",
    "synchronous=FULL",
    f"wal_autocheckpoint={_LOG_PAGES_AUTO}",
    f"journal_size_limit={4 * LOG_PAGES_MAX * LOG_FRAME_BYTES}",  # a log that a reader made long shrinks
    "temp_store=MEMORY",
)
_MAGIC: Final = b"SQLite format 3\x00"
_PAUSE_FIRST_SECONDS: Final = 0.001
_PAUSE_MAX_SECONDS: Final = 0.02


class Waiting:
    """Waits for locks of SQLite that others hold: until a deadline that each piece of work sets.

    Between processes of ours the file lock orders the writers; what is waited for here are other programs.
    """

    def __init__(self) -> None:
        self._until = 0.0

    def at_most(self, seconds: float) -> None:
        """Wait no longer than so many seconds from now; 0: not at all."""
        self._until = time.monotonic() + seconds

    def __call__(self, times: int) -> bool:
        """Sleep a little and have SQLite try again, or have it give up. SQLite calls this."""
        left = self._until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _PAUSE_FIRST_SECONDS * 2 ** min(times, 8), _PAUSE_MAX_SECONDS))
        return True


def connect(path: Path, waiting: Waiting) -> apsw.Connection:
    """Open a connection.

    Raises:
        apsw.Error: The file cannot be opened, or is no database.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_handler(waiting)
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}").fetchall()
    return connection


def check_file(path: Path) -> None:
    """Leave what is no database of SQLite alone: make nothing beside it.

    Raises:
        StoreUnavailable: Its folder is missing, or there is something else at this path.
        OSError: It cannot be read.
    """
    if not path.exists():
        if not path.parent.is_dir():
            raise StoreUnavailable(f"the folder {path.parent} of the database does not exist; make it first")
        return
    if SyncedFile.is_open(path):
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise StoreUnavailable(f"the file {path} is not a database of SQLite; it was left alone")


def unavailable(error: Exception) -> StoreUnavailable:
    """Translate an error of SQLite or of the system: no values, no statement."""
    code = getattr(error, "extendedresult", 0)
    names = apsw.mapping_extended_result_codes, apsw.mapping_result_codes
    known = (names[0].get(code) or names[1].get(code)) if code else None
    return StoreUnavailable(f"the database did not answer ({known or type(error).__name__})")
