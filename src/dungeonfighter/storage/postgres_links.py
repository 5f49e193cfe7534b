"""One connection to PostgreSQL: connecting, keepalive, and checking the server's durability settings.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
from typing import Any, Final

from dungeonfighter.errors import SettingsError, StoreNotReady, StoreUnavailable
from dungeonfighter.storage import postgres_hosts
from dungeonfighter.storage.postgres_errors import is_database_error, is_passing

_log = logging.getLogger(__name__)

Connection = Any
"""A connection of asyncpg; the package has no `py.typed`, so mypy sees no types."""
Backend = tuple[int, datetime.datetime]
"""A server process: its id and its start time (the operating system reuses ids)."""

CONNECTION_SETTINGS: Final = {
    # Every replica must lock rows in the order of their ids, whatever plan it has cached. With these settings
    # off, each remaining plan walks the batch, or the index of the key, in that order.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500",  # milliseconds
}
_SERVER_KEEPALIVE: Final = (
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3"
)
"""A server process whose client is cut off must not keep its slot for hours. These settings are no startup
parameters: PgBouncer refuses startup parameters that it does not know."""
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 2), ("TCP_KEEPALIVE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3))
"""Socket options with their values in seconds or as a count; macOS names the first one TCP_KEEPALIVE.

They are for a statement that the server got and whose answer cannot come any more: nothing is unacknowledged.
"""
_UNACKNOWLEDGED_MS: Final = 3_000
"""A peer's kernel acknowledges at once, even during a long statement: silence means a dead network path. In
this time the kernel sends four times, and Patroni has not promoted a standby yet."""
_CONNECT_SECONDS: Final = 3.0
_STATEMENTS_KEPT: Final = 100
TOO_MANY_CONNECTIONS: Final = "53300"

_SELECT_BACKEND: Final = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
_SAFETY: Final = """
select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
       current_setting('server_encoding'),
       (select source = 'client' from pg_settings where name = 'lock_timeout')
