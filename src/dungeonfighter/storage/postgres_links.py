"""One connection to PostgreSQL: how it is made, kept alive, and what its server says of its own safety.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
from typing import Any, Final

import asyncpg

from dungeonfighter.errors import SettingsError, StoreUnavailable
from dungeonfighter.storage.postgres_errors import is_database_error

_log = logging.getLogger(__name__)

Connection = Any
"""asyncpg's; it carries no types."""
Backend = tuple[int, datetime.datetime]
"""A server process: its id and when it began (ids are used again)."""

CONNECTION_SETTINGS: Final = {
    # Rows must be locked in the order of their ids by every replica, whatever plan each has cached; with
    # these off the only plans left walk the batch, or the key's index, in that order.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500",  # milliseconds
}
_SERVER_KEEPALIVE: Final = (
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3"
)
"""A server process whose client was cut off must not keep its slot for hours. Not sent at the start of the
connection: PgBouncer refuses what it does not know there."""
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 15), ("TCP_KEEPALIVE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""Seconds and a count, by the names of this platform's options (macOS says TCP_KEEPALIVE for the first)."""
_UNACKNOWLEDGED_MS: Final = 5_000
"""A peer's kernel acknowledges at once, however long its statement takes: silence is a dead path."""
_CONNECT_SECONDS: Final = 3.0
_STATEMENTS_KEPT: Final = 100
TOO_MANY_CONNECTIONS: Final = "53300"

_WHO_AM_I: Final = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
_SAFETY: Final = """
select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
       current_setting('server_encoding'),
       (select source = 'client' from pg_settings where name = 'lock_timeout')
"""
_MENDED: Final = "set synchronous_commit = on"
_ENCODINGS: Final = frozenset({"UTF8", "SQL_ASCII"})
"""SQL_ASCII keeps the bytes it is given, which are UTF-8."""


class NoRoom(StoreUnavailable):
    """The server has no free slot for another connection (SQLSTATE 53300); nothing was sent."""


class Safety:
    """What the servers behind a store's connections say of themselves, as of the newest connection.

    Attributes:
        hazards: Settings under which acknowledged turns can be lost, one sentence each.
        is_serving: Checked at start: from now on a new hazard is a warning, no longer a refusal.
    """

    def __init__(self) -> None:
        self.hazards: tuple[str, ...] = ()
        self.is_serving = False
        self._encoding = "UTF8"

    def note(self, fsync: str, full_page_writes: str, synchronous_commit: str, encoding: str) -> None:
        """Take what a new connection was told; what was not known before is said once in the log."""
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
        """Decide at start whether this database may be served from.

        Raises:
            SettingsError: It may not; says what the administrator must change.
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


async def connect(url: str, *, is_pooler: bool, safety: Safety | None) -> tuple[Connection, Backend | None]:
    """A new connection, and which server process it has (behind a pooler: None).

    Raises:
        NoRoom: The server has no free slot.
        StoreUnavailable: It cannot be reached.
    """
    connection = None
    try:
        connection = await asyncpg.connect(
            url,
            timeout=_CONNECT_SECONDS,
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
                pid, begun = await connection.fetchrow(_WHO_AM_I)
                backend = (pid, begun)
            await _make_safe(connection, safety or Safety())
    except Exception as error:
        if connection is not None:
            connection.terminate()
        if not is_database_error(error) and not isinstance(error, ValueError):  # ssl and its files: OSError
            raise
        raise _unreachable(error) from error
    return connection, backend


async def _make_safe(connection: Connection, safety: Safety) -> None:
    """Mend here what is a session's default, if the session is ours; the server's own settings cannot be.

    The session is not ours where what we sent at its start did not arrive: then a pooler is in between.
    """
    fsync, pages, synchronous, encoding, is_ours = await connection.fetchrow(_SAFETY)
    if is_ours:
        await connection.execute(_SERVER_KEEPALIVE)
        if synchronous == "off":
            await connection.execute(_MENDED)
            synchronous = "on"
    safety.note(fsync, pages, synchronous, encoding)


async def answers(connection: Connection, seconds: float) -> bool:
    """Whether the other end answers the shortest statement in time; if not, the connection is cut off.

    Not by the driver's time-out: that one would send a cancel request along the same dead path and wait.
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
    """Let the kernel find a dead path, as far as this platform can; asyncpg has no option for it."""
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
    said = str(error).partition("\n")[0][:200] or type(error).__name__
    kind = NoRoom if getattr(error, "sqlstate", "") == TOO_MANY_CONNECTIONS else StoreUnavailable
    return kind(f"the database cannot be reached: {said}")
