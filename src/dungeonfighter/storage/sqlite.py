"""The embedded store: one SQLite file for any number of worker processes; every answer is durable.

The file is in WAL mode with `synchronous=FULL`. A batch is one `BEGIN IMMEDIATE` transaction under a file
lock between processes. One thread does all writes in order. Other threads read over separate connections, so
a read never waits for a batch. One more thread moves the log into the file (`sqlite_checkpoint`).

Source: docs/architecture.md, "SQLite".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, NotWritten, StoreUnavailable
from dungeonfighter.hosting.ports import (
    AccessToken,
    BotSummary,
    EpisodeEnd,
    Head,
    InputChunk,
    Outcome,
    PastRun,
    Row,
    RunSummary,
    Save,
    StoredRun,
    Write,
)
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.storage import sql_files, sqlite_connection, sqlite_library, sqlite_reads, sqlite_schema
from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.storage.parts import in_parts
from dungeonfighter.storage.save_rows import from_json, to_json
from dungeonfighter.storage.sqlite_checkpoint import Checkpointer
from dungeonfighter.storage.sqlite_connection import Waiting, check_file, unavailable
from dungeonfighter.storage.sqlite_file import DiskUse, FileIdentity
from dungeonfighter.storage.sqlite_ranked_runs import SqliteRankedRuns
from dungeonfighter.storage.sqlite_writes import BatchWriter, roll_back
from dungeonfighter.storage.wall_clock import wall_seconds
from dungeonfighter.storage.worker_thread import WorkerThread

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_READERS: Final = 4
_INSTRUCTIONS_BETWEEN_CALLS: Final = 4000
"""Instructions of SQLite between two calls of the progress handler: about a thousand keys."""
_WAIT_SHARE: Final = 0.8
"""Work waits for locks of other programs for this share of the patience, so that SQLite reports the lock
before the caller times out."""
_FIRST_WARNING_SECONDS: Final = 2.0
_WARNING_SECONDS: Final = 15.0
HOLD_SECONDS: Final = 0.005
"""The `hold_seconds` of a store that shares its core with other processes; see `SqliteStore`."""


class SqliteStore:
    """Rows in one SQLite file.

    Args:
        path: The database file, which `open` creates if it is missing. SQLite keeps `<path>-wal` and
            `<path>-shm` beside it, the store `<path>.lock`.
        wall: Returns the time for `updated_at`, in seconds since 1970.
        hold_seconds: How long a commit may block the event loop. A request that arrives meanwhile could not
            commit sooner, and the next batch takes all of these requests together. A process that has a core
            to itself could use the time, so it passes 0.
            Source: docs/decisions/012-many-processes-on-few-cores.md.
        patience_seconds: How long a caller waits for any lock before it gets an error.
        library: The version of SQLite, by default that of the library in use; only tests pass another.
    """

    lanes = 1

    def __init__(
        self,
        path: Path,
        wall: Callable[[], float] = wall_seconds,
        *,
        hold_seconds: float = 0.0,
        patience_seconds: float = limits.commit_timeout_seconds,
        library: sqlite_library.Version | None = None,
    ) -> None:
        self._path = path
        self._hold_seconds = hold_seconds
        self._patience_seconds = patience_seconds
        self._library = sqlite_library.library_version() if library is None else library
        self._wall = wall
        self._sql = sql_files.queries("sqlite")
        self._writer: WorkerThread | None = None
        self._readers: list[WorkerThread] = []
        self._lock: FileLock | None = None
        self._writing: apsw.Connection | None = None
        self._reading: list[apsw.Connection] = []
        self._batches: BatchWriter | None = None
        self._checkpointer: Checkpointer | None = None
        self._identity: FileIdentity | None = None
        self._waiting = Waiting()
        """The busy handler of the writing connection; each reading connection has another."""
        self.ranked = SqliteRankedRuns(self._read, self._write, wall)

    async def open(self) -> None:
        """Open the file and migrate its schema; this waits without a limit for another process that migrates.

        Raises:
            SchemaTooNew: A newer release wrote the file.
            StoreUnavailable: The file cannot be opened or is not a database.
        """
        self._writer = WorkerThread("sqlite-writer", self._patience_seconds)
        self._readers = [
            WorkerThread(f"sqlite-reader-{number}", self._patience_seconds) for number in range(_READERS)
        ]
        try:
            await self._writer.run(self._open_lock)
            assert self._lock is not None
            # Patient, because another server, or this one, may be building the index of a large table.
            opening = self._writer.run(self._open_writing, lock=self._lock, patient=True)
            await self._wait_for_opening(opening)
            for reader in self._readers:
                await reader.run(self._open_reading)
        except BaseException:
            await self.close()
            raise

    async def read_ahead(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            for reader in range(_READERS):  # loading a missing row reads the schema and plans the statement
                await self._read(partial(sqlite_reads.load, bot_ids=[""]), reader)
            await self._read(self._read_keys)

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch; see `hosting.ports.Store.commit`. A failing row never fails the others."""
        return await self._write(lambda _: self._commit(batch), hold_seconds=self._hold_seconds)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read(lambda reading: sqlite_reads.heads(reading, bot_ids))

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load rows; several threads share a large load, because each waits for the disk page by page."""
        parts = in_parts(bot_ids, len(self._readers))
        loads = (partial(sqlite_reads.load, bot_ids=part) for part in parts)
        found = await asyncio.gather(*(self._read(work, number) for number, work in enumerate(loads)))
        return list(chain.from_iterable(found))

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load rows in the writer's thread, so after all writes that this store accepted before."""

        def read_last(connection: apsw.Connection) -> list[Row | None]:
            connection.execute("begin immediate")
            found = sqlite_reads.load(connection, bot_ids)
            connection.execute("commit")
            return found

        return await self._write(read_last)

    async def probe(self) -> None:
        """Restart the log, which frees room on a full disk, and rewrite the schema's number unchanged."""

        def write(connection: apsw.Connection) -> None:
            self._waiting.at_most(0)
            with contextlib.suppress(apsw.Error):
                connection.execute("pragma wal_checkpoint(restart)").fetchall()
            connection.execute("begin immediate")
            number = connection.execute("pragma user_version").get
            connection.execute(f"pragma user_version={number}")
            connection.execute("commit")

        await self._write(write)
        await self.heads([""])

    async def put_save(self, save: Save) -> bool:
        now = self._wall()
        row = (save.bot_id, save.slot, str(uuid.uuid4()), to_json(save), now, now, limits.save_slots_max)

        def put(connection: apsw.Connection) -> bool:
            connection.execute(self._sql["put_save"], row)
            return connection.changes() > 0

        return await self._write(put)

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        rows = await self._select("get_save", (bot_id, slot))
        return from_json(*rows[0], with_state=True) if rows else None

    async def list_saves(self, bot_id: str) -> list[Save]:
        return [from_json(*row, with_state=False) for row in await self._select("list_saves", (bot_id,))]

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        def delete(connection: apsw.Connection) -> bool:
            connection.execute(self._sql["delete_save"], (bot_id, slot))
            return connection.changes() > 0

        return await self._write(delete)

    async def put_token(self, token: AccessToken) -> None:
        row = msgspec.structs.astuple(token)[:-1]

        def put(connection: apsw.Connection) -> None:
            connection.execute(self._sql["put_token"], row)

        await self._write(put)

    async def tokens_after(self, version: int) -> list[AccessToken]:
        rows = await self._select("tokens_after", (version,))
        return [AccessToken(*(*row[:5], bool(row[5]), *row[6:])) for row in rows]

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        rows = await self._select("list_bots", (after, prefix, sql_files.after_prefix(prefix), count))
        return [BotSummary(_readable(bot_id), *rest) for bot_id, *rest in rows]

    async def count_bots(self, prefix: str, most: int) -> int:
        ((count,),) = await self._select("count_bots", (prefix, sql_files.after_prefix(prefix), most))
        return int(count)

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        rows = await self._select("best_runs", (prefix, sql_files.after_prefix(prefix), count))
        return [
            RunSummary(
                bool(ranked), _readable(mode), score, _readable(bot_id), episode, turns, _readable(result)
            )
            for ranked, mode, score, bot_id, episode, turns, result in rows
        ]

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return [InputChunk(*row) for row in await self._select("inputs", (bot_id, episode))]

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        rows = await self._select("episodes", (bot_id,))
        return [sqlite_reads.ended(row) for row in rows]

    async def past_runs(self, bot_id: str, before: int, count: int) -> list[PastRun]:
        return [
            sqlite_reads.past_run(row) for row in await self._select("past_runs", (bot_id, before, count))
        ]

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        return await self._read(lambda reading: sqlite_reads.stored_run(reading, bot_id, episode))

    async def shared_secret(self, name: str, fresh: bytes) -> bytes:
        def get(connection: apsw.Connection) -> bytes:
            connection.execute(self._sql["put_secret"], (name, fresh))
            value: Any = connection.execute(self._sql["secret"], (name,)).get
            return bytes(value)

        return await self._write(get)

    def health(self) -> StoreHealth:
        hazards: tuple[str, ...] = ()
        if sqlite_library.has_wal_reset_bug(self._library):
            version = sqlite_library.shown(self._library)
            hazards = (f"SQLite {version} has the WAL-reset bug: no other program may checkpoint the file",)
        threads = [*self._readers, *([self._writer] if self._writer is not None else [])]
        disk, log_bytes, backup_at = DiskUse(), 0, 0.0
        if (beside := self._checkpointer) is not None:
            disk, log_bytes, backup_at = beside.disk, beside.log_bytes, beside.backup_at
        return StoreHealth(
            log_bytes, hazards, *disk, backup_at=backup_at,
            pool_size=1 + _READERS, pool_in_use=sum(thread.is_busy for thread in threads),
        )  # fmt: skip

    async def close(self) -> None:
        """Finish the accepted work, move the WAL into the file and close all connections.

        The method waits for each lock no longer than the patience, and then leaves the waiting thread behind.
        """
        readers, writer, lock = self._readers, self._writer, self._lock
        reading, writing, checkpointer = self._reading, self._writing, self._checkpointer
        self._writer = self._lock = self._writing = self._checkpointer = self._identity = None
        self._readers, self._reading = [], []
        if checkpointer is not None:
            await asyncio.to_thread(checkpointer.close, self._patience_seconds)
        is_closed = True
        for thread, connection in zip_longest(readers, reading):
            is_closed &= await _close_thread(thread, connection)
        if writer is not None:
            # The last connection moves the log into the file, and no other process may write meanwhile.
            is_closed &= await _close_thread(writer, writing, lock)
        if checkpointer is not None and is_closed:
            checkpointer.release()
        if lock is not None and is_closed:
            lock.close()

    async def _wait_for_opening(self, opening: Coroutine[Any, Any, None]) -> None:
        """Wait for the opening without a limit, and log a warning from time to time."""
        task = asyncio.ensure_future(opening)
        pause = _FIRST_WARNING_SECONDS
        try:
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                _log.warning(
                    "still opening %s: another process holds its lock, or the schema is built", self._path
                )
                pause = _WARNING_SECONDS
        except BaseException:
            task.cancel()
            raise
        await task

    # In the threads

    async def _write(
        self,
        work: Callable[[apsw.Connection], _Result],
        *,
        hold_seconds: float = 0.0,
    ) -> _Result:
        """Run work in the writer's thread under the writers' lock, and check the file before and after it."""
        thread, connection, lock, identity = self._writer, self._writing, self._lock, self._identity
        if thread is None or connection is None or lock is None or identity is None:
            raise NotWritten("the database is not open")

        def guarded() -> _Result:
            self._waiting.at_most(self._patience_seconds * _WAIT_SHARE)
            _check_identity(identity)
            try:
                done = work(connection)
            except (apsw.Error, OSError, UnicodeDecodeError) as error:
                roll_back(connection)
                raise unavailable(error) from error
            except BaseException:
                roll_back(connection)
                raise
            identity.check()  # a write into a removed file must not be acknowledged
            return done

        try:
            return await thread.run(guarded, lock=lock, hold_seconds=hold_seconds)
        except OSError as error:  # from the lock
            raise NotWritten(str(unavailable(error))) from error

    async def _select(self, name: str, values: tuple[str | int, ...]) -> list[Any]:
        def select(reading: apsw.Connection) -> list[Any]:
            return reading.execute(self._sql[name], values).fetchall()

        return await self._read(select)

    async def _read(self, work: Callable[[apsw.Connection], _Result], reader: int = 0) -> _Result:
        identity = self._identity
        if len(self._reading) < _READERS or identity is None:
            raise StoreUnavailable("the database is not open")
        thread, connection = self._readers[reader], self._reading[reader]

        def guarded() -> _Result:
            identity.check()
            try:
                return work(connection)
            except UnicodeDecodeError as error:
                raise Corrupt("a text that the database keeps is not UTF-8") from error
            except apsw.Error as error:
                raise unavailable(error) from error

        return await thread.run(guarded)

    def _open_lock(self) -> None:
        try:
            check_file(self._path)
            self._lock = FileLock(Path(f"{self._path}.lock"))
        except OSError as error:
            file = self._path.absolute()
            is_database = error.filename == str(self._path)
            what = (
                f"database {file} cannot be read"
                if is_database
                else f"folder {file.parent} cannot be written"
            )
            raise StoreUnavailable(f"the {what}: {(error.strerror or str(error)).lower()}") from error

    def _open_writing(self) -> None:
        """Connect the writer and migrate the schema; the caller holds the writers' lock."""
        self._waiting.at_most(self._patience_seconds * _WAIT_SHARE)
        try:
            if self._writer is None:
                raise StoreUnavailable("the store was closed while it waited for the file lock")
            self._writing = sqlite_connection.connect(self._path, self._waiting)
            self._writing.execute(
                "pragma user_version"
            ).fetchall()  # creates the log, whose identity is read next
            self._identity = FileIdentity(self._path)
            sqlite_schema.migrate(self._writing)
            self._identity.check()
            self._batches = BatchWriter(self._writing, self._wall)
            has_bug = sqlite_library.has_wal_reset_bug(self._library)
            if has_bug:
                _log.warning(
                    "SQLite %s has the WAL-reset bug: checkpoints wait for commits; no other program may "
                    "move the log of %s meanwhile",
                    sqlite_library.shown(self._library),
                    self._path,
                )
            self._checkpointer = Checkpointer(
                self._path, lambda: sqlite_connection.connect(self._path, Waiting()), apart=has_bug
            )
        except (apsw.Error, OSError) as error:
            raise StoreUnavailable(f"the database {self._path} cannot be opened: {error}") from error

    def _open_reading(self) -> None:
        waiting = Waiting()
        waiting.at_most(self._patience_seconds)
        try:
            reading = sqlite_connection.connect(self._path, waiting)
            self._reading.append(reading)
            reading.execute("pragma query_only=1").fetchall()
        except apsw.Error as error:
            raise StoreUnavailable(f"the database {self._path} cannot be read: {error}") from error

    def _read_keys(self, reading: apsw.Connection) -> None:
        """Read the index of the keys into the system's page cache, for at most `limits.read_ahead_seconds`.

        Without this the first bots after a restart wait for the index page by page: a cold load reads four
        pages from the disk, afterwards two (measured).
        """
        end = time.monotonic() + limits.read_ahead_seconds
        reading.set_progress_handler(lambda: time.monotonic() > end, _INSTRUCTIONS_BETWEEN_CALLS)
        try:
            reading.execute(self._sql["count_keys"]).fetchall()
        except apsw.InterruptError:
            pass
        finally:
            reading.set_progress_handler(None)

    def _commit(self, batch: Sequence[Write]) -> list[Outcome]:
        batches, checkpointer = self._batches, self._checkpointer
        assert batches is not None
        outcomes = batches.commit(batch)
        if checkpointer is not None:
            checkpointer.count_rows(len(batch))
        return outcomes


async def _close_thread(
    thread: WorkerThread, connection: apsw.Connection | None, lock: FileLock | None = None
) -> bool:
    """Close a connection in its thread and end the thread; return False if that exceeds the patience."""
    try:
        if connection is not None and lock is not None:
            await thread.run(connection.close, lock=lock)
        elif connection is not None:
            await thread.run(connection.close)
    except StoreUnavailable as error:
        _log.warning("a connection to the database is left open: %s", error)
    return await thread.stop()


def _check_identity(identity: FileIdentity) -> None:
    """Check the files before a write, so that a failure proves that no row was written.

    Raises:
        NotWritten: The paths no longer name the open files.
    """
    try:
        identity.check()
    except StoreUnavailable as error:
        raise NotWritten(str(error)) from error


def _readable(raw: bytes) -> str:
    """Decode a text for a list that people read: an invalid key must not hide the other entries."""
    return raw.decode(errors="replace")
