"""The embedded store: one SQLite file, any number of worker processes, every answer durable.

WAL with `synchronous=FULL`; a batch is one `BEGIN IMMEDIATE` transaction under a file lock between processes.
Writes are done in order by one thread, reads by others on connections of their own, so a read never waits for
a batch; one more thread moves the log into the file (`sqlite_checkpoint`).

Source: docs/architecture.md, "SQLite".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final, TypeVar

from dungeonfighter import limits
from dungeonfighter.errors import SchemaTooNew, StoreUnavailable
from dungeonfighter.hosting.ports import (
    BotLine,
    Conflict,
    EpisodeEnd,
    Failed,
    Head,
    InputChunk,
    Outcome,
    Row,
    RunLine,
    Save,
    StoreHealth,
    Won,
    Write,
)
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.parts import in_parts
from dungeonfighter.storage.save_rows import from_json, to_json
from dungeonfighter.storage.sqlite_checkpoint import LOG_PAGES_AUTO, Checkpointer, SyncedFile
from dungeonfighter.storage.worker_thread import WorkerThread

_Result = TypeVar("_Result")

_MAGIC: Final = b"SQLite format 3\x00"
_BUSY_TIMEOUT_SECONDS: Final = 10.0
_PRAGMAS: Final = (
    "page_size=1024",  # of a new file: a row changes one page, in the log and again in the file
    "journal_mode=WAL",
    "synchronous=FULL",
    f"wal_autocheckpoint={LOG_PAGES_AUTO}",
    "temp_store=MEMORY",
)
_READERS: Final = 4
_INSTRUCTIONS_BETWEEN_LOOKS: Final = 4000
"""Of SQLite's machine: about a thousand keys."""
HOLD_SECONDS: Final = 0.005
"""For stores of which there are more than cores; see `SqliteStore`."""
_ROWIDS_MAX: Final = 200_000
_WON: Final = Won()


