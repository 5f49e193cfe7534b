"""A look at a SQLite database without a store: read-only, in short transactions.

A long read would keep the log of the running servers from beginning anew, so a list reads the table in
slices. A database that nobody uses is read without its log, so that no file is created; should a server
start meanwhile, the slice is read again with the log.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting.daily_tokens import tokens_on_day
from dungeonfighter.hosting.ports import AccessToken, Row, Save, StoredRun
from dungeonfighter.storage import sql_files, sqlite_reads, sqlite_schema
from dungeonfighter.storage.inspection import (
    ListedBot,
    ListedRun,
    Order,
    RunPlace,
    first_places,
    sort_key,
)
from dungeonfighter.storage.save_rows import from_json
from dungeonfighter.storage.sqlite_connection import (
    Waiting,
    check_existing,
    connect_to_read,
    is_unused,
    unavailable,
)

_Result = TypeVar("_Result")
_SLICE_ROWS: Final = 5_000
_WAIT_SECONDS: Final = 10.0


class SqliteInspection:
    """See `inspection.Inspection`.

    Args:
        path: The database file.

    Raises:
        StoreUnavailable: There is no such database, or it has an older schema.
        SchemaTooNew: Its schema is newer than this release.
    """

    def __init__(self, path: Path) -> None:
        check_existing(path)
        self._path = path
        self._sql = sql_files.queries("sqlite")
        self._waiting = Waiting()
        try:
            self._is_immutable = is_unused(path)
            self._connection = connect_to_read(path, self._waiting, is_immutable=self._is_immutable)
            self._waiting.at_most(_WAIT_SECONDS)
            sqlite_schema.check_not_older(self._connection)
        except apsw.Error as error:
            raise unavailable(error) from error

    async def top(self, by: Order, prefix: str, count: int, day: int) -> list[ListedBot]:
        key = sort_key(by, partial(tokens_on_day, day=day))
        return heapq.nsmallest(count, self._scan(prefix), key)

    async def row(self, key: str) -> Row | None:
        found = self._select("load", (json.dumps([key]),))
        return Row(*found[0]) if found else None

    async def saves(self, key: str) -> list[Save]:
        return [from_json(*row, with_state=False) for row in self._select("list_saves", (key,))]

    async def runs(self, key: str, count: int) -> tuple[int, list[ListedRun]]:
        ((total,),) = self._select("count_episodes", (key,))
        lines = [
            ListedRun(episode, result.decode(errors="replace"), turns, score, ended_at)
            for episode, result, turns, score, ended_at in self._select("last_episodes", (key, count))
        ]
        return int(total), lines

    async def runs_after(self, prefix: str, last: RunPlace, count: int) -> list[RunPlace]:
        values = (*last, prefix, sql_files.after_prefix(prefix), count)
        ended = [(key.decode(errors="replace"), number) for key, number in self._select("runs_after", values)]
        rows = self._select("present_runs_after", values)
        return first_places(ended, ((key.decode(errors="replace"), number) for key, number in rows), count)

    async def stored_run(self, key: str, episode: int) -> StoredRun:
        return self._read(lambda: sqlite_reads.stored_run(self._connection, key, episode))

    async def secret(self, name: str) -> bytes | None:
        found = self._select("secret", (name,))
        return bytes(found[0][0]) if found else None

    async def tokens(self) -> list[AccessToken]:
        rows = self._select("tokens_after", (0,))
        return [AccessToken(*(*row[:5], bool(row[5]), *row[6:])) for row in rows]

    async def close(self) -> None:
        self._connection.close()

    def _scan(self, prefix: str) -> Iterator[ListedBot]:
        """Yield the bots with a run whose key starts with `prefix`, in the order of the file."""
        last = -1
        while rows := self._select("scan_bots", (last, _SLICE_ROWS)):
            for last, key, *numbers, has_run in rows:  # noqa: B007 (used after the loop)
                text = key.decode(errors="replace")
                if has_run and text.startswith(prefix):
                    yield ListedBot(text, *numbers)

    def _select(self, name: str, values: tuple[str | int, ...]) -> list[Any]:
        return self._read(lambda: self._connection.execute(self._sql[name], values).fetchall())

    def _read(self, work: Callable[[], _Result]) -> _Result:
        self._waiting.at_most(_WAIT_SECONDS)
        try:
            if not self._is_immutable:
                return work()
            with contextlib.suppress(apsw.Error):  # a server may have written to the file meanwhile
                found = work()
                if is_unused(self._path):
                    return found
            self._connection.close()
            self._is_immutable = False
            self._connection = connect_to_read(self._path, self._waiting, is_immutable=False)
            return work()
        except UnicodeDecodeError as error:
            raise Corrupt("a text that the database keeps of this bot is not UTF-8") from error
        except apsw.Error as error:
            raise unavailable(error) from error
