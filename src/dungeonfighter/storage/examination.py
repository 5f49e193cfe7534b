"""The result of looking at a database without changing it, for `dungeonfighter doctor`.

`sqlite_examination` and `postgres_examination` fill it; both open a connection of their own, read, and never
migrate. A part that cannot be read is named in `troubles`; the other parts are there all the same.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import SchemaTooNew
from dungeonfighter.storage.releases import missing_steps
from dungeonfighter.storage.sql_files import Migration

ROUND_TRIPS: Final = 20
TEXT_CHARS_MAX: Final = 300


class RoundTrips(Struct, frozen=True):
    """The times of some questions to a store, one after the other, in seconds."""

    count: int
    min_seconds: float
    median_seconds: float
    max_seconds: float


class Schema(Struct, frozen=True):
    """The schema of a database beside the one of this release.

    Attributes:
        found: The number of its newest step; 0 if it has none.
        known: The number of the newest step of this release.
        missing: The names of the steps that it lacks.
        missing_indexes: The names of steps that it lacks and that only build an index, while servers play.
        trouble: The reason why this release cannot run on it; empty if it can, or can after a migration.
    """

    found: int
    known: int
    missing: list[str] = []
    missing_indexes: list[str] = []
    trouble: str = ""


class ClockOffset(Struct, frozen=True):
    """The time that another clock is ahead of the clock of this process; the truth is within the error."""

    seconds: float
    error_seconds: float


class SqliteFacts(Struct):
    """The files of a SQLite database; sizes are in bytes.

    Attributes:
        is_log_read: False if the file was read without its log, because that would have created a file.
    """

    library: str
    has_wal_reset_bug: bool
    file_bytes: int
    log_bytes: int
    file_system: str
    mount_point: str
    free_bytes: int
    total_bytes: int
    is_read_only: bool
    journal_mode: str = ""
    free_pages: int = 0
    is_log_read: bool = True


class Standby(Struct, frozen=True):
    """A server that receives the log of the primary, as the primary sees it."""

    name: str
    state: str
    sync_state: str
    lag_bytes: int


class PostgresFacts(Struct):
    """The state of a PostgreSQL server and of one of its databases.

    Attributes:
        settings: The settings of the server that matter here, by name.
        connections: The open connections to the whole server, by the name that their programs give.
        connections_free: The connections that an ordinary role may still open.
        replay_lag_seconds: The age of the newest replayed transaction of a standby.
        oldest_transaction_seconds: The age of the oldest open transaction.
        waiting_for_locks: The number of statements that wait for a lock now.
        partitions: The partitions of the table `games`; 0 for a plain one.
    """

    version: str
    settings: dict[str, str]
    connections: dict[str, int]
    connections_free: int
    is_in_recovery: bool
    is_encrypted: bool
    standbys: list[Standby]
    database_bytes: int
    oldest_transaction_seconds: float
    waiting_for_locks: int
    replay_lag_seconds: float | None = None
    is_pooler: bool = False
    partitions: int = 0


class DatabaseReport(Struct, frozen=True):
    """The findings about one database; `place` is its name without a password."""

    kind: str
    place: str
    troubles: list[str] = []
    schema: Schema | None = None
    round_trips: RoundTrips | None = None
    clock: ClockOffset | None = None
    sqlite: SqliteFacts | None = None
    postgres: PostgresFacts | None = None


def summed_up(samples: Sequence[float]) -> RoundTrips | None:
    """Return the figures of these times in seconds; None if there are none."""
    if not samples:
        return None
    ordered = sorted(samples)
    return RoundTrips(len(ordered), ordered[0], ordered[len(ordered) // 2], ordered[-1])


async def timed(ask: Callable[[], Awaitable[object]], count: int = ROUND_TRIPS) -> RoundTrips | None:
    """Await `ask()` so many times, one after the other; the caller sets a time limit."""
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        await ask()
        samples.append(time.perf_counter() - began)
    return summed_up(samples)


def schema_of(steps: Sequence[Migration], applied: Mapping[int, str | None]) -> Schema:
    """Compare the applied steps of a database with those of this release; see `releases.missing_steps`."""
    found, known = max(applied, default=0), steps[-1].number
    try:
        missing = missing_steps(steps, applied)
    except SchemaTooNew as error:
        return Schema(found, known, trouble=f"{error}; {error.hint}" if error.hint else str(error))
    return Schema(
        found, known,
        [step.name for step in missing if not step.is_concurrent],
        [step.name for step in missing if step.is_concurrent],
    )  # fmt: skip


def first_words(error: BaseException) -> str:
    """Return the first line of an error for people, or its type; `doctor` hides secrets in it."""
    text = str(error).partition("\n")[0][:TEXT_CHARS_MAX]
    return text or type(error).__name__
