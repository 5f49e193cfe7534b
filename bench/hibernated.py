"""The time to load a hibernated bot: from PostgreSQL, and from a cache of its row in Redis.

A program of its own (`python -m bench.hibernated`), because no server has such a cache: the decision
046-redis.md stands on these figures. Both servers run on this machine, and a repeat asks both, one after the
other, so that a busy machine slows both; compare the ratios. PostgreSQL is asked as in `bench.cold`, once
with its pages in memory (a bot that hibernated within the hour has just been written), and once after the
pages were dropped. Redis is asked with one MGET for each batch of the host, and every entry is opened: its
seal is compared and its row is decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from redis._parsers import _AsyncHiredisParser, _AsyncRESP2Parser
from redis.asyncio import Redis
from redis.utils import HIREDIS_AVAILABLE

from bench import large
from bench.cold import Postgres, call_all
from dungeonfighter.hosting.gather import Gather
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer
from testkit.redis_server import RedisServer, redis_program

_SEAL: Final = 16
_AT_ONCE: Final = 500
_CLIENTS: Final = (1, 64, 256)
_DROPPED: Final = "PostgreSQL, pages dropped"
_IN_MEMORY: Final = "PostgreSQL, pages in memory"
_REDIS: Final = "Redis"
_WITH_HIREDIS: Final = "Redis, with hiredis"
_DROPPED_TURN: Final = "first turn, " + _DROPPED
_IN_MEMORY_TURN: Final = "first turn, " + _IN_MEMORY
_REDIS_TURN: Final = "first turn, Redis, pages dropped"
_TURN_CLIENTS: Final = (1, 64)
_Times = tuple[float, float, float]
"""Milliseconds of a load, median and p99, and microseconds of CPU for each in this process."""
_Load = Callable[[Sequence[str]], Awaitable[list[Row | None]]]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Row).decode


def _sealed(row: Row) -> bytes:
    body = _encode(row)
    return hashlib.blake2b(body, digest_size=_SEAL).digest() + body


def _opened(key: str, entry: bytes | str | None) -> Row:
    if (
        not isinstance(entry, bytes)
        or hashlib.blake2b(entry[_SEAL:], digest_size=_SEAL).digest() != entry[:_SEAL]
    ):
        raise RuntimeError("an entry is missing or damaged")
    row = _decode(entry[_SEAL:])
    if row.bot_id != key:
        raise RuntimeError("an entry is of another bot")
    return row


async def _fill_redis(store: PostgresStore, redis: Redis, bots: int) -> int:
    """Copy every row into Redis; return the bytes of one entry in the mean."""
    total = 0
    for first in range(0, bots, _AT_ONCE):
        found = await store.load(
            [large.key_of(number) for number in range(first, min(bots, first + _AT_ONCE))]
        )
        entries = {f"state:{row.bot_id}": _sealed(row) for row in found if row is not None}
        total += sum(map(len, entries.values()))
        async with redis.pipeline(transaction=False) as pipe:
            for key, entry in entries.items():
                pipe.set(key, entry, ex=3600)
            await pipe.execute()
    return total // bots


async def _timed(load: _Load, keys: Sequence[str], clients: int) -> _Times:
    taken: list[float] = []

    async def fetch(batch: Sequence[str]) -> list[Row | None]:
        begun = time.perf_counter()
        found = await load(batch)
        taken.extend([1000 * (time.perf_counter() - begun)] * len(batch))
        return found

    spent = time.process_time()
    await call_all(keys, Gather(fetch).get, clients)
    spent = time.process_time() - spent
    return statistics.median(taken), statistics.quantiles(taken, n=100)[-1], 1e6 * spent / len(keys)


async def _compare(
    database: Postgres, redis_url: str, keys: Sequence[str], clients: int, is_redis_first: bool
) -> dict[str, _Times]:
    """Load the same bots from each place."""
    found: dict[str, _Times] = {}
    store = database.store()
    await store.open()
    await store.read_ahead()
    async with contextlib.AsyncExitStack() as stack:
        loads: dict[str, _Load] = {}
        for name, parser in _parsers().items():
            redis = await stack.enter_async_context(
                Redis.from_url(redis_url, protocol=2, max_connections=1, parser_class=parser)
            )
            loads[name] = partial(_from_redis, redis)
            await loads[name]([large.key_of(0)])
        places = {_DROPPED: store.load, _IN_MEMORY: store.load}
        for name, load in (loads | places if is_redis_first else places | loads).items():
            found[name] = await _timed(load, keys, clients)
    await store.close()
    return found


async def _first_turns(
    database: Postgres, redis_url: str, keys: Sequence[str], clients: int, source: str
) -> _Times:
    """Play one turn of each bot, with its row loaded from this place; the commit is PostgreSQL's."""
    store: Any = database.store()
    await store.open()
    await store.read_ahead()
    async with Redis.from_url(
        redis_url, protocol=2, max_connections=1, parser_class=list(_parsers().values())[-1]
    ) as redis:
        if source == _IN_MEMORY_TURN:
            for first in range(0, len(keys), _AT_ONCE):
                await store.load(keys[first : first + _AT_ONCE])
        if source == _REDIS_TURN:
            await _from_redis(redis, keys[:1])
            store.load = partial(_from_redis, redis)
        host = BotHost(
            store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
        )
        taken: list[float] = []

        async def play(key: str) -> None:
            begun = time.perf_counter()
            await host.play(key, "1")
            taken.append(1000 * (time.perf_counter() - begun))

        spent = time.process_time()
        await call_all(keys, play, clients)
        spent = time.process_time() - spent
        await host.close()
    await store.close()
    return statistics.median(taken), statistics.quantiles(taken, n=100)[-1], 1e6 * spent / len(keys)


