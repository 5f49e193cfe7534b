"""The shared store: PostgreSQL, any number of servers, every answer durable.

A batch is one statement, so one implicit transaction and one round trip: locks are never held while the
network is waited for. Rows are locked in the order of their ids. A statement is never cancelled: what became
of it is either told or settled.

Source: docs/architecture.md, "PostgreSQL".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

import asyncpg

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, StoreError, StoreUnavailable
from dungeonfighter.hosting.ports import (
    BotSummary,
    Conflict,
    EpisodeEnd,
    Failed,
    Head,
    InputChunk,
    Outcome,
    Row,
    RunSummary,
    Save,
    StoreHealth,
    Unsettled,
    Won,
    Write,
)
from dungeonfighter.storage import postgres_schema, sql_files
from dungeonfighter.storage.parts import in_parts
from dungeonfighter.storage.postgres_errors import LOCK_TIMEOUT, Meaning, meaning, reason
from dungeonfighter.storage.postgres_links import Connection, NoRoom
from dungeonfighter.storage.postgres_pool import Path, Pool
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
"""PostgreSQL plans a statement five times for its values before it keeps a plan for any."""
_NOBODY: Final = [f" {number}" for number in range(32)]
"""Keys that no bot has, as many as a load has at a time: a kept plan is compared with those made for them."""
_NO_STATE: Final = b"\0"
_NO_TEXT: Final = "\udcff"
"""A surrogate, as `Row` wants it for a text that is no UTF-8."""
_BAD_LIST: Final = "a stored text of one of these bots is no text"
_TROUBLES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)


class PostgresStore:
    """Rows in one PostgreSQL database.

    Two of the connections write (of 12 and more a quarter, at most 4), the others read and settle, so that
    neither waits for the other; of two or three one writes, and one alone does both.

    Args:
        url: `postgresql://user:password@host:port/name`
        pool_size: Connections of this process.
        slow_seconds: How long a statement may take before its connection is given up.
        prepared_statements: Switch off when PgBouncer (before 1.21, or without `max_prepared_statements`)
            is in between; the role must then have `postgres_links.CONNECTION_SETTINGS`.
        read_url: A replica to ask for lists of the best runs; it may be behind, or away.
        allow_unsafe: Open also where a setting of the server can lose acknowledged turns; see `health`.
    """

    def __init__(
        self, url: str, *, pool_size: int = 8, slow_seconds: float = limits.commit_timeout_seconds,
        prepared_statements: bool = True, read_url: str = "", allow_unsafe: bool = False,
    ) -> None:  # fmt: skip
        self._sql = sql_files.queries("postgres")
        writers = min(_WRITERS_MAX, max(_WRITERS_MIN, pool_size // 4)) if pool_size >= 4 else 1

        self._path = Path()
        self._allow_unsafe = allow_unsafe

        def pool(size: int) -> Pool:
            is_pooler = not prepared_statements
            return Pool(url, size, slow_seconds=slow_seconds, is_pooler=is_pooler, path=self._path)

        self.lanes = writers
        self._writers = pool(writers)
        self._readers = pool(pool_size - writers) if pool_size > writers else self._writers
        self._copy = self._readers
        if read_url:
            self._copy = Pool(read_url, 1, slow_seconds=slow_seconds, is_pooler=not prepared_statements)

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            SchemaTooNew: The database belongs to a newer release.
            StoreUnavailable: It cannot be reached.
            SettingsError: There is a pooler in between that swallows settings, and the role has not got them;
                or the server's settings can lose acknowledged turns; or the encoding cannot hold every text.
        """
        try:
            await self._writers.connect_all()  # first: readers must not take the last slot of the server
            self._path.safety.check(allow_unsafe=self._allow_unsafe)
            await self._writers.run(postgres_schema.check_settings)
            await self._writers.run(lambda connection: postgres_schema.migrate(connection, self._sql))
            await self._make_ready()
        except BaseException:
            await self.close()
            raise

    async def read_ahead(self) -> None:
        with contextlib.suppress(StoreError):
            for _ in range(_PLANNED_TIMES - 1):  # once when it was opened
                await self._load_nobody()
            await self._read(self._read_keys)

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch; see `hosting.ports.Store.commit`. One failing row never holds the others."""
        bot_ids = frozenset(write.row.bot_id for write in batch)

        async def commit(connection: Connection) -> list[Outcome]:
            return await self._commit(connection, batch)

        try:
            return await self._writers.run(commit, bot_ids)
        except NoRoom:  # a writer was lost and others took its slot; nothing was sent
            if self._readers is self._writers or not await self._readers.give_up_one():
                raise
            return await self._writers.run(commit, bot_ids)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await self._read(lambda connection: self._heads(connection, bot_ids))

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Many are read over several connections side by side: each waits for the disk, a page at a time."""
        parts = in_parts(bot_ids, self._readers.size)
        found = await asyncio.gather(*(self._fetch_rows(list(part)) for part in parts))
        return _in_order(chain.from_iterable(found), bot_ids)

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """The rows, after everything this process ever sent about them.

        First nobody may be left who could still carry out a statement of a connection that was lost; then the
        locks of the rows are waited for, because a commit that waits for its standby holds them.
        """

        async def lock(connection: Connection) -> list[Row | None]:
            await self._writers.no_orphan_left(connection)
            try:
                async with connection.transaction():
                    rows = await connection.fetch(self._sql["settle"], list(bot_ids))
            except (UnicodeDecodeError, asyncpg.CharacterNotInRepertoireError):
                async with connection.transaction():
                    await connection.execute(self._sql["settle_without_texts"], list(bot_ids))
                rows = await self._rows(connection, list(bot_ids))
            return _in_order(rows, bot_ids)

        await self._writers.finished(frozenset(bot_ids))
        return await self._read(lock)

    async def probe(self) -> None:
        """Commit a transaction that has a number, on a connection that writes: a standby refuses that."""

        async def write(connection: Connection) -> None:
            async with connection.transaction():
                await connection.fetchval("select pg_current_xact_id()::text")

        await self._read(write, self._writers)
        await self.heads([""])

    async def put_save(self, save: Save) -> None:
        async def put(connection: Connection) -> None:
            await connection.execute(self._sql["put_save"], save.bot_id, save.slot, to_json(save))

        await self._read(put)

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        rows = await self._fetch("get_save", bot_id, slot)
        return from_json(*rows[0], with_state=True) if rows else None

    async def list_saves(self, bot_id: str) -> list[Save]:
        return [from_json(*row, with_state=False) for row in await self._fetch("list_saves", bot_id)]

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        return bool(await self._fetch("delete_save", bot_id, slot))

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        bound = sql_files.after_prefix(prefix)
        try:
            return [BotSummary(*row) for row in await self._fetch("list_bots", after, prefix, bound, count)]
        except Corrupt as error:
            raise StoreError(_BAD_LIST) from error

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        """From the copy for reading, if there is one; nothing else ever comes from there."""
        values = (prefix, sql_files.after_prefix(prefix), count)
        try:
            return [RunSummary(*row) for row in await self._fetch("best_runs", *values, pool=self._copy)]
        except Corrupt as error:
            raise StoreError(_BAD_LIST) from error

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        return [InputChunk(*row) for row in await self._fetch("inputs", bot_id, episode)]

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        return [EpisodeEnd(*row) for row in await self._fetch("episodes", bot_id)]

    def health(self) -> StoreHealth:
        return StoreHealth(hazards=self._path.safety.hazards)

    async def close(self) -> None:
        """Finish what was accepted and let go of the connections."""
        await self._writers.close()
        await self._readers.close()
        await self._copy.close()

    async def _make_ready(self) -> None:
        """Connect all readers and let each plan a load, so that the first bots do not wait for that.

        What fails is made when it is needed.
        """
        if self._readers is not self._writers:
            with contextlib.suppress(StoreError):
                await self._readers.connect_all()
            self._warn_of_few()
        with contextlib.suppress(StoreError):
            await self._load_nobody()

    def _warn_of_few(self) -> None:
        wanted = self._writers.size + self._readers.size
        standing = self._writers.standing + self._readers.standing
        if self._readers.is_short or self._writers.is_short:
            _log.warning(
                "the database server has room for %d of %d connections (SQLSTATE 53300), which must do: set "
                "--db-pool-size %d, or raise max_connections there",
                standing, wanted, standing,
            )  # fmt: skip

    async def _load_nobody(self) -> None:
        """One load over each reading connection."""
        await asyncio.gather(*(self._fetch("load", _NOBODY) for _ in range(self._readers.size)))

    async def _read_keys(self, connection: Connection) -> None:
        """Let the server have the index of the keys in memory, or as much as can be read in a second.

        A bitmap is made of the whole index before its first row is looked for; there is no plainer statement
        that reads an index and leaves the rows alone.
        """
        end = f"set local statement_timeout = {1000 * limits.read_ahead_seconds:.0f}"
        with contextlib.suppress(asyncpg.QueryCanceledError):
            async with connection.transaction(readonly=True):
                await connection.execute(f"{ONLY_BITMAPS}; {end}")
                await connection.fetch(self._sql["read_keys"])

    # On a connection

    async def _commit(self, connection: Connection, batch: Sequence[Write]) -> list[Outcome]:
        try:
            rows = await connection.fetch(self._sql["commit"], *_parameters(batch))
        except _TROUBLES as error:
            kind = meaning(error)
            if kind is Meaning.unknown:
                raise
            if len(batch) > 1:
                return await self._commit_in_parts(connection, await self._parts(connection, batch, error))
            return [Failed(reason(error)) if kind is Meaning.bad_row else Unsettled(reason(error))]
        won = {row[0] for row in rows}
        if len(won) == len(batch):
            return [Won()] * len(batch)
        lost = [write.row.bot_id for write in batch if write.row.bot_id not in won]
        standing = dict(zip(lost, await self._heads(connection, lost), strict=True))
        return [
            _conflict(standing[write.row.bot_id]) if write.row.bot_id in standing else Won()
            for write in batch
        ]

    async def _parts(
        self, connection: Connection, batch: Sequence[Write], error: BaseException
    ) -> tuple[Sequence[Write], Sequence[Write]]:
        """Two smaller batches: the rows that nobody holds and the others, or else simply halves."""
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
        """The outcomes in the order of the whole batch; what is known of the first part stays known."""
        first, second = parts
        outcomes = await self._commit(connection, first)
        try:
            outcomes += await self._commit(connection, second)
        except _TROUBLES as error:
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
        return await self._read(lambda connection: self._rows(connection, bot_ids))

    async def _rows(self, connection: Connection, bot_ids: list[str]) -> list[Any]:
        """Rows of games; where a text is none, that bot's row alone is one that does not check."""
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
                return await self._writers.run(work)  # not one slot for a reader: share with the writers
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
    """The arrays of the statement `commit`: rows, chunks, ended runs, each by column."""
    rows, chunks, ends = [], [], []
    for write in batch:
        row, end = write.row, write.ended
        rows.append(
            (row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail,
             row.directive, row.tokens_today, write.from_version, write.from_digest, write.from_tail)
        )  # fmt: skip
        chunks += [(row.bot_id, chunk.episode, chunk.first_turn, chunk.inputs) for chunk in write.chunks]
        if end is not None:
            ends.append(
                (row.bot_id, end.episode, end.rules, end.seed, end.mode, end.options, end.parent_episode,
                 end.first_turn, end.last_turn, end.result, end.score, end.digest, end.ranked, end.base)
            )  # fmt: skip
    return [*_columns(rows, 13), *_columns(chunks, 4), *_columns(ends, 14)]


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
