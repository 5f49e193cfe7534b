"""The network and the server before PostgreSQL: firewalls, missing slots, unsafe settings, bad encodings."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from urllib.parse import quote

import asyncpg
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import Corrupt, SettingsError, StoreUnavailable
from dungeonfighter.hosting.ports import Won
from dungeonfighter.hosting.rows import checked
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import load_rules
from dungeonfighter.storage import postgres_links, postgres_pool
from dungeonfighter.storage.postgres import PostgresStore
from testkit.cutting_proxy import silent
from testkit.postgres_server import PostgresServer, running_server
from tests.contract.rows import after, first, save


@pytest.fixture(scope="module")
def small_server() -> Iterator[PostgresServer]:
    """A server with ten slots and with settings that lose turns in a crash."""
    with running_server(max_connections="10", fsync="off", full_page_writes="off") as server:
        yield server


SLOW_SECONDS = 3.0


@pytest.mark.parametrize("is_idle", [True, False], ids=["long idle", "just used"])
async def test_a_firewall_that_drops_all_connections_costs_one_wait(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, *, is_idle: bool
) -> None:
    if is_idle:
        monkeypatch.setattr(postgres_pool, "_IDLE_SECONDS", 0.0)
    ping, waits = postgres_links.is_answering, []

    async def counted(connection: postgres_links.Connection, seconds: float) -> bool:
        answered = await ping(connection, seconds)
        waits.extend([] if answered else [seconds])
        return answered

    monkeypatch.setattr(postgres_links, "is_answering", counted)
    async with silent(postgres_url) as proxy:
        store = PostgresStore(proxy.url, pool_size=8, slow_seconds=SLOW_SECONDS)
        await store.open()
        write = first("local/a")
        assert await store.commit([write]) == [Won()]
        assert await store.load(["local/a"])
        made = proxy.connections
        proxy.forget()
        failed = 0
        for n in range(10):
            following = after(write, b"n%d" % n)
            try:
                outcome = await store.commit([following])
            except StoreUnavailable:
                failed += 1
                outcome = []
            row = None
            while row is None:
                try:
                    (row,) = await store.settle(["local/a"])
                except StoreUnavailable:  # until the server has ended the process of the lost connection
                    continue
            assert row.version == (following.row.version if outcome == [Won()] else write.row.version)
            if outcome == [Won()]:
                write = following
        assert failed <= (0 if is_idle else 1)  # the commit in flight
        assert len(waits) <= (2 if is_idle else 1)  # one ping decides for all that were idle for longer
        assert sum(waits) <= SLOW_SECONDS / 2
        assert write.row.version >= 10
        assert proxy.connections - made <= 3
        await store.close()


async def test_a_dead_path_is_not_pinged_over_other_connections(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[postgres_links.Connection] = []
    ping = postgres_links.is_answering

    async def counted(connection: postgres_links.Connection, seconds: float) -> bool:
        pings.append(connection)
        return await ping(connection, seconds)

    monkeypatch.setattr(postgres_links, "is_answering", counted)
    pool = postgres_pool.Pool(postgres_url, 4, slow_seconds=SLOW_SECONDS, is_pooler=False)
    await pool.connect_all()

    async def cut_off(connection: postgres_links.Connection) -> None:
        raise asyncpg.ConnectionDoesNotExistError from TimeoutError(errno.ETIMEDOUT, "of the kernel")

    with pytest.raises(StoreUnavailable):
        await pool.run(cut_off)
    assert await pool.run(lambda connection: connection.fetchval("select 1")) == 1
    assert (len(pings), pool.connection_count) == (0, 1)
    await pool.close()


async def test_a_connection_that_ends_between_two_statements_is_unavailable(postgres_url: str) -> None:
    pool = postgres_pool.Pool(postgres_url, 1, slow_seconds=SLOW_SECONDS, is_pooler=False)

    async def cut_between(connection: postgres_links.Connection) -> None:
        connection.terminate()
        raise AttributeError("'NoneType' object has no attribute 'bind_execute'")  # as the driver does

    async def mistaken(connection: postgres_links.Connection) -> None:
        raise AttributeError

    with pytest.raises(StoreUnavailable):
        await pool.run(cut_between)
    with pytest.raises(AttributeError):
        await pool.run(mistaken)
    await pool.close()


async def test_every_connection_is_kept_alive_by_both_ends(postgres_url: str) -> None:
    connection, _ = await postgres_links.connect(postgres_url, is_pooler=False, safety=None)
    link = connection._transport.get_extra_info("socket")
    assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    for name, least in (("TCP_USER_TIMEOUT", 3000), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            assert link.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == least
    assert await connection.fetchval("show tcp_keepalives_idle") == "30"
    await connection.close()


async def test_a_pool_larger_than_max_connections_still_writes(
    small_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = small_server.empty_database("games")
    store = PostgresStore(url, pool_size=64, allow_unsafe=True)
    with caplog.at_level(logging.WARNING):
        await store.open()
    warnings = [record.getMessage() for record in caplog.records if "53300" in record.getMessage()]
    assert len(warnings) == 1
    assert "10 of 64" in warnings[0]
    assert "--db-pool-size 10" in warnings[0]
    assert store._writers.connection_count == store.lanes == 4
    bots = [f"local/b{number:03}" for number in range(200)]
    assert await store.commit([first(bot) for bot in bots]) == [Won()] * 200
    assert None not in await store.load(bots)
    await store.close()


async def test_with_no_slot_for_a_reader_the_writers_read(small_server: PostgresServer) -> None:
    url = small_server.empty_database("games")
    others = [await asyncpg.connect(small_server.url()) for _ in range(8)]
    store = PostgresStore(url, pool_size=8, allow_unsafe=True)
    await store.open()
    assert await store.commit([first("local/a")]) == [Won()]
    assert [row.version for row in await store.load(["local/a"]) if row] == [1]
    await store.close()
    for other in others:
        await other.close()


async def test_settings_that_lose_turns_are_refused_unless_they_are_allowed(
    small_server: PostgresServer,
) -> None:
    url = small_server.empty_database("games")
    with pytest.raises(SettingsError, match=r"fsync = off(.|\n)*full_page_writes = off") as caught:
        await PostgresStore(url).open()
    assert "--allow-unsafe-store 1" in str(caught.value)
    store = PostgresStore(url, allow_unsafe=True)
    await store.open()
    assert len(store.health().hazards) == 2
    await store.close()


async def test_an_unsafe_session_default_is_overridden(
    postgres_url: str, watcher: asyncpg.Connection
) -> None:
    await watcher.execute("alter database games set synchronous_commit = off")
    safety = postgres_links.Safety()
    connection, _ = await postgres_links.connect(postgres_url, is_pooler=False, safety=safety)
    assert await connection.fetchval("show synchronous_commit") == "on"
    assert not safety.hazards
    await connection.close()
    connection, _ = await postgres_links.connect(postgres_url, is_pooler=True, safety=safety)
    assert "synchronous_commit" in safety.hazards[0]
    await connection.close()


def test_a_hazard_of_a_new_connection_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    safety = postgres_links.Safety()
    safety.note("on", "on", "on", "UTF8")
    safety.check(allow_unsafe=False)
    for _ in range(3):
        safety.note("off", "on", "on", "UTF8")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert len(safety.hazards) == 1


async def _create_database(watcher: asyncpg.Connection, encoding: str) -> None:
    await watcher.execute("drop database if exists bytes with (force)")
    await watcher.execute(
        f"create database bytes encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'"
    )


async def test_an_undecodable_text_affects_only_its_bot(
    postgres_server: PostgresServer, watcher: asyncpg.Connection
) -> None:
    await _create_database(watcher, "SQL_ASCII")
    store = PostgresStore(postgres_server.url("bytes"))
    await store.open()
    bots = [f"local/b{number}" for number in range(5)]
    begun = [first(bot) for bot in bots]
    await store.commit(begun)
    await store.put_save(save("local/b2", "main"))
    other = await asyncpg.connect(postgres_server.url("bytes"))
    await other.execute(r"update games set directive = E'\xff' where bot_id = 'local/b2'")
    await other.execute(r"""update character_saves set character_data = '{"state": 7}'""")
    await other.execute(r"insert into run_inputs values ('local/b2', 1, 0, E'\xff')")
    await other.close()
    for rows in (await store.load(bots), await store.settle(bots)):
        assert [row.version for row in rows if row] == [1] * 5
        assert [row.rules.isascii() for row in rows if row] == [True, True, False, True, True]
        with pytest.raises(Corrupt):
            checked("local/b2", rows[2], ShippedRules([load_rules()]))
    with pytest.raises(Corrupt):
        await store.get_save("local/b2", "main")
    with pytest.raises(Corrupt):
        await store.inputs("local/b2", 1)
    assert len(await store.list_bots("local/", "local/", 9)) == 5
    assert await store.commit([after(begun[2], b"new")]) == [Won()]  # the bot can start a new run
    await store.close()


async def test_an_encoding_that_cannot_hold_every_text_is_refused(
    postgres_server: PostgresServer, watcher: asyncpg.Connection
) -> None:
    await _create_database(watcher, "LATIN1")
    with pytest.raises(SettingsError, match="encoding is LATIN1"):
        await PostgresStore(postgres_server.url("bytes")).open()


async def test_each_spelling_of_a_connection_string_connects(
    postgres_server: PostgresServer, postgres_url: str, watcher: asyncpg.Connection
) -> None:
    password = "a;b'c=\"d e"
    await watcher.execute("drop role if exists player")
    await watcher.execute("create role player login superuser")
    port = parse_database(postgres_url).shown.rpartition(":")[2].partition("/")[0]
    quoted = password.replace('"', '""')
    escaped = password.replace("'", "\\'")
    for text in (
        f'Host=127.0.0.1;Port={port};Database=games;Uid=player;Pwd="{quoted}";SSL Mode=Prefer',
        f"host=127.0.0.1 port={port} dbname=games user=player password='{escaped}' sslmode=disable",
        f"postgresql://player:{quote(password, safe='')}@localhost:1,127.0.0.1:{port}/games",
        f"Host=localhost,127.0.0.1;Port=1,{port};Database=games;Uid=player;TargetSessionAttributes=ReadWrite",
        postgres_server.socket_url("games"),
    ):
        store = PostgresStore(parse_database(text).url, pool_size=1)
        await store.open()
        assert await store.heads(["local/a"]) == [None]
        await store.close()
