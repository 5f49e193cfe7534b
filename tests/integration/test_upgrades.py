"""A release that changes the schema starts while bots play, and is rolled back; the old release plays on.

The new release is a copy of this program with a higher version and two more migrations: a column and an
index.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import asyncpg
import pytest

from dungeonfighter import __version__
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.hosting.ports import Store
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sql_files import migrations
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.server_process import ROOT, ServerProcess
from tests.integration.balancer import balancing
from tests.integration.through_balancer import (
    TURNS_AFTER,
    kill_at_work,
    play_through,
    servers,
    wait_for_turns,
)

NEWEST = migrations("sqlite")[-1].number
COLUMN, INDEX = NEWEST + 1, NEWEST + 2
MANY_RUNS = """
insert into episodes (bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn,
                      result, score, digest, ranked, ended_at)
select 'local/x', n, '1-abc', 1, 'casual', '{}', 0, 0, 9, 'died', n % 1000, '\\x00', false, now()
from generate_series(1, 250000) as n
"""
"""Rows of a bot that does not play; with them the table is too large to be indexed when a server starts."""


def store_of(database: str) -> Store:
    if database.startswith("sqlite"):
        return SqliteStore(Path(database.removeprefix("sqlite:///")))
    return PostgresStore(database)


def next_release(folder: Path, oldest: str) -> Path:
    """Make release 0.2.0, whose schema works with release `oldest` and newer ones.

    Returns:
        The folder from which it is imported.
    """
    package = folder / "dungeonfighter"
    shutil.copytree(ROOT / "src" / "dungeonfighter", package, ignore=shutil.ignore_patterns("__pycache__"))
    init = package / "__init__.py"
    init.write_text(init.read_text().replace(f'"{__version__}"', '"0.2.0"'))
    for dialect, marker, concurrently in (
        ("postgres", "-- concurrently\n", "concurrently if not exists "), ("sqlite", "", "")
    ):  # fmt: skip
        steps, head = package / "storage" / "sql" / dialect, f"-- compatible_from: {oldest}\n"
        (steps / f"{COLUMN:03}_note.sql").write_text(
            f"{head}alter table games add column note integer not null default 7;\n"
            "alter table episodes add column note text not null default 'none';\n"
        )
        (steps / f"{INDEX:03}_episodes_note.sql").write_text(
            f"{head}{marker}create index {concurrently}episodes_note on episodes (note, score, bot_id);\n"
        )
    return folder


def run(source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a release and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "dungeonfighter", *words], env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


async def recorded(database: str) -> list[int]:
    """Return the numbers of the applied migrations."""
    if database.startswith("sqlite"):
        with contextlib.closing(apsw.Connection(database.removeprefix("sqlite:///"))) as file:
            return [
                number for (number,) in file.execute("select version from schema_version order by version")
            ]
    connection = await asyncpg.connect(database)
    numbers = [
        number for (number,) in await connection.fetch("select version from schema_version order by 1")
    ]
    await connection.close()
    return numbers


async def fill(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(MANY_RUNS)
    await connection.close()


@pytest.mark.long
async def test_a_release_comes_under_play_and_is_taken_back(tmp_path: Path, database: str) -> None:
    source = next_release(tmp_path / "0.2.0", oldest=__version__)
    is_postgres = database.startswith("postgresql")
    async with servers(tmp_path, database, 2) as old:
        if is_postgres:
            await fill(database)
        new = ServerProcess(tmp_path / "0.2.0", database, ("--drain-seconds", "0.2"), source)
        async with balancing([one.port for one in (*old, new)]) as balancer:

            async def there_and_back(tally: Tally) -> None:
                await wait_for_turns(tally, 200)
                await new.start_in_thread()  # it migrates under play
                assert (await recorded(database))[-1] == (COLUMN if is_postgres else INDEX)
                await wait_for_turns(tally, tally.turns + 200)
                if is_postgres:
                    done = await asyncio.to_thread(run, source, "db", "migrate", "--db", database)
                    assert done.returncode == 0, done.stderr
                    assert f"schema: {INDEX:03}_episodes_note done in " in done.stderr
                await kill_at_work(balancer, old[0])
                await wait_for_turns(tally, tally.turns + 100)
                await old[0].start_in_thread()  # the old release, on the new schema
                assert await recorded(database) == list(range(1, INDEX + 1))
                while balancer.answered_by[new.port] <= TURNS_AFTER:
                    await wait_for_turns(tally, tally.turns + 10)
                new.signal(signal.SIGTERM)
                assert await asyncio.to_thread(new.wait) == 0
                await wait_for_turns(tally, tally.turns + 300)

            try:
                tally = await play_through(balancer, store_of(database), there_and_back, bots=30)
            finally:
                new.kill()
    assert tally.troubles, "the bots never noticed"


def test_an_older_release_refuses_a_schema_that_needs_the_newer_one(tmp_path: Path, database: str) -> None:
    source = next_release(tmp_path / "0.2.0", oldest="0.2.0")
    migrated = run(source, "db", "migrate", "--db", database)
    assert migrated.returncode == 0, migrated.stderr
    assert "up to date" in migrated.stdout
    for words, command in ((["serve", "--port", "0"], "serve"), (["db", "migrate"], "db migrate")):
        refused = run(ROOT / "src", *words, "--db", database)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"dungeonfighter {command}: the database has schema {INDEX}, "
            f"this release ({__version__}) knows {NEWEST}, "
            f"and schema {INDEX} needs release 0.2.0 or newer; run the release that migrated the database, "
            "or name another database with --db\n"
        )
