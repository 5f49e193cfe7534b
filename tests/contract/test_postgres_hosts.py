"""Several hosts in a connection string, of which some are silent, refuse, or follow another one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import StoreNotReady, StoreUnavailable
from dungeonfighter.storage import postgres_hosts
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_hosts import LastGood
from testkit.ports import free_port

DEMANDS = pytest.mark.parametrize("demand", ["", ";Target Session Attributes=read-write"])


class Silent:
    """A host without a word, like one that is frozen or cut off: connections open, and no answer comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def called(self) -> int:
        """Return the number of connections since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    host = Silent()
    yield host
    host.close()


def string(postgres_url: str, *ports: int, demand: str = "") -> str:
    """Return the URL of one database behind several ports of this machine; 0 is that of the server."""
    parts = urlsplit(postgres_url)
    listed = ",".join(str(port or parts.port) for port in ports)
    hosts = ",".join(["127.0.0.1"] * len(ports))
    name = parts.path.removeprefix("/")
    return parse_database(f"Host={hosts};Port={listed};Database={name};Username=postgres{demand}").url


@contextlib.asynccontextmanager
async def read_only(postgres_url: str) -> AsyncIterator[None]:
    """Let new sessions of the database be read-only, as those of a standby are."""
    admin = await asyncpg.connect(postgres_url)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f"alter database {name} set default_transaction_read_only = on")
    try:
        yield
    finally:
        await admin.execute("set default_transaction_read_only = off")
        await admin.execute(f"alter database {name} reset default_transaction_read_only")
        await admin.close()


@DEMANDS
async def test_a_silent_first_host_hides_no_other(postgres_url: str, silent: Silent, demand: str) -> None:
    store = PostgresStore(string(postgres_url, silent.port, 0, demand=demand))
    await store.open()
    assert await store.heads(["local/a"]) == [None]
    await store.close()
    assert silent.called()


@DEMANDS
async def test_nor_do_two_silent_ones(postgres_url: str, silent: Silent, demand: str) -> None:
    url = string(postgres_url, silent.port, silent.port, 0, demand=demand)
    connection = await postgres_hosts.connect(url, timeout=3)
    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_the_last_good_host_is_asked_first(postgres_url: str, silent: Silent) -> None:
    url = string(postgres_url, silent.port, 0, demand=";Target Session Attributes=read-write")
    good = LastGood()
    await (await postgres_hosts.connect(url, timeout=3, last_good=good)).close()
    assert silent.called() == 1
    await (await postgres_hosts.connect(url, timeout=3, last_good=good)).close()
    assert silent.called() == 0


async def test_without_a_demand_the_order_stays_that_of_the_string(postgres_url: str, silent: Silent) -> None:
    """The second host may be a standby that only reads: it must not be kept when the first one is back."""
    good = LastGood()
    for _ in range(2):
        await (
            await postgres_hosts.connect(string(postgres_url, silent.port, 0), timeout=3, last_good=good)
        ).close()
        assert silent.called() == 1


async def test_a_host_that_refuses_hides_no_other(postgres_url: str) -> None:
    connection = await postgres_hosts.connect(string(postgres_url, free_port(), 0), timeout=3)
    await connection.close()


async def test_all_hosts_silent_are_no_answer_in_time(postgres_url: str, silent: Silent) -> None:
    with pytest.raises(TimeoutError):
        await postgres_hosts.connect(string(postgres_url, silent.port, silent.port), timeout=0.6)
    assert silent.called() == 2


async def test_a_host_that_only_reads_is_not_taken_for_one_that_writes(postgres_url: str) -> None:
    url = string(postgres_url, 0, free_port(), demand=";Target Session Attributes=read-write")
    async with read_only(postgres_url):
        store = PostgresStore(url)
        with pytest.raises(StoreNotReady):
            await store.open()
    store = PostgresStore(url)
    await store.open()
    await store.close()


async def test_a_standby_is_asked_once_more_while_another_host_is_silent(
    postgres_url: str, silent: Silent
) -> None:
    url = string(postgres_url, silent.port, 0, demand=";Target Session Attributes=read-write")
    admin = await asyncpg.connect(postgres_url)
    refused = "select count(*) from pg_stat_database where datname = current_database() and sessions > 1"
    async with read_only(postgres_url):
        connecting = asyncio.ensure_future(postgres_hosts.connect(url, timeout=60))
        while not await admin.fetchval(refused):
            pass
    await (await connecting).close()
    await admin.close()


async def test_a_wrong_database_is_named_although_another_host_is_away(postgres_url: str) -> None:
    url = string(postgres_url, 0, free_port()).replace(urlsplit(postgres_url).path, "/nowhere")
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await PostgresStore(url).open()


async def test_no_connection_is_left_behind(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hosts answer, the second at once and the first late: one connection stays."""
    monkeypatch.setattr(postgres_hosts, "_NEXT_SECONDS", 0.0)
    admin = await asyncpg.connect(postgres_url)
    mine = "select count(*) from pg_stat_activity where application_name = 'two hosts'"
    settings = {"application_name": "two hosts"}
    for _ in range(20):
        url = string(postgres_url, 0, 0)
        connection = await postgres_hosts.connect(url, timeout=3, server_settings=settings)
        while await admin.fetchval(mine) != 1:
            pass
        await connection.close()
    await admin.close()
