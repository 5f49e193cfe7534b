"""Reads the resources of a server and of its store at one moment."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from bench.processes import Processes, family, usage_of
from soak.samples import CONNECTIONS, DESCRIPTORS, MEMORY, PROCESSOR, TABLES, THREADS, WAL

_PROC: Final = Path("/proc")
_ANSWER_SECONDS_MAX: Final = 30.0
_ESTABLISHED, _CLOSE_WAIT = "01", "08"
"""The states of a socket that its process has not closed. Source: include/net/tcp_states.h of Linux."""


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
    known, accepted = _sockets(), open_connections(port)
    targets: list[str] = []
    for one in family(Processes(), process_id):
        usage = usage_of(one)
        found[MEMORY] += usage.pss_bytes
        found[PROCESSOR] += usage.cpu_seconds
        with contextlib.suppress(OSError):  # the process has just ended
            found[THREADS] += sum(1 for _ in (_PROC / str(one) / "task").iterdir())
            targets += _descriptors(_PROC / str(one) / "fd")
    own = [one for one in targets if not one.startswith("socket:") or one in known - accepted]
    found[DESCRIPTORS], found[CONNECTIONS] = len(own), len(targets) - len(own)
    return found


def open_connections(port: int) -> set[str]:
    """Return the connections at a loopback port that their server has not closed, as `socket:[inode]`."""
    wanted = f":{port:04X}"
    lines = (_PROC / "net" / "tcp").read_text().splitlines()[1:]
    found = [line.split() for line in lines if wanted in line]
    return {
        f"socket:[{one[9]}]"
        for one in found
        if one[1].endswith(wanted) and one[3] in {_ESTABLISHED, _CLOSE_WAIT}
    }


def _sockets() -> set[str]:
    """Return all sockets that the kernel lists, as `socket:[inode]`."""
    found = set()
    for table, column in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("unix", 6)):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
            found |= {f"socket:[{line.split()[column]}]" for line in lines}
    return found


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
