"""PostgreSQL behind TLS: `verify-full` accepts the right certificate for the right host, and no other."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.storage.postgres import PostgresStore
from testkit.certificates import Authority
from testkit.postgres_server import PostgresServer
from tests.contract.rows import first
from tests.contract.tls_front import tls_front


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def open_and_close(text: str) -> None:
    """Open a store by a connection string, write a row, and read it."""
    store = PostgresStore(parse_database(text).url, slow_seconds=5.0)
    await store.open()
    try:
        write = first("a/ada")
        await store.commit([write])
        (row,) = await store.load(["a/ada"])
        assert row is not None
        assert row.state == write.row.state
    finally:
        await store.close()


def url(port: int, mode: str, trusted: Path, host: str = "localhost") -> str:
    return f"postgresql://postgres@{host}:{port}/games?sslmode={mode}&sslrootcert={trusted}"


@pytest.mark.usefixtures("postgres_url")
async def test_the_right_certificate_for_the_right_host(
    authority: Authority, postgres_server: PostgresServer
) -> None:
    async with tls_front(postgres_server.port, authority.server_context("localhost")) as port:
        await open_and_close(url(port, "verify-full", authority.file))
        await open_and_close(
            f"Host=localhost;Port={port};Database=games;Username=postgres;SSL Mode=VerifyFull;"
            f"Root Certificate={authority.file}"
        )
    async with tls_front(postgres_server.port, authority.server_context("127.0.0.1")) as port:
        await open_and_close(url(port, "verify-full", authority.file, "127.0.0.1"))


@pytest.mark.usefixtures("postgres_url")
async def test_a_certificate_for_another_host(authority: Authority, postgres_server: PostgresServer) -> None:
    async with tls_front(postgres_server.port, authority.server_context("db.example.org")) as port:
        with pytest.raises(StoreUnavailable, match="Hostname mismatch"):
            await open_and_close(url(port, "verify-full", authority.file))
        await open_and_close(url(port, "verify-ca", authority.file))


@pytest.mark.usefixtures("postgres_url")
async def test_a_certificate_of_another_authority(
    authority: Authority, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with tls_front(postgres_server.port, other.server_context("localhost")) as port:
        for mode in ("verify-full", "verify-ca"):
            with pytest.raises(StoreUnavailable, match="certificate verify failed"):
                await open_and_close(url(port, mode, authority.file))
        await open_and_close(f"postgresql://postgres@localhost:{port}/games?sslmode=require")


async def test_an_expired_certificate(authority: Authority, postgres_server: PostgresServer) -> None:
    async with tls_front(postgres_server.port, authority.server_context("localhost", days=-1)) as port:
        with pytest.raises(StoreUnavailable, match="certificate has expired"):
            await open_and_close(url(port, "verify-full", authority.file))


async def test_a_server_without_tls(authority: Authority, postgres_server: PostgresServer) -> None:
    async with tls_front(postgres_server.port, None) as port:
        with pytest.raises(StoreUnavailable, match="SSL"):
            await open_and_close(url(port, "verify-full", authority.file))


def test_a_certificate_is_of_its_authority(authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.file))
    assert len(context.get_ca_certs()) == 1
