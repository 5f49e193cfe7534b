"""`serve` on PostgreSQL: the test kills the server, and stops the database at once, while bots play."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dungeonfighter import cli
from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.report import make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess

TURNS = 1000


async def play_through(server: ServerProcess, trouble: Callable[[], None]) -> Tally:
    """Let 20 bots play, with `trouble` in the middle; no acknowledged turn may be lost or doubled."""
    tally = Tally()

    async def make_trouble() -> None:
        while tally.turns < TURNS // 3:  # noqa: ASYNC110 (the tally is a plain counter)
            await asyncio.sleep(0.001)
        await asyncio.to_thread(trouble)

    options = LoadOptions(server.url, 20, "attack", turns=TURNS, seconds=60)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(run_load(options, lambda _: None, tally=tally))
        group.create_task(make_trouble())
    verdict = await verify_load(playing.result(), load_rules(), lambda _: None)
    assert not tally.errors, tally.examples
    assert not verdict.findings
    assert verdict.turns == tally.turns >= TURNS
    assert make_report(playing.result(), verdict).passed
    return tally


async def test_a_restart_of_the_database_only_delays_turns(tmp_path: Path, postgres: PostgresServer) -> None:
    def trouble() -> None:
        postgres.stop("immediate")
        postgres.start()

    with ServerProcess(tmp_path, postgres.empty_database("games")) as server:
        tally = await play_through(server, trouble)
    assert not tally.troubles, "the bots had to retry"


async def test_a_killed_server_loses_no_turn(tmp_path: Path, postgres: PostgresServer) -> None:
    with ServerProcess(tmp_path, postgres.empty_database("games")) as server:

        def trouble() -> None:
            server.kill()
            server.start()

        tally = await play_through(server, trouble)
    assert tally.troubles, "the bots never noticed"


@pytest.mark.long
async def test_each_request_may_go_to_another_worker(tmp_path: Path, postgres: PostgresServer) -> None:
    flags = ("--workers", "3", "--drain-seconds", "600")
    with ServerProcess(tmp_path, postgres.empty_database("games"), flags) as server:

        def trouble() -> None:
            server.signal(signal.SIGTERM)  # while draining, each answer closes its connection

        await play_through(server, trouble)


def test_db_migrate_creates_the_tables_and_can_be_repeated(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.empty_database("games")
    for _ in range(2):
        assert cli.main(["db", "migrate", "--db", url]) == 0
    assert "up to date" in capsys.readouterr().out


def test_a_missing_database_is_reported_in_one_line(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["db", "migrate", "--db", postgres.url("nowhere")]) == 1
    assert 'database "nowhere" does not exist' in capsys.readouterr().err
