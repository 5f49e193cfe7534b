"""The fixtures of the contract tests: every store, every queue, and a PostgreSQL server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from dungeonfighter.hosting.ports import Store
from dungeonfighter.ingress.ports import Queue
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import HOLD_SECONDS, SqliteStore
from testkit.postgres_server import PostgresServer, running_server
from tests.contract.queues import BROKERS, Broker, running_broker

STORES = (
    "memory", "sqlite", "sqlite, held", "postgres",
    pytest.param("postgres, partitioned", marks=pytest.mark.long),  # test_partitions.py has a short choice
)  # fmt: skip
PARTITIONS = 4


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole session; a test that stops the server must start it, too."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The connection string of an empty database."""
    return postgres_server.empty_database("games")


@pytest.fixture(scope="session")
def partitioned_template(postgres_server: PostgresServer) -> str:
    """The name of a database with empty partitioned tables, to make others from."""
    url = postgres_server.empty_database("partitioned")
    words = ["-m", "dungeonfighter", "db", "migrate", "--partitions", str(PARTITIONS), "--db", url]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return "partitioned"


@pytest.fixture
def partitioned_url(postgres_server: PostgresServer, partitioned_template: str) -> str:
    """The connection string of a database with empty partitioned tables."""
    postgres_server.order(
        "drop database if exists games with (force)", f"create database games template {partitioned_template}"
    )
    return postgres_server.url("games")


@pytest.fixture(params=BROKERS)
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """Each kind of queue, with a connection of the test to it."""
    async with running_broker(request.param, request, tmp_path) as made:
        yield made


@pytest.fixture
async def queue(broker: Broker) -> AsyncIterator[Queue]:
    """An open consumer of that queue."""
    made = broker.make()
    await made.open()
    yield made
    await made.close()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    elif request.param.startswith("sqlite"):
        made = SqliteStore(tmp_path / "games.db", hold_seconds=HOLD_SECONDS if "held" in request.param else 0)
    else:
        url = "partitioned_url" if "partitioned" in request.param else "postgres_url"
        made = PostgresStore(request.getfixturevalue(url))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two stores on one database, as two servers have them."""
    both = PostgresStore(postgres_url), PostgresStore(postgres_url)
    for store in both:
        await store.open()
    yield both
    for store in both:
        await store.close()


@pytest.fixture
async def watcher(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test itself to the database of the store, to query it or to hold its locks."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()
