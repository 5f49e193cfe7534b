"""Short write transactions in a SQLite file beside running servers: for chores of an operator.

Each transaction holds the file lock of the servers and checks the files, as the writer of a store does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import sqlite_connection, sqlite_schema
from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.sqlite_connection import Waiting, check_existing, check_file, unavailable
from dungeonfighter.storage.sqlite_file import FileIdentity
from dungeonfighter.storage.sqlite_writes import roll_back

WAIT_SECONDS: Final = 10.0


class SqliteChores:
    """A connection that writes.

    Args:
        path: The database file.
        is_new: Create a missing file, without tables.

    Raises:
        StoreUnavailable: There is no such database, or it cannot be opened.
    """

    def __init__(self, path: Path, *, is_new: bool = False) -> None:
        try:
            (check_file if is_new else check_existing)(path)
            self._lock = FileLock(Path(f"{path}.lock"))
        except OSError as error:
            what = f"the database {path.absolute()} cannot be opened: {error.strerror or error}"
            raise StoreUnavailable(what.lower()) from error
        self.path = path
        self._claim: FileLock | None = None
        self._waiting = Waiting()
        self._waiting.at_most(WAIT_SECONDS)
        try:
            with self._lock:
                self.connection = sqlite_connection.connect(path, self._waiting)
                self.connection.execute("pragma user_version").fetchall()  # creates the log
                self._identity = FileIdentity(path)
        except apsw.Error as error:
            self._lock.close()
            raise unavailable(error) from error

    def is_only_one(self, chore: str) -> bool:
        """Return True if no other process is at this chore; the kernel ends this claim with the process."""
        try:
            self._claim = FileLock(Path(f"{self.path}.{chore}.lock"))
            return self._claim.try_for_good()
        except OSError as error:
            what = f"{self.path}.{chore}.lock cannot be locked: {error.strerror or error}"
            raise StoreUnavailable(what) from error

    def migrate(self) -> None:
        """Apply the missing steps of the schema."""
        self._waiting.at_most(WAIT_SECONDS)
        with self._lock:
            sqlite_schema.migrate(self.connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """Hold the servers' lock and a write transaction while the block runs; commit at its end.

        Raises:
            StoreUnavailable: SQLite reported an error, or the files were moved; nothing was written.
        """
        with self.alone() as connection:
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                roll_back(connection)
                raise
            self._identity.check()

    @contextlib.contextmanager
    def alone(self) -> Iterator[apsw.Connection]:
        """Hold the servers' lock while the block runs."""
        self._waiting.at_most(WAIT_SECONDS)
        try:
            with self._lock:
                self._identity.check()
                yield self.connection
        except (apsw.Error, OSError) as error:
            raise unavailable(error) from error

    def close(self) -> None:
        """Close the connection; the last one of a file moves the log into the file."""
        with contextlib.suppress(StoreUnavailable), self.alone() as connection:
            connection.close()
        self._lock.close()
        if self._claim is not None:
            self._claim.close()
