"""The kinds of backup files, known by their first bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from dungeonfighter.errors import StoreError

Kind = Literal["sqlite", "postgresql"]

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = ((b"SQLite format 3\0", "sqlite"), (b"PGDMP", "postgresql"))


def kind_of(path: Path) -> Kind:
    """Return the kind of store that a backup file is of.

    Raises:
        StoreError: The file cannot be read, or is no complete backup.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {(error.strerror or os.strerror(error.errno or 0)).lower()}",
            hint="name a file that `dungeonfighter db backup` wrote",
        ) from error
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    raise StoreError(
        f"{path} is no backup: neither a database of SQLite nor an archive of pg_dump",
        hint="name a file that `dungeonfighter db backup` wrote",
    )
