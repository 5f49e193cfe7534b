"""The PostgreSQL store over a healthy server: locks, plans, bad values, schemas of other releases."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import asyncpg
import msgspec
import pytest

from dungeonfighter import limits
from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import SchemaTooNew, SettingsError, StoreError
from dungeonfighter.hosting.ports import Conflict, Failed, Row, Won, Write
from dungeonfighter.storage.postgres import ONLY_BITMAPS, PostgresStore
from dungeonfighter.storage.sql_files import migrations, queries
from testkit.postgres_server import PostgresServer, blocked, url_of
from tests.contract.rows import after, digest_of, end, first, row, save

BOTS = [f"local/b{number:02}" for number in range(40)]


async def play(store: PostgresStore, bots: list[str], dice: random.Random, batches: int) -> int:
    """Commit random batches, each write from the row that `store` last saw; return how many rows won."""
    known: dict[str, Row] = {}
    wins = 0
    for _ in range(batches):
        chosen = sorted(dice.sample(bots, dice.randint(1, 40)))
        batch = [_next(known.get(bot_id), bot_id, dice.randbytes(8)) for bot_id in chosen]
        for write, outcome in zip(batch, await store.commit(batch), strict=True):
            if isinstance(outcome, Won):
                known[write.row.bot_id] = write.row
                wins += 1
            else:
                assert isinstance(outcome, Conflict)
                (found,) = await store.load([write.row.bot_id])
                assert found is not None
                known[write.row.bot_id] = found
    return wins


def _next(known: Row | None, bot_id: str, state: bytes) -> Write:
    if known is None:
        return first(bot_id, state)
    new = row(bot_id, known.version + 1, state, 1, known.turn + 1)
    return Write(new, known.version, known.digest, known.tail)


async def test_two_stores_with_different_cached_plans_mix_1000_batches_without_a_deadlock(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    one, other = stores
    bots = [f"local/b{number:04}" for number in range(60)]
    wins = [await play(one, bots, random.Random(7), 10)]  # this store now has the plans for a small table
    others = [first(f"local/x{number:04}") for number in range(2000)]
    for start in range(0, 2000, 200):
        await one.commit(others[start : start + 200])
    wins += await asyncio.gather(
        *(play(store, bots, random.Random(seed), 500) for seed, store in enumerate(stores))
    )
    rows = await other.load(bots)
    assert sum(found.version for found in rows if found is not None) == sum(wins)
    for store in stores:
        await store.close()  # a server process reports its deadlocks at its end at the latest
    assert not await watcher.fetchval(
        "select deadlocks from pg_stat_database where datname = current_database()"
    )


@pytest.mark.parametrize("settles", [False, True], ids=["commit", "settle"])
async def test_rows_are_locked_in_the_order_of_their_ids_whatever_their_physical_order(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection, *, settles: bool
) -> None:
    begun = [first(bot_id) for bot_id in BOTS]
    for write in random.Random(5).sample(begun, 40):
        await stores[0].commit([write])
    await watcher.execute("vacuum analyze games")
    probe = await asyncpg.connect(await url_of(watcher))
    transaction = watcher.transaction()
    await transaction.start()
    await watcher.execute("select from games where bot_id = $1 for update", BOTS[20])
    waiting: asyncio.Future[Any]
    if settles:
        waiting = asyncio.ensure_future(stores[0].settle(BOTS[::-1]))
    else:
        waiting = asyncio.ensure_future(stores[0].commit([after(write, b"n") for write in begun]))
    await blocked(probe)
    free = await probe.fetch("select bot_id from games for update skip locked")
    await transaction.rollback()
    await probe.close()
    await waiting
    assert sorted(bot_id for (bot_id,) in free) == BOTS[21:]


async def test_a_conflict_after_a_lock_wait_reports_the_committed_head(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    transaction = watcher.transaction()
    await transaction.start()
    await watcher.execute(
        "update games set version = 2, digest = $1 where bot_id = 'local/a'", digest_of(b"x")
    )
    outcome = asyncio.ensure_future(stores[0].commit([after(begun, b"mine")]))
    probe = await asyncpg.connect(await url_of(watcher))
    await blocked(probe)
    await probe.close()
    await transaction.commit()
    assert await outcome == [Conflict(2, digest_of(b"x"))]


@pytest.mark.parametrize(
    "poison",
    [
        msgspec.structs.replace(row("local/b07", 1), turn=2**70),
        msgspec.structs.replace(row("local/b07", 1), turn=2**40),
        msgspec.structs.replace(row("local/b07", 1), directive="nul \0"),
        msgspec.structs.replace(row("local/b07", 1), directive="half a pair \ud800"),
        msgspec.structs.replace(row("local/b07" + "x" * 300, 1)),
    ],
    ids=["not 64 bits", "not 32 bits", "nul", "surrogate", "long key"],
)
async def test_a_poison_row_fails_alone(stores: tuple[PostgresStore, PostgresStore], poison: Row) -> None:
    batch = [first(bot_id) for bot_id in BOTS]
    batch[7] = Write(poison, 0, b"")
    outcomes = await stores[0].commit(batch)
    assert isinstance(outcomes[7], Failed)
    assert [outcome for outcome in outcomes if outcome != outcomes[7]] == [Won()] * 39
    assert [found.version if found else 0 for found in await stores[1].load(BOTS)] == [1] * 7 + [0] + [1] * 32


async def test_a_poison_rider_fails_with_its_row_alone(stores: tuple[PostgresStore, PostgresStore]) -> None:
    poison = msgspec.structs.replace(end(1), score=2**40)
    batch = [first("local/a"), msgspec.structs.replace(first("local/b"), ended=poison), first("local/c")]
    outcomes = await stores[0].commit(batch)
    assert [type(outcome) for outcome in outcomes] == [Won, Failed, Won]
    assert await stores[0].heads(["local/b"]) == [None]


async def test_a_database_of_a_newer_release_is_refused(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await PostgresStore(postgres_url).open()
    await watcher.execute("insert into schema_version (version) values (999)")
    with pytest.raises(SchemaTooNew, match="schema 999"):
        await PostgresStore(postgres_url).open()


async def test_many_servers_may_start_at_once_on_an_empty_database(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    stores = [PostgresStore(postgres_url) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    assert await watcher.fetchval("select count(*) from schema_version") == len(migrations("postgres"))
    for store in stores:
        await store.close()


async def test_a_server_is_reached_by_its_unix_socket(postgres_server: PostgresServer) -> None:
    postgres_server.empty_database("games")
    store = PostgresStore(parse_database(postgres_server.socket_url("games")).url)
    await store.open()
    assert await store.commit([first("local/a")]) == [Won()]
    await store.close()


async def test_without_prepared_statements_the_role_needs_its_settings(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    with pytest.raises(SettingsError, match="alter role postgres set enable_seqscan = off"):
        await PostgresStore(postgres_url, prepared_statements=False).open()
    for name, value in (("seqscan", "off"), ("hashjoin", "off"), ("mergejoin", "off")):
        await watcher.execute(f"alter database games set enable_{name} = {value}")
    await watcher.execute("alter database games set lock_timeout = 500")
    store = PostgresStore(postgres_url, pool_size=1, prepared_statements=False)
    await store.open()
    assert await store.commit([first("local/a")]) == [Won()]
    assert [found.version for found in await store.settle(["local/a"]) if found] == [1]
    await store.close()


async def test_a_save_that_cannot_be_stored_is_an_error_of_its_own(
    stores: tuple[PostgresStore, PostgresStore],
) -> None:
    with pytest.raises(StoreError, match="refuses a value"):
        await stores[0].put_save(msgspec.structs.replace(save("local/a", "main"), summary='"\\u0000"'))
    await stores[0].put_save(save("local/a", "main"))


async def connections(watcher: asyncpg.Connection) -> int:
    """Return how many connections all stores have now."""
    count: int = await watcher.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'dungeonfighter'"
    )
    return count


_MANY_ROWS = """
insert into games
    (bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today, updated_at)
