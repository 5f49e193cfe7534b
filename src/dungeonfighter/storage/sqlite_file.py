"""The files of a SQLite database in the file system: their identity (device and inode) and their syncing."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Final, NamedTuple

from dungeonfighter.errors import StoreUnavailable

_sync: Final = getattr(os, "fdatasync", os.fsync)
_ADVICE: Final = (
    "nothing is written any more, and what was acknowledged before is in the former file; "
    "to restore a backup, stop every server of this database first, then start them again"
)


class SyncedFile:
    """A database file, open for syncing: one descriptor per process, closed with the last store that uses it.

    Closing any descriptor of a file frees all POSIX locks of the process on that file, SQLite's included.
    """

    _guard = threading.Lock()
    _open: dict[tuple[int, int], SyncedFile] = {}  # noqa: RUF012 (guarded; one for each file in use)

    def __init__(self, key: tuple[int, int], descriptor: int) -> None:
        self._key = key
        self._descriptor = descriptor
        self._users = 0

    @classmethod
    def of(cls, path: Path) -> SyncedFile:
        """Return the process's descriptor of this file; the caller must `release` it."""
        with cls._guard:
            key = _key(path)
            file = cls._open.get(key)
            if file is None:
                file = cls._open[key] = cls(key, os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
            file._users += 1
            return file

    @classmethod
    def is_open(cls, path: Path) -> bool:
        """Return True if a store of this process uses the file; then no other code may open and close it."""
        with cls._guard:
            return _key(path) in cls._open

    def sync(self) -> None:
        """Flush the operating system's buffers of the file to the disk."""
        _sync(self._descriptor)

    def release(self) -> None:
        with self._guard:
            self._users -= 1
            if not self._users:
                del self._open[self._key]
                os.close(self._descriptor)


class DiskUse(NamedTuple):
    """The size of the write-ahead log, the free space of its disk for this user, and the size of the disk."""

    wal_bytes: int = 0
    free_bytes: int = 0
    disk_bytes: int = 0


def disk_use(path: Path) -> DiskUse:
    """Measure the files of a database; this may wait for the disk.

    Raises:
        OSError: The files cannot be looked at.
    """
    wal = Path(f"{path}-wal")
    disk = shutil.disk_usage(path.absolute().parent)
    return DiskUse(wal.stat().st_size if wal.exists() else 0, disk.free, disk.total)


class FileIdentity:
    """Device and inode of the database file and of its log, into which the connections write.

    A removed, moved or replaced file lives on for the connections that have it open. The store would
    acknowledge their writes, and the writes would disappear with the last of these connections.

    Args:
        path: The database file; it and its log exist.
    """

    def __init__(self, path: Path) -> None:
        self._files = tuple((name, _key(name)) for name in (str(path), f"{path}-wal"))
        self._trouble = ""

    def check(self) -> None:
        """Check that the paths still name the open files.

        After the first failure each check fails, because the connections cannot change to another file.

        Raises:
            StoreUnavailable: Another program removed, moved or replaced a file.
        """
        if self._trouble:
            raise StoreUnavailable(self._trouble)
        for name, key in self._files:
            try:
                found = os.stat(name)  # noqa: PTH116 (each batch calls this: a third of the cost of a Path)
            except (FileNotFoundError, NotADirectoryError):
                self._refuse(f"{name} was removed or moved under the running server")
            except OSError as error:  # it may pass, so the next check looks at the files
                raise StoreUnavailable(f"{name} cannot be looked at: {error.strerror}") from error
            else:
                if (found.st_dev, found.st_ino) != key:
                    self._refuse(f"{name} was replaced under the running server")

    def _refuse(self, what: str) -> None:
        self._trouble = f"{what}: {_ADVICE}"
        raise StoreUnavailable(self._trouble)


def _key(path: Path | str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116
    return status.st_dev, status.st_ino
