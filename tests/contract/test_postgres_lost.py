"""Lost, slow and hung connections to PostgreSQL: acknowledged writes stay, unknown outcomes are settled."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Outcome, Row, Unsettled, Won
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_errors import Meaning, meaning
from testkit.postgres_server import PostgresServer, blocked, url_of
from tests.contract.rows import after, digest_of, first

BOTS = [f"local/b{number:02}" for number in range(40)]
_WRITER = """
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and query like '%inserted as%'"""


async def patiently(ask: Callable[[], Awaitable[list[Row | None]]]) -> list[Row | None]:
    """Retry until the store answers, as the host does."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(0)


async def impatient_store(url: str, pool_size: int = 8) -> PostgresStore:
    """Open a store that soon gives up slow statements; another store migrates first, without that limit."""
    patient = PostgresStore(url)
    await patient.open()
    await patient.close()
    store = PostgresStore(url, pool_size=pool_size, slow_seconds=0.2)
    await store.open()
    return store


async def test_a_row_locked_for_long_is_unsettled_and_settling_waits_for_it(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    async with watcher.transaction():
        await watcher.execute("select from games for update")
        (outcome,) = await stores[0].commit([after(begun, b"n")])
        assert isinstance(outcome, Unsettled)
        assert "55P03" in outcome.reason
        with pytest.raises(StoreUnavailable, match="55P03"):
            await stores[0].settle(["local/a"])
    (settled,) = await stores[0].settle(["local/a"])
    assert settled is not None
    assert settled.version == 1


async def test_a_row_locked_for_long_does_not_block_the_others(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    done = [first(bot_id) for bot_id in BOTS]
    await stores[0].commit(done)
    async with watcher.transaction():
        await watcher.execute("select from games where bot_id = $1 for update", BOTS[7])
        batch = sorted(
            [first("local/a"), *(after(write, b"n") for write in done)], key=lambda w: w.row.bot_id
        )
        outcomes = await stores[0].commit(batch)
    by_bot = {write.row.bot_id: outcome for write, outcome in zip(batch, outcomes, strict=True)}
    assert isinstance(by_bot.pop(BOTS[7]), Unsettled)
    assert set(by_bot.values()) == {Won()}
    heads = await stores[1].heads(sorted(by_bot))
    assert [head.version if head else 0 for head in heads] == [1, *[2] * 39]


async def test_settling_after_an_immediate_stop_and_a_start_returns_the_committed_rows(
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


async def test_an_immediate_stop_during_writes_loses_no_acknowledged_batch(
    stores: tuple[PostgresStore, PostgresStore], postgres_server: PostgresServer
) -> None:
    store = stores[0]
    writes = [first(bot_id) for bot_id in BOTS]
    acknowledged = 0
    enough = asyncio.Event()

    async def write_on() -> None:
        nonlocal acknowledged, writes
        while True:
            outcomes = await store.commit(writes)
            assert outcomes == [Won()] * 40
            acknowledged += 1
            if acknowledged == 20:
                enough.set()
            writes = [after(write, b"%d" % acknowledged) for write in writes]

    writing = asyncio.ensure_future(write_on())
    await enough.wait()
    await asyncio.to_thread(postgres_server.stop, "immediate")
    with pytest.raises(StoreUnavailable):
        await writing
    await asyncio.to_thread(postgres_server.start)
    versions = {found.version for found in await store.settle(BOTS) if found is not None}
    assert versions in ({acknowledged}, {acknowledged + 1})


async def test_a_slow_statement_loses_its_connection_and_is_settled(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    store = await impatient_store(postgres_url)
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
    store = await impatient_store(postgres_url, pool_size=2)
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


async def test_cancelling_a_caller_does_not_cancel_its_commit(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    transaction = watcher.transaction()
    await transaction.start()
    await watcher.execute("select from games for update")
    late = asyncio.ensure_future(stores[0].commit([after(begun, b"n")]))
    probe = await asyncpg.connect(await url_of(watcher))
    await blocked(probe)
    await probe.close()
    late.cancel()
    await transaction.rollback()
    (settled,) = await stores[0].settle(["local/a"])
    assert settled is not None
    assert settled.version == 2


async def test_a_commit_of_a_lost_connection_that_waits_for_its_standby_is_settled_after_it(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    store = await impatient_store(postgres_url)
    write = first("local/a")
    await patiently(lambda: store.load(["local/a"]))  # the first read makes a commit, too
    await watcher.execute("alter system set synchronous_standby_names = 'nobody'")
    await watcher.execute("select pg_reload_conf()")
    try:
        try:
            while await store.commit([write]) == [Won()]:  # until the server has reloaded its settings
                write = after(write, b"n%d" % write.row.version)
        except StoreUnavailable:
            pass
        heads = await store.heads(["local/a"])
        assert [head.version if head else 0 for head in heads] == [write.from_version]  # written, not visible
        with pytest.raises(StoreUnavailable, match="still at work"):
            await store.settle(["local/a"])
    finally:
        await watcher.execute("alter system reset synchronous_standby_names")
        await watcher.execute("select pg_reload_conf()")
    (settled,) = await patiently(lambda: store.settle(["local/a"]))
    assert settled is not None
    assert (settled.version, settled.digest) == (write.row.version, write.row.digest)
    await store.close()


async def test_the_store_leaves_a_read_only_primary_and_returns_when_it_is_writable(
    stores: tuple[PostgresStore, PostgresStore], watcher: asyncpg.Connection
) -> None:
    begun = first("local/a")
    await stores[0].commit([begun])
    await watcher.execute("alter database games set default_transaction_read_only = on")
    await watcher.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dungeonfighter'"
    )
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
        ("40P01", Meaning.retryable),
        ("40001", Meaning.retryable),
        ("55P03", Meaning.retryable),
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
def test_each_sqlstate_has_its_meaning(state: str, expected: Meaning) -> None:
    assert meaning(asyncpg.PostgresError.new({"C": state, "M": "", "S": "ERROR"})) is expected


async def test_a_missing_database_is_unavailable_at_once(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match='"nowhere" does not exist'):
        await PostgresStore(postgres_server.url("nowhere")).open()
