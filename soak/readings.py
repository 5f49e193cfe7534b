"""Reads the resources of a server and of its store at one moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from bench.processes import family, usage_of
from soak.samples import CONNECTIONS, DESCRIPTORS, MEMORY, PROCESSOR, TABLES, THREADS, WAL

_PROC: Final = Path("/proc")
_ANSWER_SECONDS_MAX: Final = 30.0
_ESTABLISHED, _TIME_WAIT, _CLOSE_WAIT = "01", "06", "08"
"""States of sockets. Source: include/net/tcp_states.h of Linux."""
_INODE, _UNIX_INODE = 9, 6
"""The columns of the inode, in the tables of TCP and UDP and in that of Unix sockets."""


class StoreReader(Protocol):
    """Reads the numbers of one store."""

    async def open(self) -> None: ...

    async def read(self) -> dict[str, float]: ...

    async def close(self) -> None: ...


def read_processes(process_id: int, port: int) -> dict[str, float]:
    """Return memory, descriptors, threads and processor seconds of a server and its descendants.

    A socket that no table of the kernel has any more is an accepted connection that is being closed, because
    a server closes nothing else while it serves.
    """
    names = (MEMORY, DESCRIPTORS, CONNECTIONS, THREADS, PROCESSOR)
    found = dict.fromkeys(names, 0.0)
    tcp = _rows("tcp")
    listed = _sockets(tcp) | _sockets(_rows("unix"), _UNIX_INODE)
    for name in ("tcp6", "udp", "udp6"):
        listed |= _sockets(_rows(name))
    own_sockets = listed - _accepted(tcp, port)
    targets: list[str] = []
    for one in family(process_id):
        usage = usage_of(one)
        found[MEMORY] += usage.pss_bytes
        found[PROCESSOR] += usage.cpu_seconds
        with contextlib.suppress(OSError):  # the process has just ended
            found[THREADS] += sum(1 for _ in (_PROC / str(one) / "task").iterdir())
            targets += _descriptors(_PROC / str(one) / "fd")
    own = sum(not one.startswith("socket:") or one in own_sockets for one in targets)
    found[DESCRIPTORS], found[CONNECTIONS] = own, len(targets) - own
    return found


def open_connections(port: int) -> set[str]:
    """Return the connections at a loopback port that their server has not closed, as `socket:[inode]`."""
    return _accepted(_rows("tcp"), port)


def _accepted(tcp: Sequence[Sequence[str]], port: int) -> set[str]:
    end = f":{port:04X}"
    rows = [row for row in tcp if row[1].endswith(end) and row[3] in {_ESTABLISHED, _CLOSE_WAIT}]
    return _sockets(rows)


def _sockets(rows: Sequence[Sequence[str]], column: int = _INODE) -> set[str]:
    return {f"socket:[{row[column]}]" for row in rows}


def _rows(table: str) -> list[list[str]]:
    """Return the rows of a table of sockets, without those that wait for the end of a closed connection."""
    try:
        lines = (_PROC / "net" / table).read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return []
    return [line.split() for line in lines if f" {_TIME_WAIT} 00000000:" not in line]


def _descriptors(folder: Path) -> list[str]:
    """Return what each descriptor of a process refers to."""
    targets = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(path.readlink()))
    return targets


class PostgresReader:
    """Reads sizes, rows and vacuums from the statistics of a PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._begun_at = ""

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self._url)
        self._begun_at = await self._connection.fetchval("select pg_current_wal_lsn()::text")

    async def read(self) -> dict[str, float]:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            return await self._read()

    async def _read(self) -> dict[str, float]:
        assert self._connection is not None
        found: dict[str, float] = {}
        row = await self._connection.fetchrow(
            "select (select sum(size) from pg_ls_waldir())::float8 as log, "
            "pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn)::float8 as written, "
            "pg_database_size(current_database())::float8 as size",
            self._begun_at,
        )
        found[WAL] = row["log"]
        found["wal written"] = row["written"]
        found["database bytes"] = row["size"]
        rows = await self._connection.fetch(
            "select relname, pg_table_size(relid)::float8 as size, "
            "pg_indexes_size(relid)::float8 as indexes, "
            "n_live_tup::float8 as live, n_dead_tup::float8 as dead, autovacuum_count::float8 as vacuums "
            "from pg_stat_user_tables where relname = any($1)",
            list(TABLES),
        )
        for one in rows:
            name = one["relname"]
            found[f"{name} bytes"], found[f"{name} index bytes"] = one["size"], one["indexes"]
            found[f"{name} live rows"], found[f"{name} dead rows"] = one["live"], one["dead"]
            found[f"{name} autovacuums"] = one["vacuums"]
        return found

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close(timeout=5)


class SqliteReader:
    """Reads the sizes of the files of a SQLite database, and its free pages."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def open(self) -> None:
        """Return at once: the files are looked at, and not opened."""

    async def read(self) -> dict[str, float]:
        log = self._file.with_name(f"{self._file.name}-wal")
        return {"database bytes": float(_size(self._file)), WAL: float(_size(log))}

    async def close(self) -> None:
        """Return at once."""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
