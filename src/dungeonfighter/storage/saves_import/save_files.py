"""Finds the save files below the given paths, and reads one; no link, pipe or huge file can do harm.

A folder is walked without following symbolic links, so the walk ends, and no file outside of it is read. A
path that the caller names may be a link itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter.storage.saves_import.hostile_json import BadSave

SAVE_BYTES_MAX: Final = 4_194_304
"""The largest known save has 30 kB."""
_SUFFIX: Final = ".json"
_TOMBSTONE: Final = "_dead.json"
"""The end of the name of a dead hero's file."""


class SaveFile(Struct, frozen=True):
    """One file to import; with a reason in `skipped` it is not looked at, with one in `bad` it cannot be."""

    path: str
    skipped: str = ""
    bad: str = ""

    @property
    def is_tombstone(self) -> bool:
        return self.path.lower().endswith(_TOMBSTONE)


def find_files(paths: Iterable[str], *, ignored: str = "") -> Iterator[SaveFile]:
    """Yield the files that the paths name, those of a folder in the order of their names.

    Args:
        paths: Files and folders.
        ignored: The real path of a file that is left out, the report of this import.
    """
    for path in paths:
        try:
            mode = Path(path).stat().st_mode
        except (OSError, ValueError) as error:
            yield SaveFile(path, bad=_reason(error))
            continue
        if stat.S_ISDIR(mode):
            yield from _walk(path, ignored)
        else:
            yield SaveFile(path)


def _walk(folder: str, ignored: str) -> Iterator[SaveFile]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield SaveFile(here, bad=_reason(error))
            continue
        folders = []
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not (ignored and os.path.realpath(entry.path) == ignored):
                    yield _judged(entry)
            except OSError as error:
                yield SaveFile(entry.path, bad=_reason(error))
        waiting += reversed(folders)


def _judged(entry: os.DirEntry[str]) -> SaveFile:
    """Return the file of an entry of a folder; all but regular files called *.json are skipped."""
    if entry.is_symlink():
        return SaveFile(entry.path, skipped="a symbolic link; name the file it leads to")
    if not entry.name.lower().endswith(_SUFFIX):
        return SaveFile(entry.path, skipped="not called *.json; name the file itself to import it")
    if not entry.is_file(follow_symlinks=False):
        return SaveFile(entry.path, skipped="no regular file")
    return SaveFile(entry.path)


def read_save(path: str) -> bytes:
    """Read a file completely.

    Raises:
        BadSave: It is no regular file, is too large, or cannot be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise BadSave(_reason(error)) from error
    with open(number, "rb", buffering=0) as file:  # noqa: PTH123 (the file is open already)
        try:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):
                raise BadSave("no regular file")
            parts = []
            left = SAVE_BYTES_MAX + 1
            while left and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise BadSave(_reason(error)) from error
    if not left:
        raise BadSave(f"more than {SAVE_BYTES_MAX} bytes: no save is so large")
    return b"".join(parts)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "this is no path"