select 'local/b' || n, 1, '', 1, 0, '', '', '', '', 0, now()
from generate_series(1, $1::int) as n
"""


async def test_reading_ahead_reads_the_keys_and_no_rows(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    await watcher.execute(_MANY_ROWS, 10_000)
    async with watcher.transaction():
        await watcher.execute(ONLY_BITMAPS)
        plan = await watcher.fetchval(f"explain (analyze, format json) {queries('postgres')['read_keys']}")
    rows = json.loads(plan)[0]["Plan"]["Plans"][0]
    (keys,) = rows["Plans"]
    assert (keys["Node Type"], keys["Index Name"], keys["Actual Rows"]) == (
        "Bitmap Index Scan", "games_pkey", 10_000,
    )  # fmt: skip
    assert rows["Exact Heap Blocks"] == 1


async def test_reading_ahead_beyond_its_time_keeps_the_connections(
    postgres_url: str, stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await watcher.execute(_MANY_ROWS, 100_000)
    before = await connections(watcher)
    monkeypatch.setattr(limits, "read_ahead_seconds", 0.001)
    store = PostgresStore(postgres_url, pool_size=4)
    await store.open()
    await store.read_ahead()
    assert await connections(watcher) == before + 4
    assert None not in await store.load([f"local/b{number}" for number in range(1, 100)])
    await store.close()


@pytest.mark.parametrize(
    ("pool_size", "writers"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 2), (12, 3), (16, 4), (64, 4)]
)
async def test_two_to_four_connections_of_a_pool_write_and_the_others_read(
    postgres_url: str, watcher: asyncpg.Connection, pool_size: int, writers: int
) -> None:
    store = PostgresStore(postgres_url, pool_size=pool_size)
    assert store.lanes == writers
    if pool_size <= 16:
        await store.open()
        assert await connections(watcher) == pool_size
    await store.close()
