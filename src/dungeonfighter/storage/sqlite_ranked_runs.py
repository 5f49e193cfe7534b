"""The ranked runs of a SQLite file; see `hosting.ranked_runs`."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import apsw

from dungeonfighter.hosting.ranked_runs import TRIES_MAX, Check, RankedRun, Selection
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.ranked_rows import best_query, check_values, ranked_run

_Result = TypeVar("_Result")
_Values = tuple[Any, ...]
_BEGIN: Final = "begin immediate"


class _Run(Protocol):
    """Runs work over a connection of the store, in the thread of the connection."""

    def __call__(self, work: Callable[[apsw.Connection], _Result], /) -> Coroutine[Any, Any, _Result]: ...


class SqliteRankedRuns:
    """The ranked runs of one file.

    Args:
        read, write: Run work over a reading and over the writing connection of the store.
        wall: Returns the time in seconds since 1970.
    """

    def __init__(self, read: _Run, write: _Run, wall: Callable[[], float]) -> None:
        self._read = read
        self._write = write
        self._wall = wall
        self._sql = sql_files.queries("sqlite", "ranked_runs")

    async def claim_runs(
        self, rules: Sequence[str], count: int, lease_seconds: float, *, retried: bool = False
    ) -> list[RankedRun]:
        now = self._wall()
        return await self._change(
            "claim_runs", (now + lease_seconds, now, retried, TRIES_MAX, json.dumps(list(rules)), count)
        )

    async def release_runs(self, runs: Sequence[RankedRun]) -> None:
        await self._each("release_run", [(run.key, run.ended.episode, run.tries) for run in runs])

    async def put_checks(self, checks: Sequence[Check]) -> list[bool]:
        return await self._each("put_check", [check_values(check) for check in checks])

    async def set_runs_aside(self, rules: Sequence[str], unshipped_seconds: float) -> list[RankedRun]:
        now = self._wall()
        values = (now, TRIES_MAX, now - unshipped_seconds, json.dumps(list(rules)))
        return await self._change("set_runs_aside", values)

    async def doubt_runs(self, runs: Sequence[RankedRun]) -> int:
        rows = [(run.key, run.ended.episode, run.attestation) for run in runs]
        return sum(await self._each("doubt_run", rows))

    async def best(self, selection: Selection, count: int) -> list[RankedRun]:
        return await self._list(*best_query(selection, count))

    async def last(self, selection: Selection, count: int) -> list[RankedRun]:
        return await self._list("last_ranked", (selection.mode, selection.rules, selection.fleet, count))

    async def count_pending(self, selection: Selection, most: int) -> int:
        values = (selection.mode, selection.rules, selection.fleet, selection.seed, most)
        return int((await self._select("count_pending", values))[0][0])

    async def ranked_run(self, key: str, episode: int) -> RankedRun | None:
        return next(iter(await self._list("ranked_run", (key, episode))), None)

    async def first_daily_run(self, key: str, seed: int) -> int:
        return (await self._select("first_daily_run", (key, seed)))[0][0] or 0

    async def name_fleet(self, fleet: str, public_name: str) -> bool:
        if not public_name:
            await self._each("unname_fleet", [(fleet,)])
            return True
        return (await self._each("name_fleet", [(fleet, public_name)]))[0]

    async def fleet_names(self, fleets: Sequence[str]) -> Mapping[str, str]:
        return dict(await self._select("fleet_names", (json.dumps(list(fleets)),)))

    async def _list(self, name: str, values: _Values) -> list[RankedRun]:
        return [ranked_run(row) for row in await self._select(name, values)]

    async def _select(self, name: str, values: _Values) -> list[Any]:
        def select(reading: apsw.Connection) -> list[Any]:
            return reading.execute(self._sql[name], values).fetchall()

        return await self._read(select)

    async def _change(self, name: str, values: _Values) -> list[RankedRun]:
        """Change runs by one statement; return them as they are then."""

        def change(writing: apsw.Connection) -> list[Any]:
            return writing.execute(self._sql[name], values).fetchall()

        return [ranked_run(row) for row in await self._write(change)]

    async def _each(self, name: str, rows: Sequence[_Values]) -> list[bool]:
        """Execute a statement for each row in one transaction; return where it changed something."""

        def execute(writing: apsw.Connection) -> list[bool]:
            done = []
            writing.execute(_BEGIN)
            for row in rows:
                writing.execute(self._sql[name], row)
                done.append(writing.changes() > 0)
            writing.execute("commit")
            return done

        return await self._write(execute) if rows else []
