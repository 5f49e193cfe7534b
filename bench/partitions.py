"""The rate of durable turns on partitioned tables beside plain ones: `python -m bench.partitions [URL]`.

Two databases of one server hold the same number of bots, one in plain tables, one in partitions. Rounds
alternate between them, so that both meet the same noise. The load is that of `bench.postgres`: each bot
writes its next row as soon as the last one is durable. The bots that play are spread over the whole table.

Without a URL it starts a server of its own. A given URL names a server where this role may create the
databases `df_bench_plain` and `df_bench_partitioned`; both are dropped at the end. It writes
`bench-results/partitions.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from bench.machine import machine
from bench.postgres import Measured, measure
from dungeonfighter.storage import postgres_partitions
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer

_RESULTS: Final = Path("bench-results")
_STATE_BYTES: Final = 1000
_ROWS_AT_ONCE: Final = 50_000
_POOL_SIZE: Final = 8
_KINDS: Final = ("plain", "partitioned")
_FILL: Final = """
insert into games (bot_id, version, digest, episode, turn, rules, state, trail, tokens_today, updated_at)
select 'bench/b' || lpad(n::text, 8, '0'), 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), 1, 0, '1-bench',
       decode(repeat(md5(n::text), $3), 'hex'), decode(repeat('00', 200), 'hex'), 0, now()
from generate_series($1::int, $2::int) as n
"""


class _Said:
    def progress(self, text: str) -> None:
        sys.stderr.write(f"  {text}\n")


def main() -> int:
    arguments = _arguments()
    results: dict[str, list[Measured]] = {kind: [] for kind in _KINDS}
    try:
        with _server(arguments.url) as url, contextlib.ExitStack() as left:
            urls = {kind: _named(url, f"df_bench_{kind}") for kind in _KINDS}
            left.callback(lambda: asyncio.run(_drop(url)))
            for kind in _KINDS:
                asyncio.run(_make(url, urls[kind], kind, arguments))
            for number in range(arguments.rounds):
                for kind in _KINDS if number % 2 == 0 else _KINDS[::-1]:
                    keys = _keys(arguments.rows, arguments.bots)
                    done = asyncio.run(measure(urls[kind], _POOL_SIZE, arguments.bots, keys))
                    results[kind].append(done)
                    sys.stderr.write(f"round {number + 1}, {kind}: {done.rows_per_second:.0f} turns/s\n")
    except KeyboardInterrupt:
        sys.stderr.write("ended early: nothing was written\n")
        return 130
    _show(arguments, results)
    return 0


def _show(arguments: argparse.Namespace, results: dict[str, list[Measured]]) -> None:
    print(
        f"{arguments.rows:,} bots in each database, {arguments.partitions} partitions; {arguments.bots} play"
    )
    print("tables        turns/s  batches/s  turns/batch  p50 ms  p99 ms   (medians)")
    for kind, done in results.items():
        rate, batches, per_batch, p50, p99 = (
            statistics.median(getattr(one, name) for one in done) for name in _COLUMNS
        )
        print(f"{kind:12} {rate:8.0f} {batches:10.0f} {per_batch:12.1f} {p50:7.2f} {p99:7.2f}")
    _RESULTS.mkdir(exist_ok=True)
    document = {
        "machine": msgspec.to_builtins(machine()),
        "asked": {name: getattr(arguments, name) for name in ("rows", "bots", "partitions", "rounds")},
        "rounds": {kind: [msgspec.to_builtins(one) for one in done] for kind, done in results.items()},
    }
    (_RESULTS / "partitions.json").write_text(json.dumps(document, indent=1))


_COLUMNS: Final = ("rows_per_second", "batches_per_second", "rows_per_batch", "p50", "p99")


def _keys(rows: int, bots: int) -> list[str]:
    """Return bots at equal distances over the whole table."""
    return [f"bench/b{number * rows // bots + 1:08}" for number in range(bots)]


async def _make(server_url: str, url: str, kind: str, arguments: argparse.Namespace) -> None:
    name = urlsplit(url).path.strip("/")
    await _order(server_url, f"drop database if exists {name} with (force)", f"create database {name}")
    store = PostgresStore(url)
    await store.open()
    await store.close()
    if kind == "partitioned":
        await postgres_partitions.partition(url, arguments.partitions, _Said())
    connection = await asyncpg.connect(url)
    begun = time.monotonic()
    for first in range(1, arguments.rows + 1, _ROWS_AT_ONCE):
        last = min(arguments.rows, first + _ROWS_AT_ONCE - 1)
        await connection.execute(_FILL, first, last, _STATE_BYTES // 16)
        sys.stderr.write(f"{kind}: {last:,} of {arguments.rows:,} bots, {time.monotonic() - begun:.0f} s\n")
    await connection.execute("vacuum analyze games")
    await connection.execute("checkpoint")
    await connection.close()


async def _drop(url: str) -> None:
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await _order(url, *(f"drop database if exists df_bench_{kind} with (force)" for kind in _KINDS))


async def _order(url: str, *orders: str) -> None:
    connection: Any = await asyncpg.connect(url)
    for order in orders:
        await connection.execute(order)
    await connection.close()


def _named(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


@contextlib.contextmanager
def _server(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    server = PostgresServer(
        fsync="on", shared_buffers="512MB", max_locks_per_transaction="256", max_wal_size="4GB"
    )
    try:
        server.start()
        yield server.url()
    finally:
        server.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.partitions", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("url", nargs="?", default="", help="postgresql://user:password@host:port/postgres")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bots", type=int, default=1000, help="bots that play at the same time")
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not 1 <= arguments.bots <= arguments.rows or arguments.rounds < 1:
        parser.error("needs at least one round, and as many rows as bots that play")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
