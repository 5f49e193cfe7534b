"""A file that gets its name only when it is complete and on the disk.

The content goes to `<name>.unfinished` in the same folder, which only its owner may read. A finished file is
synced, renamed, and the folder is synced too. So whatever ends the process, no incomplete file has the name
of a complete one. The next attempt writes over what a killed one left behind.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dungeonfighter.errors import StoreError

SUFFIX: Final = ".unfinished"
_MODE: Final = 0o600
_WAY_OUT: Final = "choose another name, or add --force"
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""SQLite keeps these files beside a database; beside another database they would damage it."""


class UnfinishedFile:
    """A file under construction; a context manager that removes it at the end unless `finish` was called.

    Args:
        target: The name of the finished file.
        overwrite: Let `finish` replace a file of this name.
        way_out: The advice if there is one.

    Raises:
        StoreError: The target exists, is a folder or a database in use, or its folder is missing or cannot be
            written; or another process is writing to the same target.
    """

    def __init__(self, target: Path, *, overwrite: bool = False, way_out: str = _WAY_OUT) -> None:
        self._target = target.absolute()
        self._overwrite = overwrite
        self._way_out = way_out
        self.path = self._target.with_name(self._target.name + SUFFIX)
        """The name of the file until it is finished."""
        self._check()
        self.descriptor = self._open()
        """Open for reading and writing; closing it releases all POSIX locks of the process on the file."""
        self._is_finished = False

    def finish(self) -> None:
        """Sync the file, give it its name, and sync the folder.

        Raises:
            StoreError: Meanwhile a file of this name appeared, or the disk failed.
        """
        self._check()
        try:
            os.fsync(self.descriptor)
            self.path.replace(self._target)
            self._is_finished = True
            _sync_folder(self._target.parent)
        except OSError as error:
            raise cannot_write(self._target, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_finished:
            for ending in ("", *_COMPANIONS):
                with contextlib.suppress(OSError):
                    Path(f"{self.path}{ending}").unlink()
        os.close(self.descriptor)

    def _check(self) -> None:
        target = self._target
        if target.is_dir():
            raise StoreError(f"{target} is a folder", hint="name a file")
        if not target.parent.is_dir():
            raise StoreError(f"there is no folder {target.parent}", hint="make it first")
        for ending in _COMPANIONS:
            if Path(f"{target}{ending}").exists():
                raise StoreError(
                    f"{target.name}{ending} lies beside {target}: a database of this name is in use, or was",
                    hint="choose another name",
                )
        if target.exists() and not self._overwrite:
            raise StoreError(f"{target} exists; it was left alone", hint=self._way_out)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self.path, flags, _MODE)
            try:
                self._lock(descriptor)
                if sys.platform != "win32":
                    os.fchmod(descriptor, _MODE)
                os.ftruncate(descriptor, 0)
                for ending in _COMPANIONS:
                    Path(f"{self.path}{ending}").unlink(missing_ok=True)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return descriptor

    def _lock(self, descriptor: int) -> None:
        """Lock the file, so that a second attempt neither shortens it nor gives it its name."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_ours = False
        else:
            is_ours = self.path.exists() and os.path.samestat(self.path.stat(), os.fstat(descriptor))
        if not is_ours:
            raise StoreError(f"another process is writing {self.path}", hint="wait for its end")


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Translate an error of the file system about a file that was to be written."""
    why = (error.strerror or str(error)).lower()
    return StoreError(f"{path} cannot be written: {why}", hint="nothing incomplete was left under its name")


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if sys.platform != "win32":
    import fcntl
