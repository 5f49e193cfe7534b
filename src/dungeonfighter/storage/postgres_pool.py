"""A pool of connections to PostgreSQL, each of which runs one piece of work at a time.

asyncpg's own pool passes a timeout or a caller's cancellation on to the statement. A commit must never be
cancelled, because its outcome would be unknown. Here each piece of work runs in its own task to its end. The
pool terminates a connection whose work takes longer than `slow_seconds`; the outcome of that work is unknown
until the host settles it.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

import asyncpg

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import postgres_links
from dungeonfighter.storage.postgres_errors import Meaning, is_database_error, meaning, unavailable
from dungeonfighter.storage.postgres_hosts import LastGood
from dungeonfighter.storage.postgres_links import Backend, Connection, NoRoom, Safety

_Result = TypeVar("_Result")

_CLOSE_SECONDS: Final = 2.0
_IDLE_SECONDS: Final = 5.0
"""The pool pings a connection that was idle for longer before it uses the connection."""
_PING_SECONDS: Final = 2.0
_SCARCE_SECONDS: Final = 5.0
"""After the server refused a connection for lack of a slot, the pool opens no other for so long."""

_READ_ONLY: Final = "25006"
_DEAD_PATHS: Final = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH})
_ORPHANS: Final = """
select a.pid, case when a.state = 'idle' then pg_terminate_backend(a.pid) end
from unnest($1::int[], $2::timestamptz[]) as o (pid, backend_start)
join pg_stat_activity as a on a.pid = o.pid and a.backend_start = o.backend_start
"""


class ServerState:
    """The state that the pools of one server share: findings of the newest failures and connections.

    Attributes:
        cut_at: The pools discard connections last used at or before this time, because a connection last used
            then was dead.
        doubted_at: The pools ping connections last used at or before this time, because a pool terminated a
            connection then.
        safety: The durability settings of the server.
        last_good: The host that the newest connection leads to.
    """

    def __init__(self) -> None:
        self.cut_at = self.doubted_at = float("-inf")
        self.safety = Safety()
        self.last_good = LastGood()


class Pool:
    """At most `size` connections; the pool opens one when work first needs it and replaces lost ones.

    Args:
        url: `postgresql://...`
        size: The maximum number of connections.
        slow_seconds: How long a piece of work may take before the pool terminates its connection.
        is_pooler: The url leads to PgBouncer: the pool uses no prepared statements and no settings per
            connection, and it cannot know the server processes behind the pooler.
        server: Shared by the pools of one server; None for a replica that the store only reads from.
    """

    def __init__(
        self, url: str, size: int, *, slow_seconds: float, is_pooler: bool, server: ServerState | None = None
    ) -> None:
        self.url = url
        """Leads to the database; a new one holds for connections that are opened later."""
        self._slow_seconds = slow_seconds
        self._is_pooler = is_pooler
        self._slots = asyncio.Semaphore(size)
        self._ping_seconds = min(_PING_SECONDS, slow_seconds / 4)
        self._server = server or ServerState()
        self._safety = server.safety if server is not None else None
        self._idle: list[tuple[Connection, float]] = []
        """Each connection with the time of its last use, oldest first."""
        self._connection_count = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scarce_until = float("-inf")
        self._backends: dict[Connection, Backend] = {}
        self._tasks: dict[asyncio.Task[Any], AbstractSet[str]] = {}
        self._orphans: set[Backend] = set()
        self._is_open = True
        self.size = size

    async def run(
        self, work: Callable[[Connection], Coroutine[Any, Any, _Result]], keys: AbstractSet[str] = frozenset()
    ) -> _Result:
        """Return the result of `work(connection)`; cancelling the caller does not cancel the work.

        Work begins after all earlier work that shares a key with it has ended.

        Raises:
            StoreUnavailable: The database did not do the work, or did not report that it did.
            asyncpg.PostgresError, asyncpg.InterfaceError: The database refused a value (`Meaning.bad_row`).
        """
        if not self._is_open:
            raise StoreUnavailable("the database is not open")
        task = asyncio.get_running_loop().create_task(self._run(work, self._tasks_sharing(keys)))
        self._tasks[task] = keys
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    @property
    def connection_count(self) -> int:
        return self._connection_count

    @property
    def in_use(self) -> int:
        """The number of connections that work."""
        return self._connection_count - len(self._idle)

    @property
    def is_short(self) -> bool:
        """True if the server had no slot for a connection within the last `_SCARCE_SECONDS`."""
        return self._scarce_until > self._now()

    async def connect_all(self) -> None:
        """Open as many of the `size` connections as the server has slots for.

        Raises:
            NoRoom: The server has not a single slot.
            StoreUnavailable: The server cannot be reached.
        """
        made = await asyncio.gather(*(self._new() for _ in range(self.size)), return_exceptions=True)
        errors = [one for one in made if isinstance(one, BaseException)]
        for one in made:
            if not isinstance(one, BaseException):
                self._release(one)
        for error in errors:
            if not isinstance(error, NoRoom) or not self._connection_count:
                raise error
            self._scarce_until = self._now() + _SCARCE_SECONDS

    async def close_one_idle(self) -> bool:
        """Close an idle connection to free its slot on the server; return False if none is idle."""
        if not self._idle:
            return False
        connection, _ = self._idle.pop(0)
        await _close(connection)
        self._discard(connection)
        return True

    async def wait_until_finished(self, keys: AbstractSet[str]) -> None:
        """Return when all work that is now under way with any of these keys has succeeded or failed."""
        earlier = self._tasks_sharing(keys)
        if earlier:
            await asyncio.wait(earlier)

    async def end_orphans(self, connection: Connection) -> None:
        """Check that no server process of a terminated connection is left; end the idle ones.

        A busy process may finish its statement: a commit that waits for a standby must not be interrupted.

        Args:
            connection: Any connection to the same server; this method runs its query over it.

        Raises:
            StoreUnavailable: A server process is left; the caller may retry.
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
        """Finish the work under way and close all connections."""
        self._is_open = False
        while self._tasks:
            await asyncio.wait(self._tasks)
        while await self.close_one_idle():
            pass
        self._backends.clear()

    def _tasks_sharing(self, keys: AbstractSet[str]) -> list[asyncio.Task[Any]]:
        return [task for task, theirs in self._tasks.items() if not keys.isdisjoint(theirs)]

    def _forget(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled():
            task.exception()  # marks the exception as retrieved, even if the caller was cancelled

    async def _run(
        self, work: Callable[[Connection], Awaitable[_Result]], earlier: list[asyncio.Task[Any]]
    ) -> _Result:
        if earlier:
            await asyncio.wait(earlier)
        async with self._slots:
            connection = await self._connection()
            slow = asyncio.get_running_loop().call_later(self._slow_seconds, connection.terminate)
            try:
                result = await work(connection)
            except StoreUnavailable:
                self._release(connection)
                raise
            except BaseException as error:
                # a connection that is terminated between two statements has no `_protocol` for the second one
                is_cut_between = isinstance(error, AttributeError) and connection.is_closed()
                if _cuts_all(error):
                    self._server.cut_at = self._now()
                if meaning(error) is Meaning.unknown:
                    self._cut_off(connection)
                else:
                    self._release(connection)
                if not (is_database_error(error) or is_cut_between) or meaning(error) is Meaning.bad_row:
                    raise
                raise unavailable(error) from error
            finally:
                slow.cancel()
            self._release(connection)
            return result

    async def _connection(self) -> Connection:
        """Return a usable idle connection or a new one; if the server has no slot, wait for a release."""
        while True:
            while self._idle:
                connection, used_at = self._idle.pop()
                if await self._is_usable(connection, used_at):
                    return connection
                self._discard(connection)
            if not self._connection_count or self._now() >= self._scarce_until:
                try:
                    return await self._new()
                except NoRoom:
                    if not self._connection_count:
                        raise
                    self._scarce_until = self._now() + _SCARCE_SECONDS
                    continue  # other work may have released a connection meanwhile
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def _is_usable(self, connection: Connection, used_at: float) -> bool:
        """Return True if an idle connection can be used; ping it if it was idle for long.

        If it does not answer, discard all connections that were idle for longer: a firewall that dropped this
        connection has dropped those too.
        """
        if connection.is_closed() or used_at <= self._server.cut_at:
            return False
        if self._now() - used_at < _IDLE_SECONDS and used_at > self._server.doubted_at:
            return True
        if await postgres_links.is_answering(connection, self._ping_seconds):
            return True
        self._server.cut_at = max(self._server.cut_at, used_at)
        for idle, at in self._idle:
            if at <= self._server.cut_at:
                self._discard(idle)
        self._idle = [(idle, at) for idle, at in self._idle if at > self._server.cut_at]
        return False

    async def _new(self) -> Connection:
        self._connection_count += 1  # before the connection opens, so that other work may wait for it
        try:
            connection, backend = await postgres_links.connect(
                self.url,
                is_pooler=self._is_pooler,
                safety=self._safety,
                last_good=self._server.last_good,
            )
        except BaseException:
            self._connection_count -= 1
            self._wake()
            raise
        if backend is not None:
            self._backends[connection] = backend
        return connection

    def _release(self, connection: Connection) -> None:
        if connection.is_closed():
            self._cut_off(connection)
        else:
            self._idle.append((connection, self._now()))
            self._wake()

    def _cut_off(self, connection: Connection) -> None:
        """Terminate a connection during its work; the server may still carry out the statement."""
        # the failure that cut this one off may have cut off the idle ones too
        self._server.doubted_at = max(self._server.doubted_at, self._now())
        backend = self._backends.get(connection)
        self._discard(connection)
        if backend is not None:
            self._orphans.add(backend)

    def _discard(self, connection: Connection) -> None:
        """Terminate a connection that has no work under way."""
        if not connection.is_closed():
            connection.terminate()
        self._backends.pop(connection, None)
        self._connection_count -= 1
        self._wake()

    def _wake(self) -> None:
        """Wake one piece of work that waits for a connection."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _cuts_all(error: BaseException) -> bool:
    """Return True if no other connection that was idle until now is usable, either.

    The primary became a standby, or the kernel gave up the path to the server; the driver's own error follows
    from the kernel's.
    """
    if getattr(error, "sqlstate", None) == _READ_ONLY:
        return True
    return any(isinstance(one, OSError) and one.errno in _DEAD_PATHS for one in (error, error.__cause__))


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
