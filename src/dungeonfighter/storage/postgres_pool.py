"""A few connections to PostgreSQL, each for one piece of work at a time.

Not asyncpg's own pool: that one puts a timeout or a caller's cancellation through to the statement, and a
commit must never be cancelled, because then nobody would know what became of it. Here work runs in a task of
its own to its end; a connection that takes longer than `slow_seconds` is cut off, and what it was doing is
unknown until it is settled.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

import asyncpg

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import postgres_links
from dungeonfighter.storage.postgres_errors import Meaning, is_database_error, meaning, unavailable
from dungeonfighter.storage.postgres_links import Backend, Connection, NoRoom, Safety

_Result = TypeVar("_Result")

_CLOSE_SECONDS: Final = 2.0
_IDLE_SECONDS: Final = 5.0
"""A connection that was idle for longer is asked whether it still stands."""
_PING_SECONDS: Final = 2.0
_SCARCE_SECONDS: Final = 5.0
"""After the server had no room, how long the pool makes do with what it has."""

_READ_ONLY: Final = "25006"
_ORPHANS: Final = """
select a.pid, case when a.state = 'idle' then pg_terminate_backend(a.pid) end
from unnest($1::int[], $2::timestamptz[]) as o (pid, backend_start)
join pg_stat_activity as a on a.pid = o.pid and a.backend_start = o.backend_start
"""


class Path:
    """What all pools of a store know of the way to their server.

    Attributes:
        cut_at: Connections last used at or before this moment are given up unasked: a newer one was dead.
        doubted_at: Those last used at or before this moment are asked first: a piece of work was cut off.
        safety: What the server says of itself.
    """

    def __init__(self) -> None:
        self.cut_at = self.doubted_at = float("-inf")
        self.safety = Safety()


class Pool:
    """At most `size` connections, made when they are first needed and made anew when they were lost.

    Args:
        url: `postgresql://...`
        size: How many.
        slow_seconds: How long a piece of work may take before its connection is cut off.
        is_pooler: There is PgBouncer in between: no prepared statements, no settings per connection, and the
            server processes behind it are not ours to know.
        path: Shared by the pools of one server; None for a copy to read from, which no turn is written to.
    """

    def __init__(
        self, url: str, size: int, *, slow_seconds: float, is_pooler: bool, path: Path | None = None
    ) -> None:
        self._url = url
        self._slow_seconds = slow_seconds
        self._is_pooler = is_pooler
        self._places = asyncio.Semaphore(size)
        self._ping_seconds = min(_PING_SECONDS, slow_seconds / 4)
        self._path = path or Path()
        self._safety = path.safety if path is not None else None
        self._idle: list[tuple[Connection, float]] = []
        """Each with the moment of its last use, oldest first."""
        self._standing = 0
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

    @property
    def standing(self) -> int:
        """How many connections there are now."""
        return self._standing

    @property
    def is_short(self) -> bool:
        """Whether the server had no room for all of them lately."""
        return self._scarce_until > self._now()

    async def connect_all(self) -> None:
        """Make every connection there is room for.

        Raises:
            NoRoom: There is none at all.
            StoreUnavailable: The server cannot be reached.
        """
        made = await asyncio.gather(*(self._new() for _ in range(self.size)), return_exceptions=True)
        troubles = [one for one in made if isinstance(one, BaseException)]
        for one in made:
            if not isinstance(one, BaseException):
                self._give_back(one)
        for trouble in troubles:
            if not isinstance(trouble, NoRoom) or not self._standing:
                raise trouble
            self._scarce_until = self._now() + _SCARCE_SECONDS

    async def give_up_one(self) -> bool:
        """Close an idle connection, so that its slot is free; False if none is idle."""
        if not self._idle:
            return False
        connection, _ = self._idle.pop(0)
        await _close(connection)
        self._lost(connection)
        return True

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
        while await self.give_up_one():
            pass
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
                if getattr(error, "sqlstate", None) == _READ_ONLY:
                    self._path.cut_at = self._now()  # this was the primary; the idle ones lead there too
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
        """An idle one that stands, or a new one; with no room for another, the next that is given back."""
        while True:
            while self._idle:
                connection, used_at = self._idle.pop()
                if await self._stands(connection, used_at):
                    return connection
                self._lost(connection)
            if not self._standing or self._now() >= self._scarce_until:
                try:
                    return await self._new()
                except NoRoom:
                    if not self._standing:
                        raise
                    self._scarce_until = self._now() + _SCARCE_SECONDS
                    continue  # one may have been given back meanwhile
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def _stands(self, connection: Connection, used_at: float) -> bool:
        """Whether an idle connection can be used; what was long idle is asked.

        One that does not answer says the same of all that were idle for longer: a firewall that forgot the
        one has forgotten the others.
        """
        if connection.is_closed() or used_at <= self._path.cut_at:
            return False
        if self._now() - used_at < _IDLE_SECONDS and used_at > self._path.doubted_at:
            return True
        if await postgres_links.answers(connection, self._ping_seconds):
            return True
        self._path.cut_at = max(self._path.cut_at, used_at)
        for idle, at in self._idle:
            if at <= self._path.cut_at:
                self._lost(idle)
        self._idle = [(idle, at) for idle, at in self._idle if at > self._path.cut_at]
        return False

    async def _new(self) -> Connection:
        self._standing += 1  # before it stands: nobody may wait for a connection that never comes
        try:
            connection, backend = await postgres_links.connect(
                self._url, is_pooler=self._is_pooler, safety=self._safety
            )
        except BaseException:
            self._standing -= 1
            self._wake()
            raise
        if backend is not None:
            self._backends[connection] = backend
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.is_closed():
            self._cut_off(connection)
        else:
            self._idle.append((connection, self._now()))
            self._wake()

    def _cut_off(self, connection: Connection) -> None:
        """Give up a connection that was at work: what it was doing may still happen."""
        self._path.doubted_at = max(
            self._path.doubted_at, self._now()
        )  # what cut this one off may have cut off the idle ones too
        backend = self._backends.get(connection)
        self._lost(connection)
        if backend is not None:
            self._orphans.add(backend)

    def _lost(self, connection: Connection) -> None:
        """Give up a connection that was doing nothing."""
        if not connection.is_closed():
            connection.terminate()
        self._backends.pop(connection, None)
        self._standing -= 1
        self._wake()

    def _wake(self) -> None:
        """Let one that waits for a connection look again."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
