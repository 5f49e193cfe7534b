"""Looks at a SQLite database without changing it, its folder included.

A connection to a database in WAL mode creates the log and its index if they are missing, as files of the
user who looks, and the server could then not open them. So without these files the database is read as an
immutable file. No Python code opens the database file: closing it would free the locks of a store in the
same process.

Source: SQLite, "Write-Ahead Logging", section 5, and "URI Filenames".
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import apsw

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage import sql_files, sqlite_library
from dungeonfighter.storage.examination import (
    ROUND_TRIPS,
    DatabaseReport,
    RoundTrips,
    Schema,
    SqliteFacts,
    first_words,
    schema_of,
    summed_up,
)
from dungeonfighter.storage.sqlite_connection import Waiting, connect_to_read
from dungeonfighter.storage.sqlite_schema import applied_steps
from dungeonfighter.storage.worker_thread import WorkerThread

_BUSY_SECONDS: Final = 2.0
_MOUNTS: Final = Path("/proc/self/mountinfo")


class SqliteExaminer:
    """Looks at one file, any number of times, from a thread: a network file system may hang for ever.

    Args:
        path: The database file; a missing one is not created.
        place: The name of the database for people.
        seconds_max: The longest time to wait; the thread of an overdue examination is left behind, and no
            other one begins before it has ended.
    """

    def __init__(self, path: Path, place: str, seconds_max: float) -> None:
        self._path = path.absolute()
        self._place = place
        self._seconds_max = seconds_max
        self._thread: WorkerThread | None = None

    async def examine(self) -> DatabaseReport:
        """Look at the file now."""
        thread = self._thread = self._thread or WorkerThread("examination", self._seconds_max)
        try:
            report = await thread.run(lambda: _examine(self._path, self._place))
        except StoreUnavailable:
            overdue = f"the file system of {self._path} did not answer within {self._seconds_max:g} s"
            return DatabaseReport("sqlite", self._place, [overdue])
        except OSError as error:
            why = f"the files of {self._path} cannot be looked at: {(error.strerror or str(error)).lower()}"
            report = DatabaseReport("sqlite", self._place, [why])
        self._thread = None
        await thread.stop()
        return report


def _examine(path: Path, place: str) -> DatabaseReport:
    if path.is_dir():
        return DatabaseReport("sqlite", place, [f"{path} is a folder; name a file with --db"])
    try:
        file_bytes = path.stat().st_size
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return DatabaseReport("sqlite", place, [f"the file {path} cannot be looked at: {why}"])
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    has_log = log.exists()
    is_immutable = not (has_log and index.exists())
    facts = _facts(path, file_bytes, log)
    if has_log and is_immutable and facts.log_bytes:
        facts.is_log_read = False
    troubles: list[str] = []
    schema = round_trips = None
    try:
        schema, round_trips = _read(path, facts, is_immutable=is_immutable)
    except (apsw.Error, UnicodeDecodeError) as error:
        troubles.append(f"the file cannot be read as a database of SQLite: {first_words(error)}")
    return DatabaseReport("sqlite", place, troubles, schema, round_trips, sqlite=facts)


def _read(path: Path, facts: SqliteFacts, *, is_immutable: bool) -> tuple[Schema, RoundTrips | None]:
    """Read the file through SQLite.

    Raises:
        apsw.Error: It cannot be read.
    """
    waiting = Waiting()
    waiting.at_most(_BUSY_SECONDS)
    connection = connect_to_read(path, waiting, is_immutable=is_immutable)
    try:
        sql = sql_files.queries("sqlite")
        schema = schema_of(sql_files.migrations("sqlite"), applied_steps(connection, sql))
        facts.journal_mode = str(connection.execute("pragma journal_mode").get)
        facts.free_pages = int(connection.execute("pragma freelist_count").get)
        samples = []
        for _ in range(ROUND_TRIPS):
            began = time.perf_counter()
            connection.execute("select count(*) from sqlite_master").fetchall()
            samples.append(time.perf_counter() - began)
        return schema, summed_up(samples)
    finally:
        connection.close()


def _facts(path: Path, file_bytes: int, log: Path) -> SqliteFacts:
    file_system, mount_point = file_system_of(path)
    room = os.statvfs(path) if hasattr(os, "statvfs") else None
    library = sqlite_library.library_version()
    try:
        log_bytes = log.stat().st_size
    except OSError:
        log_bytes = 0
    return SqliteFacts(
        library=sqlite_library.shown(library),
        has_wal_reset_bug=sqlite_library.has_wal_reset_bug(library),
        file_bytes=file_bytes,
        log_bytes=log_bytes,
        file_system=file_system,
        mount_point=mount_point,
        free_bytes=room.f_bavail * room.f_frsize if room else 0,
        total_bytes=room.f_blocks * room.f_frsize if room else 0,
        is_read_only=bool(room and room.f_flag & os.ST_RDONLY),
    )


def file_system_of(path: Path, mounts: Path = _MOUNTS) -> tuple[str, str]:
    """Return the type of the file system of an absolute path and its mount point; empty if unknown.

    Source: Linux, proc(5), "/proc/pid/mountinfo".
    """
    try:
        rows = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", ""
    real = path.resolve()
    best, kind = "", ""
    for row in rows:
        words, _, rest = row.partition(" - ")
        fields, types = words.split(" "), rest.split(" ")
        if len(fields) < 5:
            continue
        point = fields[4].replace("\\040", " ")
        # The last mount on a mount point hides the earlier ones.
        if real.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, types[0]
    return kind, best
