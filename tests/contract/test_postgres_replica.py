"""The lists that a PostgreSQL store reads from a replica, and from the primary while that does not answer."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_pool import Pool
from dungeonfighter.storage.postgres_replica import Replica
from testkit.postgres_server import PostgresServer
from tests.contract.ranked_rows import IRONMAN, pass_all, ranked_end
from tests.contract.rows import after, first


async def test_only_lists_of_runs_come_from_the_replica(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    elsewhere = postgres_server.empty_database("copy")
    copy = PostgresStore(elsewhere)
    await copy.open()
    begun = first("local/only-there")
    await copy.commit([begun])
    await copy.commit([after(begun, b"n", ended=ranked_end())])
    await pass_all(copy)
    await copy.close()
    store = PostgresStore(postgres_url, read_url=elsewhere)
    await store.open()
    assert [run.key for run in await store.best_runs("local/", 9)] == ["local/only-there"]
    assert await store.load(["local/only-there"]) == [None]
    assert await store.heads(["local/only-there"]) == [None]
    assert await store.settle(["local/only-there"]) == [None]
    assert not await store.episodes("local/only-there")
    assert not await store.list_bots("local/", "local/", 9)
    assert [run.key for run in await store.ranked.best(IRONMAN, 9)] == ["local/only-there"]
    of_fleet = msgspec.structs.replace(IRONMAN, fleet="local")
    assert [run.key for run in await store.ranked.last(of_fleet, 9)] == ["local/only-there"]
    assert await store.ranked.ranked_run("local/only-there", 1) is None
    assert not await store.ranked.claim_runs(["1-abc"], 9, 60.0)
    await store.close()


async def test_the_primary_is_asked_for_lists_while_the_replica_does_not_answer(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = PostgresStore(postgres_url, read_url=f"{postgres_url}_that_is_not_there")
    await store.open()
    begun = first("local/a")
    await store.commit([begun])
    await store.commit([after(begun, b"n", ended=ranked_end())])
    await pass_all(store)
    for _ in range(2):
        assert [run.key for run in await store.best_runs("local/", 9)] == ["local/a"]
        assert [run.key for run in await store.ranked.best(IRONMAN, 9)] == ["local/a"]
    assert caplog.text.count("the replica does not answer") == 1
    await store.close()


async def test_a_replica_that_does_not_answer_is_not_asked_for_a_while() -> None:
    asked: list[Pool | None] = []
    pool = Pool("postgresql://nobody@127.0.0.1:1/none", 1, slow_seconds=1, is_pooler=False)
    replica = Replica(pool)

    async def read(chosen: Pool | None) -> int:
        asked.append(chosen)
        if chosen is not None:
            raise StoreUnavailable("gone")
        return 1

    assert await replica.ask(read) == await replica.ask(read) == 1
    assert asked == [pool, None, None]
