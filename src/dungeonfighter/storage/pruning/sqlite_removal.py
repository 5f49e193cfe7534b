"""Prunes and deletes in a SQLite file; see `removal.Removal`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from dungeonfighter.errors import Corrupt, StoreUnavailable
from dungeonfighter.hosting.ports import Row
from dungeonfighter.storage import sql_files, sqlite_schema
from dungeonfighter.storage.pruning.removal import (
    FEW_ROWS,
    PAGE_ROWS,
    RUN_TABLES,
    Candidate,
    Removed,
    Run,
    Step,
    forked_by_options,
    forked_by_trails,
    kept_runs,
)
from dungeonfighter.storage.sqlite_chores import SqliteChores
from dungeonfighter.storage.sqlite_connection import unavailable
from dungeonfighter.storage.wall_clock import wall_seconds


class SqliteRemoval:
    """Short write transactions in the order of the servers' writers.

    Args:
        path: The database file.
        wall: Returns seconds since 1970.

    Raises:
        StoreUnavailable: There is no such database, or its schema is older.
    """

    def __init__(self, path: Path, wall: Callable[[], float] = wall_seconds) -> None:
        self._sql = sql_files.queries("sqlite", "pruning")
        self._wall = wall
        self._chores = SqliteChores(path)
        try:
            sqlite_schema.check_not_older(self._chores.connection)
        except BaseException:
            self._chores.close()
            raise

    async def claim(self) -> None:
        if not self._chores.is_only_one("prune"):
            what = f"another one prunes {self._chores.path} now"
            raise StoreUnavailable(what, hint="wait for its end")

    async def candidates(self, after: str, cutoff: float, most: int) -> list[Candidate]:
        rows = self._read("candidates", (after, cutoff, most))
        return [Candidate(key, bool(is_idle), bool(has_old)) for key, is_idle, has_old in rows]

    async def load(self, keys: Sequence[str]) -> dict[str, Row | None]:
        try:
            return {row[0]: Row(*row) for row in self._read("load", (json.dumps(keys),))}
        except Corrupt:
            if len(keys) == 1:
                return {keys[0]: None}
            half = len(keys) // 2
            return await self.load(keys[:half]) | await self.load(keys[half:])

    async def empty(self, rows: Sequence[tuple[Row, Row]]) -> Removed:
        removed = Removed()
        now = self._wall()
        with self._chores.transaction() as connection:
            for before, after in rows:
                connection.execute(
                    self._sql["empty_game"],
                    (
                        after.version, after.digest, after.episode, after.turn, after.rules, after.state,
                        after.trail, after.directive, after.tokens_today, now, before.bot_id,
                        before.version, before.digest, before.tail,
                    ),
                )  # fmt: skip
                if connection.changes() != 1:
                    continue
                removed.bots += 1
                run = (before.bot_id, before.episode)
                for table in self._run_tables():
                    query = self._sql["delete_begun_inputs"].replace("run_inputs", table)
                    deleted = _changed(connection, query, run)
                    removed.inputs += deleted if table == "run_inputs" else 0
                removed.saves += _changed(connection, self._sql["delete_saves"], run[:1])
        return removed

    async def forked(self) -> AsyncIterator[list[Run]]:
        key = ""
        while rows := self._read("forked_games", (key, PAGE_ROWS)):
            key = rows[-1][0]
            yield forked_by_trails(rows)
        last = ("", 0)
        while rows := self._read("forked_episodes", (*last, PAGE_ROWS)):
            last = rows[-1][:2]
            yield forked_by_options(rows)

    async def trial(
        self, keys: Sequence[str], cutoff: float, emptied: Mapping[str, int], forked: Collection[Run]
    ) -> Step:
        ((saves,),) = self._read("count_old_saves", (json.dumps(keys), cutoff, json.dumps(list(emptied))))
        runs, _ = self._old_runs(keys, cutoff, -1, forked, emptied)
        parts = {*runs, *emptied.items()}
        inputs = sum(self._read("count_inputs", run)[0][0] for run in parts)
        return Step(Removed(len(emptied), len(runs), inputs, saves))

    async def prune(self, keys: Sequence[str], cutoff: float, most: int, forked: Collection[Run]) -> Step:
        with self._chores.transaction() as connection:
            saves = _changed(connection, self._sql["delete_old_saves"], (json.dumps(keys), cutoff))
            runs, has_more = self._old_runs(keys, cutoff, most, forked)
            inputs = 0
            for table in self._run_tables():
                query = self._sql["delete_inputs"].replace("run_inputs", table)
                deleted = sum(_changed(connection, query, run) for run in runs)
                inputs += deleted if table == "run_inputs" else 0
            connection.executemany(self._sql["delete_episode"], runs)
        return Step(Removed(0, len(runs), inputs, saves), has_more)

    async def delete_up_to(self, key: str, episode: int) -> int:
        deleted = 0
        with self._chores.transaction() as connection:
            values = (key, episode, FEW_ROWS)
            deleted += _changed(connection, self._sql["delete_inputs_up_to"], values)
            deleted += _changed(connection, self._sql["delete_episodes_up_to"], values)
            for table in self._run_tables():
                if table != "run_inputs":
                    query = self._sql["delete_episodes_up_to"].replace("episodes", table)
                    deleted += _changed(connection, query, values)
        return deleted

    async def give_back(self, most: int) -> bool:
        if self._chores.connection.execute("pragma auto_vacuum").get != 2:
            return False
        with self._chores.alone() as connection:
            connection.execute(f"pragma incremental_vacuum({most})").fetchall()
        return bool(self._chores.connection.execute("pragma freelist_count").get)

    async def free_bytes(self) -> int:
        connection = self._chores.connection
        pages = connection.execute("pragma freelist_count").get
        return int(pages * connection.execute("pragma page_size").get)

    async def close(self) -> None:
        self._chores.close()

    def compact(self, *, shrinks: bool) -> None:
        """Rewrite the whole file without its free pages; writers wait meanwhile.

        Args:
            shrinks: Let later calls of `give_back` shrink the file.
        """
        with self._chores.alone() as connection:
            if shrinks:
                connection.execute("pragma auto_vacuum=incremental").fetchall()
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    def _old_runs(
        self,
        keys: Sequence[str],
        cutoff: float,
        most: int,
        forked: Collection[Run],
        emptied: Collection[str] = (),
    ) -> tuple[list[Run], bool]:
        """Return up to `most` runs (-1: all) that may go, and True if there may be more.

        The present runs and the saves of bots in `emptied` keep nothing.
        """
        named = json.dumps(keys)
        staying = json.dumps([key for key in keys if key not in emptied])
        kept, damaged = kept_runs(
            dict(self._read("lock_games", (staying,))),
            self._read("continued_runs", (named, cutoff)),
            [*self._read("saved_runs", (staying, cutoff)), *forked],
        )
        free = json.dumps([key for key in keys if key not in damaged])
        count = most + len(kept) if most >= 0 else -1
        found = [tuple(run) for run in self._read("old_runs", (free, cutoff, count))]
        runs = [run for run in found if run not in kept]
        return runs[:most] if most >= 0 else runs, len(found) == count

    def _run_tables(self) -> list[str]:
        rows = self._chores.connection.execute("select name from sqlite_master where type = 'table'")
        there = {name for (name,) in rows}
        return [table for table in RUN_TABLES if table in there]

    def _read(self, name: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._chores.connection.execute(self._sql[name], values).fetchall()
        except UnicodeDecodeError as error:
            raise Corrupt("a text of the database is not UTF-8", hint="`db verify` names its row") from error
        except apsw.Error as error:
            raise unavailable(error) from error


def _changed(connection: apsw.Connection, query: str, values: tuple[Any, ...]) -> int:
    connection.execute(query, values)
    return connection.changes()
