"""pgBackRest restores PostgreSQL to a moment: every turn acknowledged before it is there, and no later one.

The configuration, the statements and the commands are those of docs/backups.md.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.storage.postgres import PostgresStore
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.documented import blocks, commands, filled
from tests.integration.restored import Acknowledged, acknowledged, assert_holds, count_lost
from tests.integration.through_balancer import wait_for_turns
from tests.parts import go_without, program

pytestmark = pytest.mark.long
BOTS = 200
RELEASES = Path("/usr/lib/postgresql")
MOMENT = "2026-11-29 03:00:00+00"
FURTHER = """
[global]
log-level-file=off
lock-path={folder}/locks
spool-path={folder}/spool
[games]
pg1-port={port}
pg1-socket-path={folder}
pg1-user=postgres
"""
"""For a test that runs beside other servers, and has no folders of the system."""
CONFIGURATION, STATEMENTS, FIRST_BACKUP, RESTORE, VERIFY = range(5)
SECTION = blocks("backups.md", "PostgreSQL, to any moment")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A server of a release that pgBackRest knows; its environment leads pgBackRest to its configuration."""
    program("pgbackrest", part="pgbackrest")
    releases = sorted(RELEASES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not releases:
        go_without("pgbackrest")
    made = PostgresServer(in_memory=True, programs=str(releases[-1].parent))
    try:
        monkeypatch.setenv("PGBACKREST_CONFIG", str(made.folder / "pgbackrest.conf"))
        yield made
    finally:
        made.close()


def places_of(server: PostgresServer) -> dict[str, str]:
    return {
        "/backups/pgbackrest": f"{server.folder}/repository",
        "/var/lib/postgresql/15/main": f"{server.folder}/data",
        "postgres@127.0.0.1:5432": f"postgres@127.0.0.1:{server.port}",
    }


def run_documented(server: PostgresServer, block: int, moment: str = "") -> None:
    for words in commands(SECTION[block].replace(MOMENT, moment or MOMENT), places_of(server)):
        server.run_as_owner(program(words[0], part="pgbackrest"), *words[1:])


def begin_archiving(server: PostgresServer) -> None:
    further = FURTHER.format(folder=server.folder, port=server.port)
    configuration = filled(SECTION[CONFIGURATION], places_of(server)) + further
    (server.folder / "pgbackrest.conf").write_text(configuration)
    server.start()
    server.order(*re.findall(r"alter system [^;]*;", SECTION[STATEMENTS]))
    server.stop()
    server.start()
    run_documented(server, FIRST_BACKUP)


async def archive_up_to_now(watcher: asyncpg.Connection) -> None:
    """Switch to the next piece of the log, and wait until the one before is archived."""
    piece = await watcher.fetchval("select pg_walfile_name(pg_switch_wal())")
    archived = ""
    while archived < piece:
        await asyncio.sleep(0.05)
        archived = await watcher.fetchval("select coalesce(last_archived_wal, '') from pg_stat_archiver")


async def play_until_killed(
    server: PostgresServer, database: str, game: ServerProcess
) -> tuple[list[Acknowledged], str, list[Player]]:
    """Let bots play; return what was acknowledged before a moment, the moment, and the bots after the end."""
    tally, stop = Tally(), asyncio.Event()
    players: list[Player] = []
    watcher = await asyncpg.connect(database)
    options = LoadOptions(game.url, BOTS, seconds=100, rate=1000, timeout_seconds=2)
    before: list[Acknowledged] = []
    moments: list[str] = []

    async def kill() -> None:
        await wait_for_turns(tally, 2000)
        before.extend(acknowledged(players))
        moments.append(await watcher.fetchval("select clock_timestamp()::timestamptz(6)::text"))
        await wait_for_turns(tally, tally.turns + 500)
        await archive_up_to_now(watcher)
        await wait_for_turns(tally, tally.turns + 500)
        watcher.terminate()
        server.kill()
        game.kill()
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(run_load(options, lambda _: None, tally=tally, stop=stop, meet=players.extend))
        group.create_task(kill())
    return before, moments[0], players


async def test_a_moment_is_restored_with_every_turn_before_it(tmp_path: Path, server: PostgresServer) -> None:
    await asyncio.to_thread(begin_archiving, server)
    database = await asyncio.to_thread(server.empty_database, "games")
    with ServerProcess(tmp_path, database) as game:
        before, moment, players = await play_until_killed(server, database, game)
    assert len(before) == BOTS
    await asyncio.to_thread(run_documented, server, RESTORE, moment)
    await asyncio.to_thread(server.start)
    for words in commands(SECTION[VERIFY], places_of(server)):
        run = [sys.executable, "-m", *words]
        done = await asyncio.to_thread(subprocess.run, run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{BOTS} bots" in done.stdout
    await assert_holds(PostgresStore(database), before)
    assert await count_lost(PostgresStore(database), acknowledged(players)) >= 500, "later turns are there"
