"""Reads the rows of a store by SQL of its own, in one snapshot.

Source: src/dungeonfighter/storage/sql/postgres/001_first.sql;
src/dungeonfighter/storage/sql/sqlite/001_first.sql.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import apsw
import asyncpg

from chaos.checker.promotions import Stand
from chaos.checker.stored import Chunk, GameRow, Rows, RunEnd, StoredBot

_GAMES: Final = (
    "select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today from games"
)
_CHUNKS: Final = "select bot_id, episode, first_turn, inputs from run_inputs"
_ENDS: Final = (
    "select bot_id, episode, rules, seed, mode, options, first_turn, last_turn, result, score, digest, "
    "ranked, origin, nonce from episodes"
)
_BASES: Final = "select bot_id, episode, base from run_bases"
_PLACES: Final = "select bot_id, episode, turn, digest from games"
_LAST_TURNS: Final = "select bot_id, episode, last_turn from episodes"
_SQLITE_OF_FLEET: Final = " where bot_id >= ? and bot_id < ? order by bot_id"
_POSTGRES_OF_FLEET: Final = " where bot_id >= $1 and bot_id < $2 order by bot_id"
_CONNECT_SECONDS_MAX: Final = 20.0
_STATEMENT_SECONDS_MAX: Final = 120.0


class StoreError(Exception):
    """The store cannot be read."""


def load(store: str, fleet: str = "local") -> Rows:
    """Return all rows of a fleet; this blocks, and needs a thread without an event loop.

    Args:
        store: `postgresql://...`, `sqlite:///file` or the path of a SQLite file.
        fleet: The fleet of the bots.

    Raises:
        StoreError: The store cannot be read.
    """
    games, chunks, ends, bases = _answers(store, fleet, [_GAMES, _CHUNKS, _ENDS, _BASES])
    rows: Rows = {}

    def bot(key: str) -> StoredBot:
        return rows.setdefault(key.partition("/")[2], StoredBot())

    for key, *values in games:
        bot(key).row = GameRow(*values)
    for key, *values in chunks:
        bot(key).chunks.append(Chunk(*values))
    for key, *values in ends:
        end = RunEnd(*values)
        bot(key).ends[end.episode] = end
    for key, episode, base in bases:
        bot(key).bases[episode] = base
    for one in rows.values():
        one.chunks.sort(key=lambda chunk: (chunk.episode, chunk.first_turn))
    return rows


def load_places(store: str, fleet: str = "local") -> dict[str, Stand]:
    """Return where each bot of a fleet stands, for a `Promotion`; otherwise as `load`."""
    (found,) = _answers(store, fleet, [_PLACES])
    return {
        key.partition("/")[2]: Stand(episode, turn, bytes(digest).hex())
        for key, episode, turn, digest in found
    }


def load_ends(store: str, fleet: str = "local") -> dict[str, dict[int, int]]:
    """Return the last turns of the ended runs of each bot, for a `Promotion`; otherwise as `load`."""
    (found,) = _answers(store, fleet, [_LAST_TURNS])
    ends: dict[str, dict[int, int]] = {}
    for key, episode, last_turn in found:
        ends.setdefault(key.partition("/")[2], {})[episode] = last_turn
    return ends


def _answers(store: str, fleet: str, queries: Sequence[str]) -> list[list[Sequence[Any]]]:
    bounds = (f"{fleet}/", f"{fleet}0")  # "0" follows "/"
    if store.startswith(("postgresql://", "postgres://")):
        try:
            return asyncio.run(_from_postgres(store, bounds, queries))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            raise StoreError(f"PostgreSQL cannot be read: {error!r}") from error
    path = store.removeprefix("sqlite:///")
    try:
        return _from_sqlite(path, bounds, queries)
    except apsw.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


async def _from_postgres(
    url: str, bounds: tuple[str, str], queries: Sequence[str]
) -> list[list[Sequence[Any]]]:
    connection = await asyncpg.connect(
        url, timeout=_CONNECT_SECONDS_MAX, command_timeout=_STATEMENT_SECONDS_MAX
    )
    try:
        await connection.execute("begin isolation level repeatable read read only")
        return [await connection.fetch(query + _POSTGRES_OF_FLEET, *bounds) for query in queries]
    finally:
        await connection.close(timeout=_CONNECT_SECONDS_MAX)


def _from_sqlite(path: str, bounds: tuple[str, str], queries: Sequence[str]) -> list[list[Sequence[Any]]]:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("begin")
        return [list(connection.execute(query + _SQLITE_OF_FLEET, bounds)) for query in queries]
    finally:
        connection.close()
