"""The two targets of an import: a store, and a database that is only looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from dungeonfighter.errors import Corrupt, NotWritten, StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Outcome, Row, Store, Unsettled, Won, Write

_ATTEMPTS: Final = 5
_PAUSE_FIRST_SECONDS: Final = 0.2


class StoreTarget:
    """Writes to a store, and settles every outcome that is unknown."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trouble = ""
        """The last failure in words."""

    async def rows(self, keys: Sequence[str]) -> list[Row | None]:
        return await self._store.load(keys)

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Write new bots; see `importer.Target.write`."""
        settled: dict[str, Outcome] = {}
        waiting = list(writes)
        pause = _PAUSE_FIRST_SECONDS
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(pause)
                pause *= 2
            try:
                waiting = await self._attempt(waiting, settled)
            except StoreUnavailable as error:
                self._trouble = str(error)
            if not waiting:
                return [settled[write.row.bot_id] for write in writes]
        raise StoreUnavailable(self._trouble)

    async def _attempt(self, writes: list[Write], settled: dict[str, Outcome]) -> list[Write]:
        """Commit once and note the known outcomes; return the writes that did not happen.

        Raises:
            StoreUnavailable: The store does not answer, or wrote nothing.
        """
        try:
            outcomes = await self._store.commit(writes)
        except NotWritten:
            raise
        except StoreUnavailable as error:
            outcomes = [Unsettled(str(error))] * len(writes)
        unknown = []
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Unsettled):
                unknown.append(write)
                self._trouble = outcome.reason
            else:
                settled[write.row.bot_id] = outcome
        if not unknown:
            return []
        rows = await self._store.settle([write.row.bot_id for write in unknown])
        missing = []
        for write, row in zip(unknown, rows, strict=True):
            if row is None:
                missing.append(write)
            elif (row.version, row.digest, row.tail) == (1, write.row.digest, write.row.tail):
                settled[row.bot_id] = Won()
            else:
                settled[row.bot_id] = Conflict(row.version, row.digest)
        return missing


class DryTarget:
    """Writes nothing; `look_up` returns the row of a bot."""

    def __init__(self, look_up: Callable[[str], Awaitable[Row | None]]) -> None:
        self._look_up = look_up

    async def rows(self, keys: Sequence[str]) -> list[Row | None]:
        return [await self._row(key) for key in keys]

    async def write(self, writes: Sequence[Write]) -> None:
        """Write nothing."""

    async def _row(self, key: str) -> Row | None:
        try:
            return await self._look_up(key)
        except Corrupt:  # a damaged row is a bot, too
            return Row(key, -1, b"", 0, 0, "", b"", b"")
