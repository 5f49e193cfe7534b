"""Writes a batch over a SQLite connection: one transaction, in which each row wins, conflicts or fails.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Final

import apsw

from dungeonfighter.errors import NotWritten, StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Failed, Outcome, Unsettled, Won, Write
from dungeonfighter.storage import sql_files
from dungeonfighter.storage.sqlite_connection import unavailable

_ROWIDS_MAX: Final = 200_000
_WON: Final = Won()
_ROW_ERRORS: Final = (
    apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError, apsw.CorruptError,
)  # fmt: skip
"""Errors that a value of a row or the page of the row causes. All other errors concern the whole database."""


class BatchWriter:
    """Commits batches over one connection in one thread.

    Args:
        connection: No other code uses the connection during a call.
        wall: Returns the time for `updated_at`, in seconds since 1970.
    """

    def __init__(self, connection: apsw.Connection, wall: Callable[[], float]) -> None:
        self._connection = connection
        self._wall = wall
        self._sql = sql_files.queries("sqlite")
        self._rowids: dict[str, int] = {}
        """The rowid at which each bot's row was last found."""

    def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch; see `hosting.ports.Store.commit`. A failing row never fails the others.

        Raises:
            NotWritten: An error came before the statement `commit`; no row was written.
            apsw.Error: The statement `commit` failed; the outcome is unknown.
        """
        connection = self._connection
        try:
            connection.execute("begin immediate")
            outcomes = self._write(batch)
        except (apsw.Error, OSError) as error:
            roll_back(connection)
            if not isinstance(error, _ROW_ERRORS):
                raise NotWritten(str(unavailable(error))) from error
            return self._commit_in_parts(batch, error)
        except Exception as error:  # noqa: BLE001 (a value that cannot be bound fails only its row)
            roll_back(connection)
            return self._commit_in_parts(batch, error)
        try:
            connection.execute("commit")
        except BaseException:
            roll_back(connection)
            raise
        return outcomes

    def _commit_in_parts(self, batch: Sequence[Write], error: Exception) -> list[Outcome]:
        """Halve the batch until the failing row is alone."""
        if len(batch) == 1:
            return [Failed(type(error).__name__)]
        half = len(batch) // 2
        outcomes = self.commit(batch[:half])
        try:
            return outcomes + self.commit(batch[half:])
        except (StoreUnavailable, apsw.Error, OSError) as unsettled:
            return outcomes + [Unsettled(type(unsettled).__name__)] * (len(batch) - half)

    def _write(self, batch: Sequence[Write]) -> list[Outcome]:
        now = self._wall()
        outcomes = self._write_winners(batch, now)
        if outcomes is None:
            for write in batch:
                self._rowids.pop(write.row.bot_id, None)
            self._connection.execute("rollback")
            self._connection.execute("begin immediate")
            outcomes = [self._write_one(write, now) for write in batch]
        return outcomes

    def _write_winners(self, batch: Sequence[Write], now: float) -> list[Outcome] | None:
        """Write a batch whose rows all win; return None, with a half-written transaction, if one does not.

        One `executemany` for all rows costs half as much as one `execute` per row (measured).
        """
        connection = self._connection
        changed = self._rows_at([one for one in batch if one.from_version], now)
        new = [_insert_values(one, now) for one in batch if not one.from_version]
        if changed is None:
            return None
        for name, rows in (("update_game_at", changed), ("insert_game", new)):
            if rows:
                before = connection.total_changes()
                connection.executemany(self._sql[name], rows)
                if connection.total_changes() - before != len(rows):
                    return None
        bases = [(one.row.bot_id, one.row.episode, one.base) for one in batch if one.base]
        if bases:
            connection.executemany(self._sql["write_base"], bases)
        for write in batch:
            if write.chunks or write.ended is not None:
                self._write_riders(write, now)
        return [_WON] * len(batch)

    def _rows_at(self, writes: list[Write], now: float) -> list[tuple[object, ...]] | None:
        """Return the values for `update_game_at`, or None if a bot has no row.

        Finding a row by its key in the index costs a third of the update (measured), so this finds it by its
        rowid. If VACUUM has changed the rowid, the update matches no row, and `_write_one` finds it by its
        key.
        """
        rowids = self._rowids
        unknown = [one.row.bot_id for one in writes if one.row.bot_id not in rowids]
        if unknown:
            if len(rowids) + len(unknown) > _ROWIDS_MAX:
                rowids.clear()
                unknown = [one.row.bot_id for one in writes]
            rowids.update(self._connection.execute(self._sql["rowids"], (json.dumps(unknown),)))
        try:
            return [(*_update_values(one, now), rowids[one.row.bot_id]) for one in writes]
        except KeyError:
            return None

    def _write_one(self, write: Write, now: float) -> Outcome:
        connection = self._connection
        if write.from_version == 0:
            connection.execute(self._sql["insert_game"], _insert_values(write, now))
        else:
            connection.execute(self._sql["update_game"], _update_values(write, now))
        if connection.changes() != 1:
            head = connection.execute(self._sql["head"], (write.row.bot_id,)).fetchone()
            return Conflict(*head) if head is not None else Conflict(0, b"")
        if write.base:
            connection.execute(self._sql["write_base"], (write.row.bot_id, write.row.episode, write.base))
        self._write_riders(write, now)
        return _WON

    def _write_riders(self, write: Write, now: float) -> None:
        connection, ended, bot_id = self._connection, write.ended, write.row.bot_id
        for chunk in write.chunks:
            values = (bot_id, chunk.episode, chunk.first_turn, chunk.inputs)
            connection.execute(self._sql["write_chunk"], values)
        if ended is not None:
            run = (
                bot_id, ended.episode, ended.rules, ended.seed, ended.mode, ended.options,
                ended.parent_episode, ended.first_turn, ended.last_turn, ended.result, ended.score,
                ended.digest, ended.ranked, ended.origin, ended.nonce, now,
            )  # fmt: skip
            connection.execute(self._sql["write_episode"], run)


def _insert_values(write: Write, now: float) -> tuple[object, ...]:
    row = write.row
    return (
        row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail, row.directive,
        row.tokens_today, now, row.bot_id,
    )  # fmt: skip


def _update_values(write: Write, now: float) -> tuple[object, ...]:
    return (*_insert_values(write, now), write.from_version, write.from_digest, write.from_tail)


def roll_back(connection: apsw.Connection) -> None:
    """Roll back the open transaction, if there is one; an error means that there is none."""
    with contextlib.suppress(apsw.Error):
        if connection.in_transaction:
            connection.execute("rollback")
