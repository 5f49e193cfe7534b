"""Connecting to one of several hosts, of which some are silent, refuse, or change their mind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import asyncpg
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import StoreNotReady
from dungeonfighter.storage import postgres_links
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.postgres_examination import examine_postgres
from dungeonfighter.storage.postgres_hosts import host_urls
from testkit.ports import free_port


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which connections are made and nothing is ever answered, as on a frozen machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def with_hosts(url: str, *ports: int, attributes: str = "read-write") -> str:
    """Return the URL of a database at several ports of this machine."""
    own = url.rpartition(":")[2].partition("/")[0]
    hosts = ",".join("127.0.0.1" for _ in (*ports, own))
    return parse_database(
        f"Host={hosts};Port={','.join(map(str, ports))},{own};Database=games;Username=postgres;"
        f"Target Session Attributes={attributes}"
    ).url


async def test_a_silent_first_host_does_not_hide_the_second(postgres_url: str, silent_port: int) -> None:
    store = PostgresStore(with_hosts(postgres_url, silent_port), pool_size=4)
    await store.open()
    assert await store.heads(["local/a"]) == [None]
    await store.close()


async def test_the_doctor_looks_at_the_second_host(postgres_url: str, silent_port: int) -> None:
    report = await examine_postgres(with_hosts(postgres_url, silent_port), "here")
    assert not any("cannot be reached" in problem for problem in report.troubles)


async def test_a_standby_that_becomes_the_primary_is_asked_again(
    postgres_url: str, watcher: asyncpg.Connection, silent_port: int
) -> None:
    await watcher.execute("alter database games set default_transaction_read_only = on")
    url = with_hosts(postgres_url, silent_port)
    connecting = asyncio.ensure_future(postgres_links.connect(url, is_pooler=False, safety=None))
    refused = "select count(*) from pg_stat_database where datname = 'games' and sessions > 0"
    while not await watcher.fetchval(refused):
        pass
    await watcher.execute("alter database games reset default_transaction_read_only")
    connection, _ = await connecting
    await connection.close()


async def test_refusals_of_all_hosts_are_told_at_once(postgres_url: str, watcher: asyncpg.Connection) -> None:
    await watcher.execute("alter database games set default_transaction_read_only = on")
    with pytest.raises(StoreNotReady, match="target attribute"):
        await postgres_links.connect(with_hosts(postgres_url, free_port()), is_pooler=False, safety=None)


def test_each_host_keeps_its_port_and_the_other_parameters() -> None:
    url = "postgresql://u:p%40@/games?sslmode=require&host=a,[::1]&port=1,2"
    assert host_urls(url) == [
        "postgresql://u:p%40@/games?sslmode=require&host=a&port=1",
        "postgresql://u:p%40@/games?sslmode=require&host=%5B%3A%3A1%5D&port=2",
    ]


@pytest.mark.parametrize(
    "url", ["postgresql://u@a:1/games", "postgresql:///games?host=a,b&target_session_attrs=prefer-standby"]
)
def test_one_host_and_a_preference_are_left_to_the_driver(url: str) -> None:
    assert host_urls(url) == [url]
