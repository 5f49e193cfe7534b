"""Commits that still waited for their standby when PostgreSQL crashed: it shows them after its restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.ports import Won, Write
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer, running_server
from tests.contract.rows import after, first
from tests.contract.test_postgres_lost import impatient_store, patiently

_READY: Final = "database system is ready to accept connections"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running_server() as made:
        yield made


@contextlib.asynccontextmanager
async def waiting_for_nobody(server: PostgresServer) -> AsyncIterator[None]:
    """Let commits wait for a standby that does not exist, until the end of the block."""
    server.order("alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
    yield
    server.order("alter system reset synchronous_standby_names", "select pg_reload_conf()")


async def last_write(store: PostgresStore, write: Write) -> Write:
    """Write until a commit waits, when the server has reloaded its settings; return the last one."""
    while True:
        write = after(write, b"n%d" % write.row.version)
        try:
            assert await store.commit([write]) == [Won()]
        except StoreUnavailable:
            return write


async def one_waits(url: str) -> None:
    """Return as soon as a commit waits for a standby."""
    watcher = await asyncpg.connect(url)
    while not await watcher.fetchval("select count(*) from pg_stat_activity where wait_event = 'SyncRep'"):
        pass
    await watcher.close()


def restart(server: PostgresServer) -> None:
    server.stop("immediate")
    server.start()


def kill_one_process(server: PostgresServer) -> None:
    """Kill a process of the server, which ends all others, recovers, and goes on without a new start."""
    postmaster = (server.folder / "data" / "postmaster.pid").read_text().splitlines()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    recovered = server.log.read_text().count(_READY)
    os.kill(int(children[0]), signal.SIGKILL)
    while server.log.read_text().count(_READY) == recovered:
        time.sleep(0.01)
    assert (server.folder / "data" / "postmaster.pid").read_text().splitlines()[0] == postmaster


@pytest.mark.parametrize("crash", [restart, pytest.param(kill_one_process, marks=pytest.mark.long)])
async def test_a_commit_that_the_standby_never_got_grounds_no_answer(
    server: PostgresServer, crash: Callable[[PostgresServer], None]
) -> None:
    url = server.empty_database("games")
    store = await impatient_store(url)
    begun = first("local/a")
    assert await store.commit([begun]) == [Won()]
    assert await store.load(["local/a"]) != [None]
    async with waiting_for_nobody(server):
        write = await last_write(store, begun)
        await one_waits(url)
        await asyncio.to_thread(crash, server)
        other = PostgresStore(url, pool_size=2, slow_seconds=0.5)
        await other.open()
        for ask in (store.load, other.load, store.heads, other.heads):
            for _ in range(3):  # the first one may find a connection that the crash has ended
                with pytest.raises(StoreUnavailable):
                    await ask(["local/a"])
    (row,) = await patiently(lambda: other.load(["local/a"]))
    assert row is not None
    assert row.version == write.row.version
    await store.close()
    await other.close()


async def test_an_ordinary_role_can_read(server: PostgresServer) -> None:
    """The commit that follows the first read needs no privilege."""
    url = server.empty_database("games")
    owner = PostgresStore(url)
    await owner.open()
    assert await owner.commit([first("local/a")]) == [Won()]
    await owner.close()
    server.order("drop role if exists reader", "create role reader login")
    admin = await asyncpg.connect(url)
    await admin.execute("grant select, insert, update on all tables in schema public to reader")
    await admin.close()
    store = PostgresStore(url.replace("postgres@", "reader@"), pool_size=2)
    await store.open()
    assert await store.load(["local/a"]) != [None]
    await store.close()
