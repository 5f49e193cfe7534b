"""The files of a SQLite database as the file system has them: which ones they are, and syncing them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from dungeonfighter.errors import StoreUnavailable

_sync: Final = getattr(os, "fdatasync", os.fsync)
_ADVICE: Final = (
    "nothing is written any more, and what was acknowledged before is in the former file; "
    "to restore a backup, stop every server of this database first, then start them again"
)


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
        """Return the one for this file; the user releases it."""
        with cls._guard:
            key = _key(path)
            file = cls._open.get(key)
            if file is None:
                file = cls._open[key] = cls(key, os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
            file._users += 1
            return file

    @classmethod
    def is_open(cls, path: Path) -> bool:
        """Tell if a store of this process has it open: then nobody may open and close it otherwise."""
        with cls._guard:
            return _key(path) in cls._open

    def sync(self) -> None:
        """Write what is only in the system's memory to the disk."""
        _sync(self._descriptor)

    def release(self) -> None:
        with self._guard:
            self._users -= 1
            if not self._users:
                del self._open[self._key]
                os.close(self._descriptor)


class FileIdentity:
    """Device and inode of a database file and of its log: the connections write into these, and no others.

    A file that was removed, moved or replaced lives on for the connections that have it open. What they write
    would be acknowledged, and gone with the last of them.

    Args:
        path: The database file; it and its log exist.
    """

    def __init__(self, path: Path) -> None:
        self._files = tuple((name, _key(name)) for name in (str(path), f"{path}-wal"))
        self._trouble = ""

    def check(self) -> None:
        """See that the paths still name the files that are open.

        Once they did not, the store stays refused: the connections cannot follow.

        Raises:
            StoreUnavailable: A file was removed, moved or replaced.
        """
        if self._trouble:
            raise StoreUnavailable(self._trouble)
        for name, key in self._files:
            try:
                found = os.stat(name)  # noqa: PTH116 (in every batch: a third of what a Path costs)
            except (FileNotFoundError, NotADirectoryError):
                self._refuse(f"{name} was removed or moved under the running server")
            except OSError as error:  # now, not for ever
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
