"""Prunes and deletes in a PostgreSQL database; see `removal.Removal`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Row
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.copying.postgres_side import PostgresReading, translated
from dungeonfighter.storage.postgres_links import Connection
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

PRUNE_LOCK: Final = 4919046371025
"""The advisory lock of the one pruner of a database."""


class PostgresRemoval:
    """Short transactions over one connection; `open` makes one."""

    def __init__(self, connection: Connection, run_tables: Sequence[str]) -> None:
        self._connection = connection
        self._run_tables = run_tables
        self._sql = sql_files.queries("postgres", "pruning")

    @classmethod
    async def open(cls, url: str, name: str) -> PostgresRemoval:
        """Connect and check the schema.

        Args:
            url: `postgresql://user:password@host:port/name`, of the server itself, not of a pooler.
            name: The name of the database for people.

        Raises:
            StoreUnavailable: The server cannot be reached, or the schema is older.
        """
        reading = await PostgresReading.open(url, name)
        tables = await reading.tables()
        return cls(reading.connection, [table for table in RUN_TABLES if table in tables])

    async def claim(self) -> None:
        async with translated():
            if not await self._connection.fetchval(self._sql["lock_chore"], PRUNE_LOCK):
                what = "another one prunes this database now"
                raise StoreUnavailable(what, hint="wait for its end")

    async def candidates(self, after: str, cutoff: float, most: int) -> list[Candidate]:
        return [Candidate(*row) for row in await self._fetch("candidates", after, cutoff, most)]

    async def load(self, keys: Sequence[str]) -> dict[str, Row | None]:
        try:
            return {row[0]: Row(*row) for row in await self._fetch("load", keys)}
        except UnicodeDecodeError:
            if len(keys) == 1:
                return {keys[0]: None}
            half = len(keys) // 2
            return await self.load(keys[:half]) | await self.load(keys[half:])

    async def empty(self, rows: Sequence[tuple[Row, Row]]) -> Removed:
        columns: list[list[Any]] = [
            list(column)
            for column in zip(
                *(
                    (
                        before.bot_id, after.version, after.digest, after.episode, after.trail,
                        after.tokens_today, before.version, before.digest, before.tail,
                    )
                    for before, after in rows
                ),
                strict=True,
            )
        ]  # fmt: skip
        async with translated(), self._connection.transaction():
            won = await self._connection.fetch(self._sql["empty_games"], *columns)
            keys, episodes = [row[0] for row in won], [row[1] for row in won]
            inputs = await self._delete_of_runs("delete_begun_inputs", keys, episodes)
            saves = await self._deleted("delete_saves", keys)
        return Removed(len(won), 0, inputs, saves)

    async def forked(self) -> AsyncIterator[list[Run]]:
        key = ""
        while rows := await self._fetch("forked_games", key, PAGE_ROWS):
            key = rows[-1][0]
            yield forked_by_trails(map(tuple, rows))
        last = ("", 0)
        while rows := await self._fetch("forked_episodes", *last, PAGE_ROWS):
            last = tuple(rows[-1])[:2]
            yield forked_by_options(map(tuple, rows))

    async def trial(
        self, keys: Sequence[str], cutoff: float, emptied: Mapping[str, int], forked: Collection[Run]
    ) -> Step:
        async with translated(), self._connection.transaction(readonly=True):
            staying = [key for key in keys if key not in emptied]
            trail_of = dict(await self._connection.fetch(self._sql["trails"], staying))
            saves = await self._connection.fetchval(self._sql["count_old_saves"], keys, cutoff, list(emptied))
            runs, _ = await self._old_runs(keys, cutoff, None, trail_of, forked)
            parts = list({*runs, *emptied.items()})
            inputs = await self._connection.fetchval(self._sql["count_inputs"], *_columns(parts))
        return Step(Removed(len(emptied), len(runs), inputs, saves))

    async def prune(self, keys: Sequence[str], cutoff: float, most: int, forked: Collection[Run]) -> Step:
        async with translated(), self._connection.transaction():
            trail_of = dict(await self._connection.fetch(self._sql["lock_games"], keys))
            free = list(trail_of)
            saves = await self._deleted("delete_old_saves", free, cutoff)
            runs, has_more = await self._old_runs(free, cutoff, most, trail_of, forked)
            inputs = await self._delete_of_runs("delete_inputs", *_columns(runs))
            await self._deleted("delete_episodes", *_columns(runs))
        busy = [key for key in keys if key not in trail_of]
        return Step(Removed(0, len(runs), inputs, saves), has_more, busy)

    async def delete_up_to(self, key: str, episode: int) -> int:
        async with translated(), self._connection.transaction():
            deleted = await self._deleted("delete_inputs_up_to", key, episode, FEW_ROWS)
            deleted += await self._deleted("delete_episodes_up_to", key, episode, FEW_ROWS)
            for table in self._run_tables:
                if table != "run_inputs":
                    query = self._sql["delete_episodes_up_to"].replace("episodes", table)
                    deleted += _count(await self._connection.execute(query, key, episode, FEW_ROWS))
        return deleted

    async def give_back(self, most: int) -> bool:
        return False  # autovacuum lets the space be used again

    async def free_bytes(self) -> int:
        return 0

    async def close(self) -> None:
        await self._connection.close()

    async def _old_runs(
        self,
        keys: Sequence[str],
        cutoff: float,
        most: int | None,
        trail_of: Mapping[str, bytes],
        forked: Collection[Run],
    ) -> tuple[list[Run], bool]:
        """Return up to `most` runs (None: all) that may go, and True if there may be more.

        Args:
            keys: The bots.
            cutoff: Seconds since 1970.
            most: The greatest number of runs.
            trail_of: The trails of the bots whose present runs and saves stay.
            forked: The runs from which runs of other bots go on.
        """
        kept, damaged = kept_runs(
            trail_of,
            await self._connection.fetch(self._sql["continued_runs"], keys, cutoff),
            [*await self._connection.fetch(self._sql["saved_runs"], list(trail_of), cutoff), *forked],
        )
        sound = [key for key in keys if key not in damaged]
        count = None if most is None else most + len(kept)
        found = await self._connection.fetch(self._sql["old_runs"], sound, cutoff, count)
        runs = [(key, episode) for key, episode in found if (key, episode) not in kept]
        return runs[:most], len(found) == count

    async def _delete_of_runs(self, name: str, bots: list[str], episodes: list[int]) -> int:
        """Delete by a statement about `run_inputs` in each table of runs; return the number of inputs."""
        inputs = 0
        for table in self._run_tables:
            query = self._sql[name].replace("run_inputs", table)
            deleted = _count(await self._connection.execute(query, bots, episodes))
            inputs += deleted if table == "run_inputs" else 0
        return inputs

    async def _deleted(self, name: str, *values: Any) -> int:
        return _count(await self._connection.execute(self._sql[name], *values))

    async def _fetch(self, name: str, *values: Any) -> list[Any]:
        async with translated():
            rows: list[Any] = await self._connection.fetch(self._sql[name], *values)
            return rows


def _columns(runs: Sequence[tuple[str, int]]) -> tuple[list[str], list[int]]:
    return [key for key, _ in runs], [episode for _, episode in runs]


def _count(status: str) -> int:
    """Return the number of rows from the status of a statement, such as `DELETE 3`."""
    return int(status.rpartition(" ")[2])
