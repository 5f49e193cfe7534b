"""The rate of durable turns on PostgreSQL: `python -m bench.postgres [URL]`.

Without a URL it starts a server of its own, with `fsync` and `synchronous_commit` on. Load, driver and server
share this machine's cores. Each bot writes its next row (1 KB of state) as soon as the last one is durable,
through the group commit of the host, without rules and HTTP. The figure `alone` is for comparison: the same
row, one connection, one plain `update` after the other.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import asyncpg
from msgspec import Struct

from dungeonfighter.hosting.group_commit import CommitResult, Lanes
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.ports import Row, Won, Write
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer

_SECONDS: Final = 3.0
_STATE_BYTES: Final = 1000
_POOLS: Final = (2, 4, 16)
_BOTS: Final = (8, 64, 256, 1000)


class Measured(Struct):
    """One line of the table; latencies in milliseconds, from queueing a turn to its outcome."""

    lanes: int
    bots: int
    rows_per_second: float
    batches_per_second: float
    rows_per_batch: float
    p50: float
    p99: float


async def measure(url: str, pool_size: int, bots: int, keys: Sequence[str] = ()) -> Measured:
    """Let `bots` bots play for some seconds: those named, or new ones."""
    store = PostgresStore(url, pool_size=pool_size)
    await store.open()
    metrics = HostMetrics(
        UncollectedMeter(), now=time.monotonic, hot_games=int, store_up=lambda: True, health=store.health
    )
    batches = metrics.batch_rows
    lanes = Lanes(store, SystemClock(), metrics)
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + _SECONDS
    seconds: list[float] = []

    async def play(bot_id: str) -> None:
        (standing,) = await store.load([bot_id])
        while (begun := time.perf_counter()) < until:
            outcome: asyncio.Future[CommitResult] = loop.create_future()
            write = _next(standing, bot_id)
            lanes.add(write, asyncio.Future.set_result, outcome)
            if not isinstance(await outcome, Won):
                raise RuntimeError(f"{bot_id}: {outcome.result()}")
            seconds.append(time.perf_counter() - begun)
            standing = write.row

    await asyncio.gather(*map(play, keys or [f"bench/b{number:05}" for number in range(bots)]))
    await store.close()
    seconds.sort()
    rows, commits = batches.sum, sum(batches.counts)
    return Measured(
        store.lanes, bots, rows / _SECONDS, commits / _SECONDS, rows / commits,
        1000 * seconds[len(seconds) // 2], 1000 * seconds[len(seconds) * 99 // 100],
    )  # fmt: skip


async def measure_alone(url: str) -> float:
    """Return the commits a second of one connection that only updates one row."""
    connection = await asyncpg.connect(url)
    update = await connection.prepare("update games set version = version + 1, state = $2 where bot_id = $1")
    count, until = 0, time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        await update.fetch("bench/b00000", os.urandom(_STATE_BYTES))
        count += 1
    await update.fetch("bench/b00000", b"")
    await connection.execute("delete from games where bot_id = 'bench/b00000'")
    await connection.close()
    return count / _SECONDS


async def written_per_row(url: str) -> tuple[float, float]:
    """Return the bytes of `games` and its index per row, and of WAL per written row, for 256 bots."""
    connection = await asyncpg.connect(url)
    begun = await connection.fetchval("select pg_current_wal_lsn()")
    done = await measure(url, 4, 256)
    wal = await connection.fetchval("select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)", begun)
    table = await connection.fetchval("select pg_total_relation_size('games')::float8 / count(*) from games")
    await connection.close()
    return float(table), float(wal) / (done.rows_per_second * _SECONDS)


def main() -> int:
    with _database() as url:
        print("lanes  bots  turns/s  batches/s  turns/batch  p50 ms  p99 ms")
        for pool_size in _POOLS:
            for bots in _BOTS:
                one = asyncio.run(measure(url, pool_size, bots))
                print(
                    f"{one.lanes:5} {one.bots:5} {one.rows_per_second:8.0f} {one.batches_per_second:10.0f} "
                    f"{one.rows_per_batch:12.1f} {one.p50:7.2f} {one.p99:7.2f}",
                    flush=True,
                )
        print(f"alone: {asyncio.run(measure_alone(url)):.0f} commits/s, one connection, one row each")
        table, wal = asyncio.run(written_per_row(url))
        print(f"bytes: {table:.0f} of table and index per bot, {wal:.0f} of WAL per turn (256 bots)")
    return 0


def _next(standing: Row | None, bot_id: str) -> Write:
    version, digest, tail = 0, b"", b""
    if standing is not None:
        version, digest, tail = standing.version, standing.digest, standing.tail
    state = os.urandom(_STATE_BYTES)
    return Write(
        Row(bot_id, version + 1, state[:16], 1, version, "1-bench", state, bytes(200)), version, digest, tail
    )


@contextmanager
def _database() -> Iterator[str]:
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    server = PostgresServer(fsync="on", shared_buffers="128MB")
    try:
        server.start()
        yield server.empty_database("bench")
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
