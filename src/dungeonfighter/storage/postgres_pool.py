"""A few connections to PostgreSQL, each for one piece of work at a time.

Not asyncpg's own pool: that one puts a timeout or a caller's cancellation through to the statement, and a
commit must never be cancelled, because then nobody would know what became of it. Here work runs in a task of
its own to its end; a connection that takes longer than `slow_seconds` is cut off, and what it was doing is
unknown until it is settled.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

import asyncpg

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.postgres_errors import Meaning, is_database_error, meaning, unavailable

_Result = TypeVar("_Result")
Connection = Any
"""asyncpg's; it carries no types."""

CONNECTION_SETTINGS: Final = {
    # Rows must be locked in the order of their ids by every replica, whatever plan each has cached; with
    # these off the only plans left walk the batch, or the key's index, in that order.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500",  # milliseconds
}
_CONNECT_SECONDS: Final = 3.0
_CLOSE_SECONDS: Final = 2.0
_STATEMENTS_KEPT: Final = 100

_WHO_AM_I: Final = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
_ORPHANS: Final = """
select a.pid, case when a.state = 'idle' then pg_terminate_backend(a.pid) end
from unnest($1::int[], $2::timestamptz[]) as o (pid, backend_start)
join pg_stat_activity as a on a.pid = o.pid and a.backend_start = o.backend_start
"""

Backend = tuple[int, datetime.datetime]
"""A server process: its id and when it began (ids are used again)."""


class Pool:
    """At most `size` connections, made when they are first needed and made anew when they were lost.

    Args:
        url: `postgresql://...`
        size: How many.
        slow_seconds: How long a piece of work may take before its connection is cut off.
        is_pooler: There is PgBouncer in between: no prepared statements, no settings per connection, and the
            server processes behind it are not ours to know.
    """

    def __init__(self, url: str, size: int, *, slow_seconds: float, is_pooler: bool) -> None:
        self._url = url
        self._slow_seconds = slow_seconds
        self._is_pooler = is_pooler
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._backends: dict[Connection, Backend] = {}
        self._tasks: dict[asyncio.Task[Any], AbstractSet[str]] = {}
        self._orphans: set[Backend] = set()
        self._is_open = True
        self.size = size

    async def run(
        self, work: Callable[[Connection], Coroutine[Any, Any, _Result]], keys: AbstractSet[str] = frozenset()
    ) -> _Result:
        """The result of `work(connection)`; a caller that is cancelled only stops waiting.

        Work that shares a key with earlier work begins when that has ended.

        Raises:
            StoreUnavailable: The database did not do it, or did not say so.
            asyncpg.PostgresError, asyncpg.InterfaceError: A value was refused (`Meaning.bad_row`).
        """
        if not self._is_open:
            raise StoreUnavailable("the database is not open")
        task = asyncio.get_running_loop().create_task(self._run(work, self._sharing(keys)))
        self._tasks[task] = keys
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def finished(self, keys: AbstractSet[str]) -> None:
        """Return when the work under way with any of these keys has ended, however it ended."""
        earlier = self._sharing(keys)
        if earlier:
            await asyncio.wait(earlier)

    async def no_orphan_left(self, connection: Connection) -> None:
        """Make sure that no server process is still at work for a connection that was cut off or lost.

        One that waits for nothing is ended; one that is at work is left to finish (in a commit that waits for
        a standby it must not be disturbed).

        Args:
            connection: Any connection to the same server, for asking.

        Raises:
            StoreUnavailable: One is still there; ask again.
        """
        if not self._orphans:
            return
        asked = list(self._orphans)
        pids, begun = zip(*asked, strict=True)
        left = await connection.fetch(_ORPHANS, list(pids), list(begun))
        if left:
            raise StoreUnavailable("an earlier connection is still at work")
        self._orphans.difference_update(asked)

    async def close(self) -> None:
        """Finish what was begun and let go."""
        self._is_open = False
        while self._tasks:
            await asyncio.wait(self._tasks)
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
        self._backends.clear()

    def _sharing(self, keys: AbstractSet[str]) -> list[asyncio.Task[Any]]:
        return [task for task, theirs in self._tasks.items() if not keys.isdisjoint(theirs)]

    def _forget(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled():
            task.exception()  # seen, even if the one who asked is gone

    async def _run(
        self, work: Callable[[Connection], Awaitable[_Result]], earlier: list[asyncio.Task[Any]]
    ) -> _Result:
        if earlier:
            await asyncio.wait(earlier)
        async with self._places:
            connection = await self._connection()
            slow = asyncio.get_running_loop().call_later(self._slow_seconds, connection.terminate)
            try:
                result = await work(connection)
            except StoreUnavailable:
                self._give_back(connection)
                raise
            except BaseException as error:
                if meaning(error) is Meaning.unknown:
                    self._cut_off(connection)
                else:
                    self._give_back(connection)
                if not is_database_error(error) or meaning(error) is Meaning.bad_row:
                    raise
                raise unavailable(error) from error
            finally:
                slow.cancel()
            self._give_back(connection)
            return result

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._backends.pop(connection, None)  # it was lost while nothing was under way
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=_CONNECT_SECONDS,
                statement_cache_size=0 if self._is_pooler else _STATEMENTS_KEPT,
                max_cached_statement_lifetime=0,
                server_settings={
                    "application_name": "dungeonfighter",
                    **({} if self._is_pooler else CONNECTION_SETTINGS),
                },
            )
            if not self._is_pooler:
                pid, begun = await connection.fetchrow(_WHO_AM_I, timeout=_CONNECT_SECONDS)
                self._backends[connection] = (pid, begun)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
            TimeoutError,
        ) as error:
            raise _unreachable(error) from error
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.is_closed():
            self._cut_off(connection)
        else:
            self._idle.append(connection)

    def _cut_off(self, connection: Connection) -> None:
        connection.terminate()
        backend = self._backends.pop(connection, None)
        if backend is not None:
            self._orphans.add(backend)


def _unreachable(error: BaseException) -> StoreUnavailable:
    said = str(error).partition("\n")[0][:200] or type(error).__name__
    return StoreUnavailable(f"the database cannot be reached: {said}")
