"""The ranked runs of a PostgreSQL database; see `hosting.ranked_runs`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from dungeonfighter.hosting.ranked_runs import TRIES_MAX, Check, RankedRun, Selection
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.postgres_links import Connection
from dungeonfighter.storage.ranked_rows import best_query, check_values, ranked_run

_Rows = Coroutine[Any, Any, list[Any]]
_Run = Callable[[Callable[[Connection], _Rows]], _Rows]


class PostgresRankedRuns:
    """The ranked runs of one database.

    Args:
        read, write: Run work over a connection for reading and over one for writing.
        read_list: Runs work that lists runs of others, whose newest may be missing: a replica will do.
    """

    def __init__(self, read: _Run, write: _Run, read_list: _Run) -> None:
        self._read = read
        self._write = write
        self._read_list = read_list
        self._sql = sql_files.queries("postgres", "ranked_runs")

    async def claim_runs(
        self, rules: Sequence[str], count: int, lease_seconds: float, *, retried: bool = False
    ) -> list[RankedRun]:
        return await self._change("claim_runs", lease_seconds, retried, TRIES_MAX, list(rules), count)

    async def release_runs(self, runs: Sequence[RankedRun]) -> None:
        await self._each("release_run", [(run.key, run.ended.episode, run.tries) for run in runs])

    async def put_checks(self, checks: Sequence[Check]) -> list[bool]:
        return await self._each("put_check", [check_values(check) for check in checks])

    async def set_runs_aside(self, rules: Sequence[str], unshipped_seconds: float) -> list[RankedRun]:
        return await self._change("set_runs_aside", TRIES_MAX, unshipped_seconds, list(rules))

    async def doubt_runs(self, runs: Sequence[RankedRun]) -> int:
        rows = [(run.key, run.ended.episode, run.attestation) for run in runs]
        return sum(await self._each("doubt_run", rows))

    async def best(self, selection: Selection, count: int) -> list[RankedRun]:
        name, values = best_query(selection, count)
        return await self._list(self._read_list, name, *values)

    async def last(self, selection: Selection, count: int) -> list[RankedRun]:
        values = (selection.mode, selection.rules, selection.fleet, count)
        return await self._list(self._read_list, "last_ranked", *values)

    async def count_pending(self, selection: Selection, most: int) -> int:
        values = (selection.mode, selection.rules, selection.fleet, selection.seed, most)
        return int((await self._select(self._read_list, "count_pending", *values))[0][0])

    async def ranked_run(self, key: str, episode: int) -> RankedRun | None:
        return next(iter(await self._list(self._read, "ranked_run", key, episode)), None)

    async def first_daily_run(self, key: str, seed: int) -> int:
        return (await self._select(self._read, "first_daily_run", key, seed))[0][0] or 0

    async def name_fleet(self, fleet: str, public_name: str) -> bool:
        if not public_name:
            await self._each("unname_fleet", [(fleet,)])
            return True
        return (await self._each("name_fleet", [(fleet, public_name)]))[0]

    async def fleet_names(self, fleets: Sequence[str]) -> Mapping[str, str]:
        return dict(await self._select(self._read_list, "fleet_names", list(fleets)))

    async def _list(self, read: _Run, name: str, *values: object) -> list[RankedRun]:
        return [ranked_run(row) for row in await self._select(read, name, *values)]

    async def _select(self, read: _Run, name: str, *values: object) -> list[Any]:
        return await read(lambda connection: self._fetch(connection, name, values))

    async def _change(self, name: str, *values: object) -> list[RankedRun]:
        """Change runs by one statement; return them as they are then."""
        rows = await self._write(lambda connection: self._fetch(connection, name, values))
        return [ranked_run(row) for row in rows]

    async def _each(self, name: str, rows: Sequence[tuple[object, ...]]) -> list[bool]:
        """Execute a statement for each row in one transaction; return where it changed something."""

        async def execute(connection: Connection) -> list[bool]:
            async with connection.transaction():
                return [bool(await self._fetch(connection, name, row)) for row in rows]

        return await self._write(execute) if rows else []

    async def _fetch(self, connection: Connection, name: str, values: Sequence[object]) -> list[Any]:
        rows: list[Any] = await connection.fetch(self._sql[name], *values)
        return rows