"""
_SYNCHRONOUS: Final = "set synchronous_commit = on"
_ENCODINGS: Final = frozenset({"UTF8", "SQL_ASCII"})
"""SQL_ASCII stores bytes unchanged, and the store sends UTF-8."""


class NoRoom(StoreNotReady):
    """The server has no free slot for another connection (SQLSTATE 53300); the pool sent no statement."""


class Safety:
    """The durability settings of the server, as the newest connection read them.

    Attributes:
        hazards: Settings under which acknowledged turns can be lost, one sentence each.
        is_serving: `check` has passed: from now on a new hazard logs a warning and no longer stops the start.
    """

    def __init__(self) -> None:
        self.hazards: tuple[str, ...] = ()
        self.is_serving = False
        self._encoding = "UTF8"

    def note(self, fsync: str, full_page_writes: str, synchronous_commit: str, encoding: str) -> None:
        """Record the settings that a new connection read; while serving, log each new hazard once."""
        hazards = []
        if fsync == "off":
            hazards.append("PostgreSQL has fsync = off: a crash of its machine loses turns or the database.")
        if full_page_writes == "off":
            hazards.append("PostgreSQL has full_page_writes = off: a crash of its machine can tear pages.")
        if synchronous_commit == "off":
            hazards.append("PostgreSQL has synchronous_commit = off: a crash of it loses the last turns.")
        if self.is_serving:
            for hazard in hazards:
                if hazard not in self.hazards:
                    _log.warning("acknowledged turns can be lost: %s", hazard)
        self.hazards, self._encoding = tuple(hazards), encoding

    def check(self, *, allow_unsafe: bool) -> None:
        """Check at start that this database is safe to serve from.

        Raises:
            SettingsError: The database is unsafe; the text says what the administrator must change.
        """
        problems = []
        if self._encoding not in _ENCODINGS:
            problems.append(
                f"--db: the database's encoding is {self._encoding}, which cannot hold every text; "
                "make it anew with: create database ... encoding 'UTF8' template template0"
            )
        if not allow_unsafe:
            problems += [
                f"--db: {hazard} Set it to on there (alter system, database or role), or start with "
                "--allow-unsafe-store 1"
                for hazard in self.hazards
            ]
        if problems:
            raise SettingsError(problems)
        for hazard in self.hazards:
            _log.warning("acknowledged turns can be lost: %s", hazard)
        self.is_serving = True


async def connect(
    url: str, *, is_pooler: bool, safety: Safety | None, last_good: postgres_hosts.LastGood | None = None
) -> tuple[Connection, Backend | None]:
    """Open a connection; return it with its server process (None behind a pooler).

    Args:
        url: See `postgres_hosts.connect`; likewise `last_good`.
        is_pooler: The url leads to PgBouncer.
        safety: Gets the settings of the server.

    Raises:
        NoRoom: The server has no free slot.
        StoreNotReady: The server cannot be reached now.
        StoreUnavailable: The server refuses the connection.
    """
    connection = None
    try:
        connection = await postgres_hosts.connect(
            url,
            timeout=_CONNECT_SECONDS,
            last_good=last_good,
            statement_cache_size=0 if is_pooler else _STATEMENTS_KEPT,
            max_cached_statement_lifetime=0,
            server_settings={
                "application_name": "dungeonfighter",
                **({} if is_pooler else CONNECTION_SETTINGS),
            },
        )
        _keep_alive(connection)
        async with asyncio.timeout(_CONNECT_SECONDS):
            backend = None
            if not is_pooler:
                pid, begun = await connection.fetchrow(_SELECT_BACKEND)
                backend = (pid, begun)
            await _make_safe(connection, safety or Safety())
    except Exception as error:
        if connection is not None:
            connection.terminate()
        # errors of TLS and of its files are OSErrors, so `is_database_error` covers them
        if not is_database_error(error) and not isinstance(error, ValueError):
            raise
        raise _unreachable(error) from error
    return connection, backend


async def _make_safe(connection: Connection, safety: Safety) -> None:
    """Switch on `synchronous_commit` and the server's keepalive for this session; note its other settings.

    A session that lacks our startup parameters belongs to a pooler, and this function leaves it unchanged.
    """
    fsync, pages, synchronous, encoding, is_ours = await connection.fetchrow(_SAFETY)
    if is_ours:
        await connection.execute(_SERVER_KEEPALIVE)
        if synchronous == "off":
            await connection.execute(_SYNCHRONOUS)
            synchronous = "on"
    safety.note(fsync, pages, synchronous, encoding)


async def is_answering(connection: Connection, seconds: float) -> bool:
    """Return True if the server answers the shortest statement in time; otherwise terminate the connection.

    The driver's own timeout would send a cancel request along the same dead path and wait for it.
    """
    slow = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        await connection.execute("select 1")
    except Exception as error:
        if not is_database_error(error):
            raise
        connection.terminate()
        return False
    finally:
        slow.cancel()
    return not connection.is_closed()


def _keep_alive(connection: Connection) -> None:
    """Let the kernel detect a dead network path, as far as the platform can; asyncpg has no option for it."""
    transport = getattr(connection, "_transport", None)
    link = transport.get_extra_info("socket") if transport is not None else None
    if link is None or link.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_KEEPALIVE, ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS)):
        option = getattr(socket, name, None)
        if option is not None:
            link.setsockopt(socket.IPPROTO_TCP, option, value)


def _unreachable(error: BaseException) -> StoreUnavailable:
    text = str(error).partition("\n")[0][:200] or type(error).__name__
    what = f"the database cannot be reached: {text}"
    if getattr(error, "sqlstate", "") == TOO_MANY_CONNECTIONS:
        return NoRoom(what)
    return StoreNotReady(what) if is_passing(error) else StoreUnavailable(what)
