"""Several servers over one store, every request to another of them: nothing lost, nothing twice.

The load is `fleet`, which verifies every turn it was answered; afterwards the store itself is asked: every
run's inputs, replayed, give the stored digests.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from dungeonfighter.fleet.tally import Tally
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer, running_server
from testkit.server_process import ServerProcess
from tests.integration.balancer import balancing
from tests.integration.cutting_proxy import CUTS, cutting
from tests.integration.through_balancer import just_play, play_through, played, servers

STOPPED_SECONDS = 10.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.mark.long
async def test_five_hundred_bots_ask_either_of_two_servers(tmp_path: Path, postgres: PostgresServer) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        tally = await play_through(balancer, PostgresStore(database), just_play(5000), bots=500)
    assert not tally.troubles


@pytest.mark.long
async def test_five_hundred_bots_ask_any_of_five_workers_over_one_file(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=("--workers", "5")) as server:
        async with balancing([server.port]) as balancer:  # a new connection for each request: any worker
            tally = await play_through(balancer, SqliteStore(server.database), just_play(4000), bots=500)
    assert not tally.troubles


async def test_every_request_sent_to_two_servers_at_once_has_one_effect_and_one_answer(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        balancer.twice = True
        await play_through(balancer, PostgresStore(database), just_play(1500), bots=50)


@pytest.mark.long
async def test_every_request_sent_again_much_later_changes_nothing(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:
        balancer.late = True
        await play_through(balancer, PostgresStore(database), just_play(1500), bots=20)
    assert balancer.late_sent >= 1500


@pytest.mark.long
async def test_a_killed_server_costs_its_bots_a_repeat_and_nothing_else(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:

        async def kill(tally: Tally) -> None:
            for server in two:
                await played(tally, tally.turns + 500)
                server.kill()
                await played(tally, tally.turns + 300)
                await server.start_in_thread()

        tally = await play_through(balancer, PostgresStore(database), kill, bots=60)
    assert tally.troubles, "the bots never noticed"


async def test_a_server_stopped_for_long_wakes_up_and_overwrites_nothing(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """SIGSTOP in the middle of its work: its clients give up, the other server plays on, then it wakes up."""
    database = postgres.empty_database("games")
    async with servers(tmp_path, database, 2) as two, balancing([one.port for one in two]) as balancer:

        async def stop(tally: Tally) -> None:
            await played(tally, 500)
            two[0].signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)  # what is tested: that it was away for so long
            assert tally.turns > 500, "the other one did not play on"
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
                await played(tally, tally.turns + 300)
                server.signal(signal.SIGTERM)
                codes.append(await asyncio.to_thread(server.wait))
                server.kill()
                await server.start_in_thread()

        tally = await play_through(balancer, PostgresStore(database), restart, bots=60)
    assert codes == [0, 0, 0]
    assert not tally.errors
    print(f"before the repeat: {dict(tally.troubles)}")


@pytest.mark.long
async def test_connections_to_the_database_cut_around_commits_are_only_latency(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Before a commit is passed on, right after it was sent, and when its answer is on its way."""
    database = postgres.empty_database("games")
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(cutting(database))
        two = await stack.enter_async_context(servers(tmp_path, proxy.url, 2))
        balancer = await stack.enter_async_context(balancing([one.port for one in two]))

        async def cut(tally: Tally) -> None:
            await played(tally, 200)
            proxy.permille = 20
            while min(proxy.cuts[way] for way in CUTS) < 8:
                await played(tally, tally.turns + 50)
            proxy.permille = 0

        tally = await play_through(balancer, PostgresStore(database), cut, bots=50)
    assert not tally.troubles, "the bots had to repeat"


async def test_a_commit_that_waits_for_a_standby_while_everybody_is_cut_off_happens_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Synchronous replication hangs; connections are given up after COMMIT_TIMEOUT; bots repeat until it is
    over.
    """
    database = postgres.empty_database("games")
    watcher = await asyncpg.connect(database)
    flags = ("--commit-timeout", "0.5")
    async with servers(tmp_path, database, 2, flags) as two, balancing([one.port for one in two]) as balancer:

        async def hang(tally: Tally) -> None:
            await played(tally, 300)
            await watcher.execute("alter system set synchronous_standby_names = 'nobody'")
            await watcher.execute("select pg_reload_conf()")
            while not tally.troubles["outcome_unknown"]:  # noqa: ASYNC110 (a plain counter)
                await asyncio.sleep(0.01)
            await watcher.execute("alter system reset synchronous_standby_names")
            await watcher.execute("select pg_reload_conf()")

        tally = await play_through(balancer, PostgresStore(database), hang, bots=30)
    await watcher.close()
    assert tally.troubles["outcome_unknown"]
