"""Proves that what a database server shows is on its synchronous standby, too.

PostgreSQL shows a commit when its standby has it, with one exception: after a restart it shows all commits of
its log, also those that were still waiting. If it is lost before the standby has them, they are lost as well,
and so is every answer that rests on them. So the first read from a server since its start is followed by one
commit. This waits for the standby, and all that was written before is there then, too.

Source: PostgreSQL's manual, "Synchronous Replication".
"""

from __future__ import annotations

import asyncio
import datetime
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final
from weakref import WeakKeyDictionary

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.postgres_links import Connection

Start = datetime.datetime
"""The moment at which a server started; it tells one start from another."""
_STARTS_MAX: Final = 8
_START: Final = "select pg_postmaster_start_time()"
_COMMIT: Final = """
select pg_postmaster_start_time() from pg_logical_emit_message(true, 'dungeonfighter', '')
"""
"""A transaction that writes to the log, and therefore waits; one with only an id of its own would not."""


class Proofs:
    """Remembers which starts of servers have committed something for this process.

    Args:
        run: Runs a piece of work over a connection of the store.
        is_pooler: A connection leads to PgBouncer, which may change the server behind it.
    """

    def __init__(
        self, run: Callable[[Callable[[Connection], Coroutine[Any, Any, Start]]], Awaitable[Start]],
        *, is_pooler: bool,
    ) -> None:  # fmt: skip
        self._run = run
        self._is_pooler = is_pooler
        self._starts: WeakKeyDictionary[Connection, Start] = WeakKeyDictionary()
        self._proven: deque[Start] = deque(maxlen=_STARTS_MAX)
        self._proving: asyncio.Task[None] | None = None

    async def start_of(self, connection: Connection) -> Start:
        """Return the start of the server behind a connection."""
        start = self._starts.get(connection)
        if start is None:
            start = await connection.fetchval(_START)
            if not self._is_pooler:
                self._starts[connection] = start
        return start

    async def check(self, start: Start) -> None:
        """Return when all that a server showed in a read is on its standby.

        Args:
            start: The start of the server that was read from.

        Raises:
            StoreUnavailable: The standby did not answer, or another server answers now.
        """
        if start in self._proven:
            return
        if self._proving is None or self._proving.done():
            self._proving = asyncio.get_running_loop().create_task(self._prove(), name="proof of the store")
            self._proving.add_done_callback(_forget)
        await asyncio.shield(self._proving)
        if start not in self._proven:
            raise StoreUnavailable("the database server was restarted or replaced during a read")

    async def _prove(self) -> None:
        async def commit(connection: Connection) -> Start:
            start: Start = await connection.fetchval(_COMMIT)
            return start

        self._proven.append(await self._run(commit))


def _forget(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # marks it as retrieved, even if all that waited were cancelled