class SqliteStore:
    """Rows in one SQLite file.

    Args:
        path: The database file; made when it is missing. Beside it stand `<path>-wal`, `-shm` and
            `<path>.lock`.
        wall: Where `updated_at` comes from; seconds since 1970.
        hold_seconds: How long a commit may hold the event loop. Whoever asks meanwhile could not be committed
            sooner, and is taken with the others in one go; but one process with a core to itself could use
            the time. Source: docs/decisions/012-many-processes-on-few-cores.md.
    """

    lanes = 1

    def __init__(
        self, path: Path, wall: Callable[[], float] = time.time, *, hold_seconds: float = 0.0
    ) -> None:
        self._path = path
        self._hold_seconds = hold_seconds
        self._wall = wall
        self._sql = sql_files.queries("sqlite")
        self._writer: WorkerThread | None = None
        self._readers: list[WorkerThread] = []
        self._lock: FileLock | None = None
        self._writing: sqlite3.Connection | None = None
        self._reading: list[sqlite3.Connection] = []
        self._checkpointer: Checkpointer | None = None
        self._rowids: dict[str, int] = {}
        """Where rows were last found; only the writer's thread looks."""

    async def open(self) -> None:
        """Open the file and bring its schema up to date.

        Raises:
            SchemaTooNew: The file was written by a newer release.
            StoreUnavailable: It cannot be opened or is not a database.
        """
        self._writer = WorkerThread("sqlite-writer")
        self._readers = [WorkerThread(f"sqlite-reader-{number}") for number in range(_READERS)]
        try:
            await self._writer.run(self._open_writing)
            for reader in self._readers:
                await reader.run(self._open_reading)
        except BaseException:
            await self.close()
            raise

    async def read_ahead(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            for reader in range(_READERS):  # nobody's row: the schema is read, the statement planned
                await self._read(partial(self._load, bot_ids=[""]), reader)
            await self._read(self._read_keys)

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch; see `hosting.ports.Store.commit`. One failing row never holds the others."""
        return await self._write(
            lambda connection: self._commit(connection, batch), hold_seconds=self._hold_seconds
        )

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        rows = await self._read(
            lambda reading: reading.execute(self._sql["heads"], (json.dumps(bot_ids),)).fetchall()
        )
        found = {bot_id: Head(version, digest) for bot_id, version, digest in rows}
        return [found.get(bot_id) for bot_id in bot_ids]

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Many are read by several threads side by side: they wait for the disk, a page at a time."""
        parts = in_parts(bot_ids, len(self._readers))
        found = await asyncio.gather(
            *(self._read(partial(self._load, bot_ids=part), number) for number, part in enumerate(parts))
        )
        return list(chain.from_iterable(found))

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """In the writer's thread, so after everything this store was given before."""

        def read_last(connection: sqlite3.Connection) -> list[Row | None]:
            connection.execute("begin immediate")
            found = self._load(connection, bot_ids)
            connection.execute("commit")
            return found

        return await self._write(read_last)

    async def put_save(self, save: Save) -> None:
        now = self._wall()
        row = (save.bot_id, save.slot, str(uuid.uuid4()), to_json(save), now, now)

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(self._sql["put_save"], row)

        await self._write(put)

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        row = await self._read(
            lambda reading: reading.execute(self._sql["get_save"], (bot_id, slot)).fetchone()
        )
        return from_json(*row, with_state=True) if row is not None else None

    async def list_saves(self, bot_id: str) -> list[Save]:
        rows = await self._read(
            lambda reading: reading.execute(self._sql["list_saves"], (bot_id,)).fetchall()
        )
        return [from_json(*row, with_state=False) for row in rows]

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        def delete(connection: sqlite3.Connection) -> bool:
            return connection.execute(self._sql["delete_save"], (bot_id, slot)).rowcount > 0

        return await self._write(delete)

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotLine]:
        bounds = (after, prefix, sql_files.after_prefix(prefix), count)
        rows = await self._read(lambda reading: reading.execute(self._sql["list_bots"], bounds).fetchall())
        return [BotLine(*row) for row in rows]

    async def best_runs(self, prefix: str, count: int) -> list[RunLine]:
        values = (prefix, sql_files.after_prefix(prefix), count)
        rows = await self._read(lambda reading: reading.execute(self._sql["best_runs"], values).fetchall())
        return [RunLine(*row) for row in rows]

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        rows = await self._read(
            lambda reading: reading.execute(self._sql["inputs"], (bot_id, episode)).fetchall()
        )
        return [InputChunk(*row) for row in rows]

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        rows = await self._read(lambda reading: reading.execute(self._sql["episodes"], (bot_id,)).fetchall())
        return [EpisodeEnd(*(*row[:11], bool(row[11]), row[12])) for row in rows]

    def health(self) -> StoreHealth:
        return StoreHealth()

    async def close(self) -> None:
        """Finish what was accepted, fold the WAL into the file, let go."""
        readers, writer, lock = self._readers, self._writer, self._lock
        reading, writing, checkpointer = self._reading, self._writing, self._checkpointer
        self._writer = self._lock = self._writing = self._checkpointer = None
        self._readers, self._reading = [], []
        if writer is not None and checkpointer is not None:
            await writer.run(checkpointer.close)
        for thread, connection in (*zip_longest(readers, reading), (writer, writing)):
            if thread is None:
                continue
            if connection is not None:
                await thread.run(connection.close)
            await thread.stop()
        if checkpointer is not None:
            checkpointer.release()
        if lock is not None:
            lock.close()

    # In the threads

    async def _write(
        self, work: Callable[[sqlite3.Connection], _Result], *, hold_seconds: float = 0.0
    ) -> _Result:
        thread, connection, lock = self._writer, self._writing, self._lock
        if thread is None or connection is None or lock is None:
            raise StoreUnavailable("the database is not open")

        def locked() -> _Result:
            try:
                with lock:
                    try:
                        return work(connection)
                    except BaseException:
                        _roll_back(connection)
                        raise
            except (sqlite3.Error, OSError) as error:
                raise _unavailable(error) from error

        return await thread.run(locked, hold_seconds=hold_seconds)

    async def _read(self, work: Callable[[sqlite3.Connection], _Result], reader: int = 0) -> _Result:
        if len(self._reading) < _READERS:
            raise StoreUnavailable("the database is not open")
        thread, connection = self._readers[reader], self._reading[reader]

        def guarded() -> _Result:
            try:
                return work(connection)
            except sqlite3.Error as error:
                raise _unavailable(error) from error

        return await thread.run(guarded)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in _PRAGMAS:
            connection.execute(f"pragma {pragma}")
        return connection

    def _open_writing(self) -> None:
        try:
            _check_file(self._path)
            self._lock = FileLock(Path(f"{self._path}.lock"))
            with self._lock:
                self._writing = self._connect()
                _migrate(self._writing)
            self._checkpointer = Checkpointer(self._path, self._connect)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"the database {self._path} cannot be opened: {error}") from error

    def _open_reading(self) -> None:
        try:
            reading = self._connect()
            self._reading.append(reading)
            reading.execute("pragma query_only=1")
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database {self._path} cannot be read: {error}") from error

    def _read_keys(self, reading: sqlite3.Connection) -> None:
        """Let the system have the index of the keys in memory, or as much as can be read in a second.

        The first bots that come after a restart would wait for it, page by page: a cold load reads four pages
        without, two with it (measured).
        """
        end = time.monotonic() + limits.read_ahead_seconds
        reading.set_progress_handler(lambda: time.monotonic() > end, _INSTRUCTIONS_BETWEEN_LOOKS)
        with contextlib.suppress(sqlite3.Error):
            reading.execute(self._sql["count_keys"]).fetchone()
        reading.set_progress_handler(None, 0)

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[Write]) -> list[Outcome]:
        connection.execute("begin immediate")
        try:
            now = self._wall()
            outcomes = self._write_winners(connection, batch, now)
            if outcomes is None:
                for write in batch:
                    self._rowids.pop(write.row.bot_id, None)
                connection.execute("rollback")
                connection.execute("begin immediate")
                outcomes = [self._write_one(connection, write, now) for write in batch]
        except (sqlite3.OperationalError, sqlite3.InternalError, OSError):
            raise  # the database's trouble, not a row's
        except Exception as error:  # noqa: BLE001 (whatever a row's content makes of it: that row fails alone)
            _roll_back(connection)
            if len(batch) == 1:
                return [Failed(type(error).__name__)]
            half = len(batch) // 2
            return [*self._commit(connection, batch[:half]), *self._commit(connection, batch[half:])]
        connection.execute("commit")
        if self._checkpointer is not None:
            self._checkpointer.wrote(len(batch))
        return outcomes

    def _write_winners(
        self, connection: sqlite3.Connection, batch: Sequence[Write], now: float
    ) -> list[Outcome] | None:
        """Write a batch of which every row wins; None, with the transaction spoilt, when one does not.

        One statement run for all rows: half of what a statement each costs (measured).
        """
        changed = self._rows_at(connection, [one for one in batch if one.from_version], now)
        new = [_values(one, now) for one in batch if not one.from_version]
        if changed is None:
            return None
        for name, rows in (("update_game_at", changed), ("insert_game", new)):
            if rows and connection.executemany(self._sql[name], rows).rowcount != len(rows):
                return None
        for write in batch:
            if write.chunks or write.ended is not None:
                self._write_riders(connection, write, now)
        return [_WON] * len(batch)

    def _rows_at(
        self, connection: sqlite3.Connection, writes: list[Write], now: float
    ) -> list[tuple[object, ...]] | None:
        """The values of `update_game_at`; None when a bot has no row.

        By its key a row is found in the index first, which costs a third of updating it (measured). A number
        that has changed since (VACUUM may do that) finds no row of that bot, and the row is found by its key.
        """
        rowids = self._rowids
        unknown = [one.row.bot_id for one in writes if one.row.bot_id not in rowids]
        if unknown:
            if len(rowids) + len(unknown) > _ROWIDS_MAX:
                rowids.clear()
                unknown = [one.row.bot_id for one in writes]
            rowids.update(connection.execute(self._sql["rowids"], (json.dumps(unknown),)))
        try:
            return [_changed_at(rowids[one.row.bot_id], one, now) for one in writes]
        except KeyError:
            return None

    def _write_one(self, connection: sqlite3.Connection, write: Write, now: float) -> Outcome:
        if write.from_version == 0:
            done = connection.execute(self._sql["insert_game"], _values(write, now))
        else:
            done = connection.execute(self._sql["update_game"], _changed(write, now))
        if done.rowcount != 1:
            head = connection.execute(self._sql["head"], (write.row.bot_id,)).fetchone()
            return Conflict(*head) if head is not None else Conflict(0, b"")
        self._write_riders(connection, write, now)
        return _WON

    def _write_riders(self, connection: sqlite3.Connection, write: Write, now: float) -> None:
        ended, bot_id = write.ended, write.row.bot_id
        for chunk in write.chunks:
            values = (bot_id, chunk.episode, chunk.first_turn, chunk.inputs)
            connection.execute(self._sql["write_chunk"], values)
        if ended is not None:
            line = (
                bot_id, ended.episode, ended.rules, ended.seed, ended.mode, ended.options,
                ended.parent_episode, ended.first_turn, ended.last_turn, ended.result, ended.score,
                ended.digest, ended.ranked, ended.base, now,
            )  # fmt: skip
            connection.execute(self._sql["write_episode"], line)

    def _load(self, connection: sqlite3.Connection, bot_ids: Sequence[str]) -> list[Row | None]:
        rows = connection.execute(self._sql["load"], (json.dumps(bot_ids),)).fetchall()
        found = {row[0]: Row(*row) for row in rows}
        return [found.get(bot_id) for bot_id in bot_ids]


