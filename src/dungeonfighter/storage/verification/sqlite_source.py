"""Reads a SQLite database for a verification, in short transactions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import apsw

from dungeonfighter.storage import sql_files
from dungeonfighter.storage.sqlite_connection import unavailable
from dungeonfighter.storage.verification.findings import BASES, LAST_KEY, Columns, Damaged

_TEXTS: Final = {
    "verify_games": (0, 5, 8), "verify_game": (0, 5, 8), "verify_keys": (0,), "verify_saves": (0, 1, 2),
    "verify_runs": (0, 2, 4, 5, 9), "verify_inputs": (0, 3),
    "verify_bases": (0, 3),
}  # fmt: skip
"""The columns that are texts, by query; SQLite returns them as bytes, because they may not be UTF-8."""
_ABOVE_ALL: Final = b"\xff" * 8
"""Above every key, a damaged one too."""


class SqliteSource:
    """See `findings.Source`.

    Args:
        connection: A connection that reads only; `close` closes it.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._sql = sql_files.queries("sqlite")

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        try:
            self._connection.execute("begin")
            yield
        except apsw.Error as error:
            raise unavailable(error) from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("rollback")

    async def select(self, name: str, *values: str | int) -> list[Columns]:
        texts = _TEXTS[name]
        bound = [_bound(value) for value in values]
        try:
            rows: list[Any] = self._connection.execute(self._sql[name], bound).fetchall()
        except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
            raise Damaged("a page of the file is damaged") from error
        except apsw.SQLError:
            if name != BASES:
                raise
            return []  # a schema before migration 006
        except apsw.IOError as error:
            raise Damaged("the disk cannot read a page of the file") from error
        except apsw.Error as error:
            raise unavailable(error) from error
        return [_with_texts(row, texts) for row in rows]

    async def count(self) -> int:
        try:
            return int(self._connection.execute(self._sql["count_keys"]).get)
        except (apsw.CorruptError, apsw.NotADBError):
            return 0
        except apsw.Error as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        self._connection.close()


def _bound(value: str | int) -> bytes | int:
    if value == LAST_KEY:
        return _ABOVE_ALL
    return value.encode(errors="surrogateescape") if isinstance(value, str) else value


def _with_texts(row: tuple[Any, ...], texts: tuple[int, ...]) -> Columns:
    columns = list(row)
    for number in texts:
        if isinstance(columns[number], bytes):
            columns[number] = columns[number].decode(errors="surrogateescape")
    return tuple(columns)
