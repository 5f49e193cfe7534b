"""Several servers over one store behind a balancer: no turn is lost, and none is applied twice.

`fleet` makes the load and verifies every answered turn. Afterwards the test replays the inputs of every run
in the store and compares the digests.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import asyncpg
import pytest

from dungeonfighter.fleet.tally import Tally
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.cutting_proxy import CUTS, cutting
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.balancer import balancing
from tests.integration.through_balancer import kill_at_work, play_through, play_turns, servers, wait_for_turns

STOPPED_SECONDS = 10.0


@pytest.mark.long
async def test_five_hundred_bots_play_on_two_servers(tmp_path: Path, postgres: PostgresServer) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        tally = await play_through(balancer, PostgresStore(database), play_turns(5000), bots=500)
    assert not tally.troubles


@pytest.mark.long
async def test_five_hundred_bots_play_on_five_workers_over_one_file(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=("--workers", "5")) as server:
        async with balancing([server.port]) as balancer:  # a new connection for each request
            tally = await play_through(balancer, SqliteStore(server.database), play_turns(4000), bots=500)
    assert not tally.troubles


async def test_a_request_sent_to_two_servers_has_one_effect_and_one_answer(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        balancer.duplicates = True
        await play_through(balancer, PostgresStore(database), play_turns(1500), bots=50)


@pytest.mark.long
async def test_a_request_that_is_resent_much_later_has_no_effect(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        balancer.resends_later = True
        await play_through(balancer, PostgresStore(database), play_turns(1500), bots=20)
    assert balancer.resent >= 1500


@pytest.mark.long
async def test_a_killed_server_costs_its_bots_only_a_retry(tmp_path: Path, postgres: PostgresServer) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:

        async def kill(tally: Tally) -> None:
            for server in two:
                await wait_for_turns(tally, tally.turns + 500)
                await kill_at_work(balancer, server)
                await wait_for_turns(tally, tally.turns + 300)
                await server.start_in_thread()

        tally = await play_through(balancer, PostgresStore(database), kill, bots=60)
    assert tally.troubles, "the bots never noticed"


@pytest.mark.long
async def test_a_server_that_was_stopped_for_long_overwrites_no_turn(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """SIGSTOP during its work: its clients time out, the other server plays on, and SIGCONT wakes it up."""
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:

        async def stop(tally: Tally) -> None:
            await wait_for_turns(tally, 500)
            two[0].signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)  # the length of the stop is the subject of the test
            assert tally.turns > 500, "the other server did not play on"
            two[0].signal(signal.SIGCONT)

        store = PostgresStore(database)
        tally = await play_through(balancer, store, stop, bots=40, timeout_seconds=2)
    assert tally.troubles["timeout"], "no request was under way in the stopped server"


@pytest.mark.long
async def test_a_rolling_restart_of_three_servers_fails_no_turn(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 3) as three, balancing([one.port for one in three]) as balancer:
        codes = []

        async def restart(tally: Tally) -> None:
            for server in three:
                await wait_for_turns(tally, tally.turns + 300)
                server.signal(signal.SIGTERM)
                codes.append(await asyncio.to_thread(server.wait))
                server.kill()
                await server.start_in_thread()

        tally = await play_through(balancer, PostgresStore(database), restart, bots=60)
    assert codes == [0, 0, 0]
    assert not tally.errors
    print(f"before the retries: {dict(tally.troubles)}")


@pytest.mark.long
async def test_cuts_of_database_connections_around_commits_only_delay_turns(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The cuts come before a commit is passed on, right after it, and while its answer is on its way."""
    database = postgres.empty_database("games")
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(cutting(database))
        two = await stack.enter_async_context(servers(tmp_path, proxy.url, 2))
        balancer = await stack.enter_async_context(balancing([one.port for one in two]))

        async def cut(tally: Tally) -> None:
            await wait_for_turns(tally, 200)
            proxy.permille = 20
            while min(proxy.cuts[way] for way in CUTS) < 8:
                await wait_for_turns(tally, tally.turns + 50)
            proxy.permille = 0

        tally = await play_through(balancer, PostgresStore(database), cut, bots=50)
    assert not tally.troubles, "the bots had to retry"


async def test_a_commit_that_hangs_on_a_standby_is_applied_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Synchronous replication hangs, so connections time out and bots retry until replication works."""
    database = postgres.empty_database("games")
    watcher = await asyncpg.connect(database)
    flags = ("--commit-timeout", "0.5")
    async with servers(tmp_path, database, 2, flags) as two, balancing([one.port for one in two]) as balancer:

        async def hang(tally: Tally) -> None:
            await wait_for_turns(tally, 300)
            await watcher.execute("alter system set synchronous_standby_names = 'nobody'")
            await watcher.execute("select pg_reload_conf()")
            while not tally.troubles["outcome_unknown"]:  # noqa: ASYNC110 (a plain counter)
                await asyncio.sleep(0.01)
            await watcher.execute("alter system reset synchronous_standby_names")
            await watcher.execute("select pg_reload_conf()")

        tally = await play_through(balancer, PostgresStore(database), hang, bots=30)
    await watcher.close()
    assert tally.troubles["outcome_unknown"]