def _values(write: Write, now: float) -> tuple[object, ...]:
    """The values of `insert_game`.

    Bytes are given as bytearrays: those `sqlite3` binds as they are, while of bytes it asks their type for an
    adapter each time, which costs as much as to update the row (measured).
    """
    row = write.row
    return (
        row.version, bytearray(row.digest), row.episode, row.turn, row.rules, bytearray(row.state),
        bytearray(row.trail), row.directive, row.tokens_today, now, row.bot_id,
    )  # fmt: skip


def _changed(write: Write, now: float) -> tuple[object, ...]:
    """The values of `update_game`."""
    return (*_values(write, now), write.from_version, bytearray(write.from_digest))


def _changed_at(rowid: int, write: Write, now: float) -> tuple[object, ...]:
    """The values of `update_game_at`."""
    return (*_changed(write, now), rowid)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; the number of the last migration stands in `user_version`."""
    steps = sql_files.migrations("sqlite")
    (standing,) = connection.execute("pragma user_version").fetchone()
    if standing > steps[-1][0]:
        raise SchemaTooNew(
            f"the database has schema {standing}, this release knows {steps[-1][0]}",
            hint="run the newer release that wrote it, or name another database with --db",
        )
    for number, sql in steps:
        if number > standing:
            connection.executescript(f"begin immediate;\n{sql}\npragma user_version={number};\ncommit;")


def _check_file(path: Path) -> None:
    """Leave what is no database of SQLite alone: make nothing beside it.

    Raises:
        sqlite3.DatabaseError: There is something else at this path.
        OSError: It cannot be read.
    """
    if not path.exists() or SyncedFile.is_open(path):
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise sqlite3.DatabaseError("file is not a database")


def _roll_back(connection: sqlite3.Connection) -> None:
    """End whatever transaction is open; a connection that cannot even do that has none."""
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("rollback")


def _unavailable(error: sqlite3.Error | OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"the database did not answer ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
    )
