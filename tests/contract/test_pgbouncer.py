"""The PostgreSQL store through a real PgBouncer in transaction mode, without prepared statements."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Conflict, Head, Won
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_indexes import build_indexes
from testkit.postgres_server import PostgresServer
from tests.contract import test_store
from tests.contract.pgbouncer import bouncing, role_orders
from tests.contract.rows import after, digest_of, first
from tests.contract.test_postgres import play
from tests.contract.test_postgres_schema import RecordingReporter, without_the_index

CONTRACT = [
    getattr(test_store, name)
    for name in dir(test_store)
    if name.startswith("test_") and getattr(test_store, name).__code__.co_varnames[:1] == ("store",)
]


@pytest.fixture
async def pooled(postgres_server: PostgresServer, postgres_url: str) -> AsyncIterator[str]:
    administrator = await asyncpg.connect(postgres_url)
    for order in role_orders():
        await administrator.execute(order)
    await administrator.close()
    with bouncing(postgres_url) as url:
        yield url
    del postgres_server


@pytest.fixture
async def store(pooled: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(pooled, prepared_statements=False)
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
async def test_the_contract_holds(store: PostgresStore, promise: object) -> None:
    await promise(store)  # type: ignore[operator]


async def test_two_stores_share_three_connections_without_losing_a_row(pooled: str) -> None:
    stores = [PostgresStore(pooled, pool_size=6, prepared_statements=False) for _ in range(2)]
    for store in stores:
        await store.open()
    bots = [f"local/b{number:04}" for number in range(60)]
    wins = await asyncio.gather(
        *(play(store, bots, random.Random(seed), 60) for seed in range(2) for store in stores)
    )
    rows = await stores[0].load(bots)
    assert sum(found.version for found in rows if found is not None) == sum(wins)
    for store in stores:
        await store.close()


async def test_a_commit_whose_connections_break_can_be_settled(
    store: PostgresStore, postgres_url: str
) -> None:
    begun = first("local/a")
    await store.commit([begun])
    administrator = await asyncpg.connect(postgres_url)
    await administrator.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bouncer'"
    )
    await administrator.close()
    try:
        outcomes = await store.commit([after(begun, b"n")])
    except Exception:  # noqa: BLE001 (after any error the outcome must be settled)
        (settled,) = await store.settle(["local/a"])
        assert settled is not None
        outcomes = [Won()] if settled.version == 2 else await store.commit([after(begun, b"n")])
    assert outcomes in ([Won()], [Conflict(2, digest_of(b"n"))])
    assert await store.heads(["local/a"]) == [Head(2, digest_of(b"n"), b"trail")]


async def test_an_index_is_not_built_through_a_pooler(
    pooled: str, postgres_url: str, watcher: asyncpg.Connection
) -> None:
    """The pooler may run each statement in another session, so no session would hold the advisory lock."""
    await without_the_index(watcher)
    with pytest.raises(StoreUnavailable, match="name the server itself"):
        await build_indexes(pooled, RecordingReporter())
    await build_indexes(postgres_url, RecordingReporter())
