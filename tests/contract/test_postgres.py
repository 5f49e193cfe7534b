"""What only PostgreSQL can do wrong: deadlocks, lost connections, restarts, schemas of other releases."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import pytest

from dungeonfighter.errors import SchemaTooNew, SettingsError, StoreError, StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Failed, Outcome, Row, Won, Write
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_errors import Meaning, meaning
from tests.contract.postgres_server import PostgresServer
from tests.contract.rows import after, digest_of, end, first, row, save

_WRITER = """
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and query like '%inserted as%'"""
BOTS = [f"local/b{number:02}" for number in range(40)]


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two servers' stores on one database."""
    both = PostgresStore(postgres_url), PostgresStore(postgres_url)
    for store in both:
        await store.open()
    yield both
    for store in both:
        await store.close()


@pytest.fixture
async def watcher(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that looks at, or holds, what a store works on."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def blocked(watcher: asyncpg.Connection) -> None:
    """Return when some statement waits for a lock."""
    waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'"""
    while not await watcher.fetchval(waiting):
        pass


async def patiently(ask: Callable[[], Awaitable[list[Row | None]]]) -> list[Row | None]:
    """Ask until the store answers, as the host does."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(0)


async def play(store: PostgresStore, bots: list[str], dice: random.Random, batches: int) -> int:
    """Commit random batches over the bots from what this store knows; returns how many rows won."""
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


def _next(standing: Row | None, bot_id: str, state: bytes) -> Write:
    if standing is None:
        return first(bot_id, state)
    return Write(
        row(bot_id, standing.version + 1, state, 1, standing.turn + 1), standing.version, standing.digest
    )


async def test_two_stores_with_different_cached_plans_mix_200_batches_without_a_deadlock(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    one, other = stores
    bots = [f"local/b{number:04}" for number in range(60)]
    wins = [await play(one, bots, random.Random(7), 10)]  # its plans are now those for a small table
    strangers = [first(f"local/x{number:04}") for number in range(2000)]
    for start in range(0, 2000, 200):
        await one.commit(strangers[start : start + 200])
    wins += await asyncio.gather(
        *(play(store, bots, random.Random(seed), 100) for seed, store in enumerate(stores))
    )
    rows = await other.load(bots)
    assert sum(found.version for found in rows if found is not None) == sum(wins)
    for store in stores:
        await store.close()  # a server process reports its deadlocks at its end, if not before
    assert not await watcher.fetchval(
        "select deadlocks from pg_stat_database where datname = current_database()"
    )


@pytest.mark.parametrize("settles", [False, True], ids=["commit", "settle"])
async def test_rows_are_locked_in_the_order_of_their_ids_wherever_they_lie(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection, *, settles: bool
) -> None:
    begun = [first(bot_id) for bot_id in BOTS]
    for write in random.Random(5).sample(begun, 40):
        await stores[0].commit([write])
    await watcher.execute("vacuum analyze games")
    probe = await asyncpg.connect(await _url_of(watcher))
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


async def test_a_conflict_with_a_write_that_was_waited_for_tells_what_it_left(
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
    probe = await asyncpg.connect(await _url_of(watcher))
    await blocked(probe)
    await probe.close()
    await transaction.commit()
    assert await outcome == [Conflict(2, digest_of(b"x"))]


async def _url_of(connection: asyncpg.Connection) -> str:
    port, name = await connection.fetchrow("select inet_server_port(), current_database()")
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"


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


async def test_a_row_held_for_long_makes_its_outcome_unknown_and_settling_waits(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    async with watcher.transaction():
        await watcher.execute("select from games for update")
        with pytest.raises(StoreUnavailable, match="55P03"):
            await stores[0].commit([after(begun, b"n")])
        with pytest.raises(StoreUnavailable, match="55P03"):
            await stores[0].settle(["local/a"])
    (settled,) = await stores[0].settle(["local/a"])
    assert settled is not None
    assert settled.version == 1


async def test_a_server_stopped_hard_and_started_again_tells_the_truth(
    stores: tuple[PostgresStore, PostgresStore], postgres_server: PostgresServer
) -> None:
    store = stores[0]
    done = [first(bot_id) for bot_id in BOTS]
    assert await store.commit(done) == [Won()] * 40
    postgres_server.stop("immediate")
    try:
        with pytest.raises(StoreUnavailable):
            await store.commit([after(write, b"never") for write in done])
        with pytest.raises(StoreUnavailable):
            await store.settle(BOTS)
    finally:
        postgres_server.start()
    settled = await store.settle(BOTS)
    assert [found.version if found else 0 for found in settled] == [1] * 40
    assert await store.commit([after(write, b"then") for write in done]) == [Won()] * 40


async def test_a_server_stopped_hard_while_it_writes_loses_nothing_it_told(
    stores: tuple[PostgresStore, PostgresStore], postgres_server: PostgresServer
) -> None:
    store = stores[0]
    writes = [first(bot_id) for bot_id in BOTS]
    told = 0
    enough = asyncio.Event()

    async def write_on() -> None:
        nonlocal told, writes
        while True:
            outcomes = await store.commit(writes)
            assert outcomes == [Won()] * 40
            told += 1
            if told == 20:
                enough.set()
            writes = [after(write, b"%d" % told) for write in writes]

    writing = asyncio.ensure_future(write_on())
    await enough.wait()
    await asyncio.to_thread(postgres_server.stop, "immediate")
    with pytest.raises(StoreUnavailable):
        await writing
    await asyncio.to_thread(postgres_server.start)
    versions = {found.version for found in await store.settle(BOTS) if found is not None}
    assert versions in ({told}, {told + 1})


async def test_a_slow_statement_loses_its_connection_and_is_settled(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    store = PostgresStore(postgres_url, slow_seconds=0.2)
    await store.open()
    begun = first("local/a")
    await store.commit([begun])
    async with watcher.transaction():
        await watcher.execute("lock table games in access exclusive mode")
        with pytest.raises(StoreUnavailable):
            await store.commit([after(begun, b"n")])
        with pytest.raises(StoreUnavailable):
            await store.settle(["local/a"])
    (found,) = await patiently(lambda: store.settle(["local/a"]))
    assert found is not None
    outcome: list[Outcome] = await store.commit([after(begun, b"other")])
    assert (found.version, outcome) in (
        (1, [Won()]),
        (2, [Conflict(2, digest_of(b"n"))]),
    )
    await store.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to pause a process here")
async def test_settling_waits_for_a_server_process_that_could_still_carry_out_a_lost_commit(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    store = PostgresStore(postgres_url, pool_size=2, slow_seconds=0.2)
    await store.open()
    begun = first("local/a")
    await store.commit([begun])
    writer = await watcher.fetchval(_WRITER)
    os.kill(writer, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable):
            await store.commit([after(begun, b"n")])
        with pytest.raises(StoreUnavailable, match="still at work"):
            await store.settle(["local/a"])
    finally:
        os.kill(writer, signal.SIGCONT)
    (settled,) = await patiently(lambda: store.settle(["local/a"]))
    assert not await watcher.fetchval("select count(*) from pg_stat_activity where pid = $1", writer)
    assert await store.load(["local/a"]) == [settled]
    await store.close()


async def test_a_caller_that_is_cancelled_does_not_cancel_its_commit(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    transaction = watcher.transaction()
    await transaction.start()
    await watcher.execute("select from games for update")
    late = asyncio.ensure_future(stores[0].commit([after(begun, b"n")]))
    probe = await asyncpg.connect(await _url_of(watcher))
    await blocked(probe)
    await probe.close()
    late.cancel()
    await transaction.rollback()
    (settled,) = await stores[0].settle(["local/a"])
    assert settled is not None
    assert settled.version == 2


async def test_a_primary_that_became_a_standby_is_left_and_found_again(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    await watcher.execute("alter database games set default_transaction_read_only = on")
    for (pid,) in await watcher.fetch(_WRITER):
        await watcher.fetchval("select pg_terminate_backend($1)", pid)
    with pytest.raises(StoreUnavailable):
        await stores[0].commit([after(begun, b"n")])
    with pytest.raises(StoreUnavailable, match="25006"):
        await stores[0].commit([after(begun, b"n")])
    await watcher.execute("alter database games reset default_transaction_read_only")
    (settled,) = await patiently(lambda: stores[0].settle(["local/a"]))
    assert settled is not None
    assert await stores[0].commit([after(begun, b"n")]) == [Won()]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("40P01", Meaning.nothing_happened),
        ("40001", Meaning.nothing_happened),
        ("55P03", Meaning.nothing_happened),
        ("22003", Meaning.bad_row),
        ("23505", Meaning.bad_row),
        ("40003", Meaning.unknown),  # statement completion unknown
        ("08006", Meaning.unknown),
        ("57P01", Meaning.unknown),
        ("57014", Meaning.unknown),
        ("25006", Meaning.unknown),
        ("53100", Meaning.unknown),
        ("42P01", Meaning.unknown),
    ],
)
def test_what_a_sqlstate_means(state: str, expected: Meaning) -> None:
    assert meaning(asyncpg.PostgresError.new({"C": state, "M": "", "S": "ERROR"})) is expected


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
    assert await watcher.fetchval("select count(*) from schema_version") == 1
    for store in stores:
        await store.close()


async def test_a_server_that_is_not_there_is_unavailable_at_once(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match='"nowhere" does not exist'):
        await PostgresStore(postgres_server.url("nowhere")).open()


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
