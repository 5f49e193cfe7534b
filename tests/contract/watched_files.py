"""A file system for SQLite that lets a test observe writes and make them fail.

It is a shim over the file system of the platform, so its writes reach real files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

_BASE = "unix"
_NAME = "watched"


class WatchedFiles(apsw.VFS):
    """Calls `on_write(kind)` before each write; kind is database, log or other; it may raise `apsw.Error`."""

    def __init__(self, on_write: Callable[[str], None]) -> None:
        super().__init__(_NAME, _BASE)
        self.on_write = on_write

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 (SQLite's name)
        return _File(name, flags, self)


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], files: WatchedFiles) -> None:
        super().__init__(_BASE, name, flags)
        self._files = files
        self._kind = "other"
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            self._kind = "database"
        elif flags[0] & apsw.SQLITE_OPEN_WAL:
            self._kind = "log"

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 (SQLite's name)
        self._files.on_write(self._kind)
        super().xWrite(data, offset)


@contextmanager
def watched_files(on_write: Callable[[str], None]) -> Iterator[None]:
    """Make every connection that opens in this block write through a `WatchedFiles`."""
    files = WatchedFiles(on_write)
    apsw.set_default_vfs(_NAME)
    try:
        yield
    finally:
        apsw.set_default_vfs(_BASE)
        files.unregister()