async def _from_redis(redis: Redis, keys: Sequence[str]) -> list[Row | None]:
    entries = await redis.mget([f"state:{key}" for key in keys])
    return [_opened(key, entry) for key, entry in zip(keys, entries, strict=True)]


def _parsers() -> dict[str, type]:
    found: dict[str, type] = {_REDIS: _AsyncRESP2Parser}
    if HIREDIS_AVAILABLE:
        found[_WITH_HIREDIS] = _AsyncHiredisParser
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bots", type=int, default=80_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    program = redis_program()
    if program is None:
        sys.exit("there is no Redis here")
    server = PostgresServer(fsync="on", shared_buffers="128MB")
    with (
        contextlib.closing(server),
        tempfile.TemporaryDirectory() as folder,
        RedisServer(program, Path(folder)) as redis,
    ):
        server.start()
        database = Postgres(server)
        size = asyncio.run(_filled(database, redis.url, options.bots))
        print(f"{options.bots} bots, {size} bytes an entry, {options.repeats} repeats")
        repeats, unplayed = [], 0
        for repeat in range(options.repeats):
            found: dict[tuple[int, str], _Times] = {}
            for number, clients in enumerate(_CLIENTS):
                count = min(options.bots // 20, 400 if clients == 1 else 4000)
                keys = large.some_of(options.bots, count, (repeat * len(_CLIENTS) + number) * count)
                database.drop_cache()
                times = asyncio.run(_compare(database, redis.url, keys, clients, repeat % 2 == 1))
                found |= {(clients, name): one for name, one in times.items()}
            sources = [_DROPPED_TURN, _REDIS_TURN, _IN_MEMORY_TURN][:: 1 - 2 * (repeat % 2)]
            for clients in _TURN_CLIENTS:
                count = min(options.bots // 100, 200 if clients == 1 else 1000)
                for source in sources:
                    # From the end of the permutation, so that no bot comes twice.
                    unplayed -= count
                    keys = large.some_of(options.bots, count, unplayed)
                    database.drop_cache()
                    found[clients, source] = asyncio.run(
                        _first_turns(database, redis.url, keys, clients, source)
                    )
            repeats.append(found)
    _print(repeats)


async def _filled(database: Postgres, redis_url: str, bots: int) -> int:
    store = database.store()
    assert isinstance(store, PostgresStore)
    await store.open()
    await large.fill(store, load_rules(), bots)
    async with Redis.from_url(redis_url, protocol=2) as redis:
        size = await _fill_redis(store, redis, bots)
    await store.close()
    return size


def _print(repeats: Sequence[dict[tuple[int, str], _Times]]) -> None:
    print(f"{'clients':>7}  {'from':40}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}   times as long as Redis")
    for clients, name in sorted(repeats[0]):
        p50, p99, cpu = (statistics.median(one[clients, name][i] for one in repeats) for i in range(3))
        redis = _REDIS_TURN if "first turn" in name else _REDIS
        ratios = [[one[clients, name][i] / one[clients, redis][i] for one in repeats] for i in range(2)]
        each = " ".join(f"{ratio:.2f}" for ratio in sorted(ratios[0]))
        print(
            f"{clients:7}  {name:40}{p50:8.2f}{p99:8.2f}{cpu:8.0f}   "
            f"{statistics.median(ratios[0]):.2f} ({each}), {statistics.median(ratios[1]):.2f}"
        )


if __name__ == "__main__":
    main()
