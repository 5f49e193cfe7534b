"""The version of the SQLite library, and the bug of older versions that the store must work around."""

from __future__ import annotations

from typing import Final

import apsw

Version = tuple[int, int, int]

_BUG_BEGAN: Final[Version] = (3, 7, 0)
_BUG_ENDED: Final[Version] = (3, 51, 3)
_BACK_PORTED: Final[tuple[Version, ...]] = ((3, 44, 6), (3, 50, 7))
"""The first release of each older series that has the fix; later releases of the series have it too."""


def library_version() -> Version:
    """Return the version of the library in use, not of the one that the driver was compiled against."""
    major, minor, patch = apsw.sqlite_lib_version().split(".")[:3]
    return int(major), int(minor), int(patch)


def has_wal_reset_bug(version: Version) -> bool:
    """Return True if this version can lose commits when a checkpoint runs at the same time as a commit.

    A checkpoint that begins right after a complete one can mark pages as moved that a commit, which restarts
    the log at that moment, has yet to write. A later checkpoint skips these pages.

    Source: SQLite, "Write-Ahead Logging", section 11; docs/decisions/016-sqlite-with-its-own-library.md.
    """
    if not _BUG_BEGAN <= version < _BUG_ENDED:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in _BACK_PORTED)


def shown(version: Version) -> str:
    return ".".join(map(str, version))
