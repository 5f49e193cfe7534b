"""The shared store: a PostgreSQL database for any number of servers; every answer is durable.

A batch is one statement, so one implicit transaction and one round trip: no lock is held across a round trip.
The statement locks rows in the order of their ids. The store never cancels a statement: either the database
reports its outcome, or the host settles it.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, StoreError, StoreUnavailable
from dungeonfighter.hosting.ports import (
    AccessToken,
    BotSummary,
    Conflict,
    EpisodeEnd,
    Failed,
    Head,
    InputChunk,
    Outcome,
    PastRun,
    Row,
    RunSummary,
    Save,
    StoredRun,
    Unsettled,
    Won,
    Write,
)
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.storage import postgres_partitions, postgres_reads, postgres_schema, sql_files
from dungeonfighter.storage.parts import in_parts
from dungeonfighter.storage.postgres_errors import LOCK_TIMEOUT, Meaning, meaning, reason
from dungeonfighter.storage.postgres_facts import FactReader
from dungeonfighter.storage.postgres_links import Connection, NoRoom
from dungeonfighter.storage.postgres_pool import Pool, ServerState
from dungeonfighter.storage.postgres_proofs import Proofs, Start
from dungeonfighter.storage.postgres_ranked_runs import PostgresRankedRuns
from dungeonfighter.storage.save_rows import from_json, to_json

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_WRITERS_MIN: Final = 2
_WRITERS_MAX: Final = 4
ONLY_BITMAPS: Final = (
    "set local enable_bitmapscan = on; set local enable_indexscan = off; "
    "set local enable_indexonlyscan = off; set local enable_seqscan = off"
)
_PLANNED_TIMES: Final = 6
"""PostgreSQL plans a statement five times for its values before it caches one generic plan."""
_ABSENT_KEYS: Final = [f" {number}" for number in range(32)]
"""Keys that no bot has, as many as a usual load has: PostgreSQL caches the generic plan if it costs no more
than the plans for these values."""
_NO_STATE: Final = b"\0"
_NO_TEXT: Final = "\udcff"
"""A surrogate, which marks a text in a `Row` as invalid UTF-8."""
_BAD_LIST: Final = "a stored text of one of these bots is no text"
_DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)


class PostgresStore:
    """Rows in one PostgreSQL database.

    Writers and readers have separate connections, so that neither waits for the other. From four connections
    up, two write (from 12 up a quarter of them, at most 4), and the rest read and settle. Of two or three
    connections one writes; a single connection does both.

    Args:
        url: `postgresql://user:password@host:port/name`
        pool_size: The number of connections of this process.
        slow_seconds: How long a statement may run before the pool terminates its connection.
        prepared_statements: Pass False behind a PgBouncer before 1.21 or without `max_prepared_statements`;
            the role must then have `postgres_links.CONNECTION_SETTINGS`.
        read_url: A replica for lists of the best runs; it may lag behind or be unreachable.
        allow_unsafe: Open even if a setting of the server can lose acknowledged turns; see `health`.
    """

    def __init__(
        self, url: str, *, pool_size: int = 8, slow_seconds: float = limits.commit_timeout_seconds,
        prepared_statements: bool = True, read_url: str = "", allow_unsafe: bool = False,
    ) -> None:  # fmt: skip
        self._sql = sql_files.queries("postgres")
        writers = min(_WRITERS_MAX, max(_WRITERS_MIN, pool_size // 4)) if pool_size >= 4 else 1

        self._server = ServerState()
        self._allow_unsafe = allow_unsafe

        def pool(size: int) -> Pool:
            is_pooler = not prepared_statements
            return Pool(url, size, slow_seconds=slow_seconds, is_pooler=is_pooler, server=self._server)

        self.lanes = writers
        self._writers = pool(writers)
        self._readers = pool(pool_size - writers) if pool_size > writers else self._writers
        self._facts = FactReader(self._read, self._sql["facts"])
        self._proofs = Proofs(self._read, is_pooler=not prepared_statements)
        self._key_tables: Sequence[str] = ("games",)
        self._copy = self._readers
        self._has_copy = bool(read_url)
        if read_url:
            self._copy = Pool(read_url, 1, slow_seconds=slow_seconds, is_pooler=not prepared_statements)
        self.ranked = PostgresRankedRuns(self._read, lambda work: self._read(work, self._writers))

    def use_url(self, url: str) -> None:
        """Open further connections by another connection string of the same database."""
        self._writers.url = self._readers.url = url
        if not self._has_copy:
            self._copy.url = url

    def use_read_url(self, url: str) -> None:
        """Open further connections to the replica by another connection string."""
        if self._has_copy:
            self._copy.url = url

    async def open(self) -> None:
        """Connect and migrate the schema.

        Raises:
            SchemaTooNew: The database belongs to a newer release.
            StoreUnavailable: The server cannot be reached.
            SettingsError: A pooler drops the connection settings, and the role lacks them; or the server's
                settings can lose acknowledged turns; or the encoding of the database cannot hold every text.
        """
        try:
            await self._writers.connect_all()  # before the readers, which must not take the last free slot
            self._server.safety.check(allow_unsafe=self._allow_unsafe)
            await self._writers.run(postgres_schema.check_settings)
            await self._writers.run(lambda connection: postgres_schema.migrate(connection, self._sql))
            await self._writers.run(self._look_for_partitions)
            await self._make_ready()
            self._facts.start()
        except BaseException:
            await self.close()
            raise

    async def read_ahead(self) -> None:
        with contextlib.suppress(StoreError):
            for _ in range(_PLANNED_TIMES - 1):  # `open` did one
                await self._load_absent_keys()
            await self._read(self._read_keys)

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch; see `hosting.ports.Store.commit`. A failing row never fails the others."""
        bot_ids = frozenset(write.row.bot_id for write in batch)

        async def commit(connection: Connection) -> list[Outcome]:
            return await self._commit(connection, batch)

        try:
            return await self._writers.run(commit, bot_ids)
        except NoRoom:  # a writer's connection broke and another client took its slot; the pool sent nothing
            if self._readers is self._writers or not await self._readers.close_one_idle():
                raise
            return await self._writers.run(commit, bot_ids)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read_proven(lambda connection: self._heads(connection, bot_ids))

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load rows; several connections share a large load, because each waits for the disk page by page."""
        parts = in_parts(bot_ids, self._readers.size)
        found = await asyncio.gather(*(self._fetch_rows(list(part)) for part in parts))
        return _in_order(chain.from_iterable(found), bot_ids)

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load rows after every earlier statement of this process about them has ended.

        First no server process may be left that still runs a statement of a lost connection. Then the load
        locks the rows, so it waits for a commit that still holds their locks, perhaps while that commit waits
        for a standby.
        """

        async def lock(connection: Connection) -> list[Row | None]:
            await self._writers.end_orphans(connection)
            try:
                async with connection.transaction():
                    rows = await connection.fetch(self._sql["settle"], list(bot_ids))
            except (UnicodeDecodeError, asyncpg.CharacterNotInRepertoireError):
                async with connection.transaction():
                    await connection.execute(self._sql["settle_without_texts"], list(bot_ids))
                rows = await self._rows(connection, list(bot_ids))
            return _in_order(rows, bot_ids)

        await self._writers.wait_until_finished(frozenset(bot_ids))
        return await self._read(lock)

    async def probe(self) -> None:
        """Commit a transaction with an id of its own over a writer's connection, which a standby refuses."""

        async def write(connection: Connection) -> None:
            async with connection.transaction():
                await connection.fetchval("select pg_current_xact_id()::text")

        await self._read(write, self._writers)
        await self.heads([""])

    async def put_save(self, save: Save) -> bool:
        async def put(connection: Connection) -> bool:
            async with connection.transaction():
                await connection.execute(self._sql["lock_saves"], save.bot_id)
                most = limits.save_slots_max
                values = (save.bot_id, save.slot, to_json(save), most)
                return bool(await connection.fetch(self._sql["put_save"], *values))

        return await self._read(put)

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        rows = await self._fetch("get_save", bot_id, slot)
        return from_json(*rows[0], with_state=True) if rows else None

    async def list_saves(self, bot_id: str) -> list[Save]:
        return [from_json(*row, with_state=False) for row in await self._fetch("list_saves", bot_id)]

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        return bool(await self._fetch("delete_save", bot_id, slot))

    async def put_token(self, token: AccessToken) -> None:
        async def put(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute(self._sql["lock_tokens"])
                await connection.execute(self._sql["put_token"], *msgspec.structs.astuple(token)[:-1])

        await self._read(put)

    async def tokens_after(self, version: int) -> list[AccessToken]:
        return [AccessToken(*row) for row in await self._fetch("tokens_after", version)]

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        bound = sql_files.after_prefix(prefix)
        try:
            return [BotSummary(*row) for row in await self._fetch("list_bots", after, prefix, bound, count)]
        except Corrupt as error:
            raise StoreError(_BAD_LIST) from error

    async def count_bots(self, prefix: str, most: int) -> int:
        ((count,),) = await self._fetch("count_bots", prefix, sql_files.after_prefix(prefix), most)
        return int(count)

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        """List the best runs from the replica, if there is one; no other method reads from it."""
        values = (prefix, sql_files.after_prefix(prefix), count)
        try:
            return [RunSummary(*row) for row in await self._fetch("best_runs", *values, pool=self._copy)]
        except Corrupt as error:
            raise StoreError(_BAD_LIST) from error

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return [InputChunk(*row) for row in await self._fetch("inputs", bot_id, episode)]

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        return [EpisodeEnd(*row) for row in await self._fetch("episodes", bot_id)]

    async def past_runs(self, bot_id: str, before: int, count: int) -> list[PastRun]:
        return [PastRun(*row) for row in await self._fetch("past_runs", bot_id, before, count)]

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        return await postgres_reads.stored_run(self._fetch, bot_id, episode)

    async def shared_secret(self, name: str, fresh: bytes) -> bytes:
        found = await self._fetch("secret", name, fresh, pool=self._writers)
        if not found:  # the statement did not see what another one committed meanwhile
            found = await self._fetch("secret", name, fresh, pool=self._writers)
        return bytes(found[0][0])

    def health(self) -> StoreHealth:
        pools = {self._writers, self._readers, self._copy}
        return StoreHealth(
            hazards=self._server.safety.hazards,
            pool_size=sum(pool.size for pool in pools),
            pool_in_use=sum(pool.in_use for pool in pools),
            backup_at=self._facts.backup_at,
            is_answering=self._facts.is_answered,
            clock_skew_seconds=self._facts.clock_skew_seconds,
            sync_waits=self._facts.sync_waits,
        )

    async def close(self) -> None:
        await self._facts.stop()
        await self._writers.close()
        await self._readers.close()
        await self._copy.close()

    async def _make_ready(self) -> None:
        """Connect all readers and let each plan a load, so that the first bots do not wait for that.

        The pool makes a connection that fails here when work needs it.
        """
        if self._readers is not self._writers:
            with contextlib.suppress(StoreError):
                await self._readers.connect_all()
            self._warn_of_missing_connections()
        with contextlib.suppress(StoreError):
            await self._load_absent_keys()

    def _warn_of_missing_connections(self) -> None:
        wanted = self._writers.size + self._readers.size
        made = self._writers.connection_count + self._readers.connection_count
        if self._readers.is_short or self._writers.is_short:
            _log.warning(
                "the database server has room for %d of %d connections (SQLSTATE 53300), which must do: set "
                "--db-pool-size %d, or raise max_connections there",
                made, wanted, made,
            )  # fmt: skip

    async def _load_absent_keys(self) -> None:
        await asyncio.gather(*(self._fetch("load", _ABSENT_KEYS) for _ in range(self._readers.size)))

    async def _read_keys(self, connection: Connection) -> None:
        """Make the server read the index of the keys into its cache, for at most `limits.read_ahead_seconds`.

        A bitmap scan reads the whole index before it fetches its first row. No plainer statement reads an
        index and no rows.
        """
        until = time.monotonic() + limits.read_ahead_seconds
        with contextlib.suppress(asyncpg.QueryCanceledError):
            for table in self._key_tables:
                left_ms = max(1, round(1000 * (until - time.monotonic())))
                async with connection.transaction(readonly=True):
                    await connection.execute(f"{ONLY_BITMAPS}; set local statement_timeout = {left_ms}")
                    await connection.fetch(self._sql["read_keys"].replace("games", table))

    async def _look_for_partitions(self, connection: Connection) -> None:
        partitions = await postgres_partitions.partition_names(connection, "games")
        if partitions:
            self._sql = postgres_partitions.partitioned_queries(self._sql)
            self._key_tables = partitions

    # On a connection

    async def _commit(self, connection: Connection, batch: Sequence[Write]) -> list[Outcome]:
        try:
            rows = await connection.fetch(self._sql["commit"], *_parameters(batch))
        except _DRIVER_ERRORS as error:
            kind = meaning(error)
            if kind is Meaning.unknown:
                raise
            if len(batch) > 1:
                return await self._commit_in_parts(connection, await self._split(connection, batch, error))
            return [Failed(reason(error)) if kind is Meaning.bad_row else Unsettled(reason(error))]
        won = {row[0] for row in rows}
        if len(won) == len(batch):
            return [Won()] * len(batch)
        lost = [write.row.bot_id for write in batch if write.row.bot_id not in won]
        heads = dict(zip(lost, await self._heads(connection, lost), strict=True))
        return [_conflict(heads[write.row.bot_id]) if write.row.bot_id in heads else Won() for write in batch]

    async def _split(
        self, connection: Connection, batch: Sequence[Write], error: BaseException
    ) -> tuple[Sequence[Write], Sequence[Write]]:
        """Split a batch in two: after a lock timeout into unlocked and locked rows, otherwise into halves."""
        if getattr(error, "sqlstate", "") == LOCK_TIMEOUT:
            bot_ids = [write.row.bot_id for write in batch]
            free = {row[0] for row in await connection.fetch(self._sql["not_held"], bot_ids)}
            if 0 < len(free) < len(batch):
                held = [write for write in batch if write.row.bot_id not in free]
                return [write for write in batch if write.row.bot_id in free], held
        half = len(batch) // 2
        return batch[:half], batch[half:]

    async def _commit_in_parts(
        self, connection: Connection, parts: tuple[Sequence[Write], Sequence[Write]]
    ) -> list[Outcome]:
        """Commit two parts and return their outcomes, sorted by bot id as the batch was.

        An error in the second part leaves the outcomes of the first part as they are.
        """
        first, second = parts
        outcomes = await self._commit(connection, first)
        try:
            outcomes += await self._commit(connection, second)
        except _DRIVER_ERRORS as error:
            connection.terminate()
            outcomes += [Unsettled(reason(error))] * len(second)
        bot_ids = [write.row.bot_id for part in parts for write in part]
        return [outcome for _, outcome in sorted(zip(bot_ids, outcomes, strict=True), key=itemgetter(0))]

    async def _heads(self, connection: Connection, bot_ids: Sequence[str]) -> list[Head | None]:
        rows = await connection.fetch(self._sql["heads"], list(bot_ids))
        found = {bot_id: Head(*head) for bot_id, *head in rows}
        return [found.get(bot_id) for bot_id in bot_ids]

    async def _fetch(self, name: str, *values: object, pool: Pool | None = None) -> list[Any]:
        async def fetch(connection: Connection) -> list[Any]:
            rows: list[Any] = await connection.fetch(self._sql[name], *values)
            return rows

        try:
            return await self._read(fetch, pool)
        except UnicodeDecodeError as error:
            raise Corrupt("a stored text of this bot is no text") from error
        except StoreError as error:
            if isinstance(error.__cause__, asyncpg.CharacterNotInRepertoireError):
                raise Corrupt("a stored text of this bot is no text") from error
            raise

    async def _fetch_rows(self, bot_ids: list[str]) -> list[Any]:
        return await self._read_proven(lambda connection: self._rows(connection, bot_ids))

    async def _rows(self, connection: Connection, bot_ids: list[str]) -> list[Any]:
        """Load rows of games; halve the load to isolate a row with an undecodable text.

        The method returns such a row with placeholders for its texts and its state, which fail validation.
        """
        try:
            rows: list[Any] = await connection.fetch(self._sql["load"], bot_ids)
        except (UnicodeDecodeError, asyncpg.CharacterNotInRepertoireError):
            if len(bot_ids) == 1:
                found = await connection.fetch(self._sql["load_without_texts"], bot_ids)
                return [(*row[:5], _NO_TEXT, _NO_STATE, row[5], "", *row[6:]) for row in found]
            half = len(bot_ids) // 2
            rows = await self._rows(connection, bot_ids[:half])
            rows += await self._rows(connection, bot_ids[half:])
        return rows

    async def _read_proven(self, work: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        """Read what may ground an answer."""

        async def read(connection: Connection) -> tuple[_Result, Start]:
            return await work(connection), await self._proofs.start_of(connection)

        found, start = await self._read(read)
        await self._proofs.check(start)
        return found

    async def _read(
        self, work: Callable[[Connection], Coroutine[Any, Any, _Result]], pool: Pool | None = None
    ) -> _Result:
        chosen = pool or self._readers
        try:
            try:
                return await chosen.run(work)
            except NoRoom:
                if chosen is not self._readers or chosen is self._writers:
                    raise
                return await self._writers.run(work)  # the server has no slot for a reader
        except StoreUnavailable:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreError(f"the database refuses a value ({reason(error)})") from error


def _conflict(head: Head | None) -> Conflict:
    return Conflict(head.version, head.digest) if head is not None else Conflict(0, b"")


def _in_order(rows: Iterable[Any], bot_ids: Sequence[str]) -> list[Row | None]:
    found = {row[0]: Row(*row) for row in rows}
    return [found.get(bot_id) for bot_id in bot_ids]


def _parameters(batch: Sequence[Write]) -> list[list[Any]]:
    """Return the arrays for the statement `commit`: one array per column of rows, chunks and ended runs."""
    rows, chunks, ends, bases = [], [], [], []
    for write in batch:
        row, end = write.row, write.ended
        rows.append(
            (row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail,
             row.directive, row.tokens_today, write.from_version, write.from_digest, write.from_tail)
        )  # fmt: skip
        chunks += [(row.bot_id, chunk.episode, chunk.first_turn, chunk.inputs) for chunk in write.chunks]
        if write.base:
            bases.append((row.bot_id, row.episode, write.base))
        if end is not None:
            ends.append(
                (row.bot_id, end.episode, end.rules, end.seed, end.mode, end.options, end.parent_episode,
                 end.first_turn, end.last_turn, end.result, end.score, end.digest, end.ranked, end.origin,
                 end.nonce)
            )  # fmt: skip
    return [*_columns(rows, 13), *_columns(chunks, 4), *_columns(ends, 15), *_columns(bases, 3)]


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
