"""The SQLite library that the embedded store uses, and the fault of older ones that it must work around."""

from __future__ import annotations

from typing import Final

import apsw

Version = tuple[int, int, int]

_BUG_BEGAN: Final[Version] = (3, 7, 0)
_BUG_ENDED: Final[Version] = (3, 51, 3)
_BACK_PORTED: Final[tuple[Version, ...]] = ((3, 44, 6), (3, 50, 7))
"""The first fixed release of an older series; later ones of the same series are fixed as well."""


def library_version() -> Version:
    """Return the version of the library that runs, not of the one that was compiled against."""
    major, minor, patch = apsw.sqlite_lib_version().split(".")[:3]
    return int(major), int(minor), int(patch)


def has_wal_reset_bug(version: Version) -> bool:
    """Tell if a checkpoint beside a commit may lose commits with this version.

    The checkpoint that begins right after a complete one may note pages as moved that a commit, which begins
    the log anew at that moment, has yet to write. A later checkpoint skips them.

    Source: SQLite, "Write-Ahead Logging", section 11; docs/decisions/016-sqlite-with-its-own-library.md.
    """
    if not _BUG_BEGAN <= version < _BUG_ENDED:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in _BACK_PORTED)


def shown(version: Version) -> str:
    """Spell a version as SQLite does."""
    return ".".join(map(str, version))
