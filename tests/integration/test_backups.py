"""A backup under load keeps every turn acknowledged before it; a fault leaves no file of its name."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.contract.backups import damage_of, fill
from tests.integration.restored import RULES, Acknowledged, acknowledged, assert_holds, db
from tests.integration.through_balancer import wait_for_turns

BOTS = 20
FAKE_DUMP = """\
#!/bin/sh
case "$1" in --version) echo "pg_dump (PostgreSQL) {version}"; exit 0;; esac
{act}
"""


async def play_and_back_up(
    server: ServerProcess, database: str, turns: int, back_up: Sequence[str]
) -> tuple[list[Acknowledged], Tally]:
    """Let bots play, and back up and verify the store meanwhile; return what was acknowledged before that."""
    tally, stop = Tally(), asyncio.Event()
    players: list[Player] = []
    moment: list[Acknowledged] = []
    options = LoadOptions(server.url, BOTS, seconds=100, in_flight_max=16, habits=Habits(run_inputs_max=40))

    async def back_up_and_stop() -> None:
        await wait_for_turns(tally, turns)
        moment.extend(acknowledged(players))
        done = await asyncio.to_thread(db, *back_up)
        assert done.returncode == 0, done.stderr
        verified = await asyncio.to_thread(db, "verify", "--db", database)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "all are sound" in verified.stdout
        await wait_for_turns(tally, tally.turns + turns)
        stop.set()

    async with asyncio.TaskGroup() as group:
        playing = group.create_task(
            run_load(options, lambda _: None, tally=tally, stop=stop, meet=players.extend)
        )
        group.create_task(back_up_and_stop())
    verdict = await verify_load(playing.result(), RULES, lambda _: None)
    assert not tally.errors
    assert not verdict.findings
    return moment, tally


async def back_up_and_restore(
    folder: Path, database: str, restored: str, dumper: Sequence[str] = (), restorer: Sequence[str] = ()
) -> None:
    """Back up a store under load, restore the backup, and look for every turn acknowledged before."""
    file = folder / "backup"
    with ServerProcess(folder, database) as server:
        backup = ["backup", str(file), "--db", database, *dumper]
        moment, tally = await play_and_back_up(server, database, 800, backup)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(moment) == BOTS
    restore = ["restore", str(file), "--db", restored, *restorer]
    done = await asyncio.to_thread(db, *restore)
    assert done.returncode == 0, done.stderr
    assert f"{BOTS} bots" in done.stdout
    assert "all are sound" in done.stdout
    refused = await asyncio.to_thread(db, *restore)
    assert refused.returncode == 1
    assert "left alone" in refused.stderr
    stored = await assert_holds(make_store(Settings(database=parse_database(restored))), moment)
    assert sum(bot.turns for bot in moment) <= stored < tally.turns


async def test_a_backup_of_sqlite_under_load_holds_every_turn_before_it(tmp_path: Path) -> None:
    await back_up_and_restore(tmp_path, f"sqlite:///{tmp_path}/games.db", f"sqlite:///{tmp_path}/restored.db")


@pytest.mark.long
async def test_a_backup_of_postgresql_under_load_holds_every_turn_before_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    await back_up_and_restore(
        tmp_path,
        postgres.empty_database("games"),
        postgres.empty_database("restored"),
        ["--pg-dump", postgres.program("pg_dump")],
        ["--pg-restore", postgres.program("pg_restore")],
    )


@pytest.fixture
async def games(tmp_path: Path) -> str:
    """The connection string of a SQLite store with two bots."""
    store = SqliteStore(tmp_path / "games.db")
    await store.open()
    await fill(store, ["ada", "bob", "state"], turns=3)
    await store.close()
    return f"sqlite:///{tmp_path}/games.db"


def fake_dump(folder: Path, act: str, version: str = "99.1") -> str:
    """Write a program that passes for a `pg_dump` of this version and does `act`."""
    path = folder / "pg_dump"
    path.write_text(FAKE_DUMP.format(version=version, act=act))
    path.chmod(0o755)
    return str(path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_with_damaged_rows_is_refused_or_kept_on_demand(tmp_path: Path, games: str) -> None:
    with closing(apsw.Connection(str(tmp_path / "games.db"))) as other:
        other.execute(damage_of("state", "sqlite"))
    assert db("backup", str(tmp_path / "b"), "--db", games).returncode == 0
    restored = tmp_path / "restored.db"
    words = ["restore", str(tmp_path / "b"), "--db", f"sqlite:///{restored}"]
    refused = db(*words)
    assert refused.returncode == 1
    assert "local/state: game: the stored state of this game is damaged" in refused.stdout
    assert "no database was left" in refused.stderr
    assert not restored.exists()
    kept = db(*words, "--keep-damaged")
    assert kept.returncode == 1
    assert "restored; 3 bots" in kept.stdout
    verified = db("verify", "--db", f"sqlite:///{restored}")
    assert verified.returncode == 1
    assert verified.stdout.splitlines()[0] == "local/state: game: the stored state of this game is damaged"
    of_file = db("verify", str(tmp_path / "b"))
    assert (of_file.returncode, of_file.stdout.splitlines()[0]) == (1, verified.stdout.splitlines()[0])


def test_a_full_disk_leaves_no_backup(tmp_path: Path, games: str) -> None:
    place = tmp_path / "full"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=16k none {place}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    command = f"{sys.executable} -m dungeonfighter db backup {place}/b --db {games}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{mount} && {command}; echo $?; ls -A {place}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert "no space left on device" in done.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL]
)
def test_a_backup_that_is_ended_leaves_no_file_of_its_name(
    tmp_path: Path, postgres: PostgresServer, number: int
) -> None:
    """The dump has begun and never ends."""
    database = postgres.empty_database("games")
    assert db("migrate", "--db", database).returncode == 0
    act = f"echo PGDMP; echo $$ > {tmp_path}/pid; exec sleep 100"
    program = fake_dump(tmp_path, act)
    place = tmp_path / "backups"
    place.mkdir()
    words = ["db", "backup", str(place / "b"), "--db", database, "--pg-dump", program]
    words += ["--pg-restore", postgres.program("pg_restore")]
    running = subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", *words], stderr=subprocess.PIPE, text=True
    )
    dump = tmp_path / "pid"
    while not dump.exists() or not dump.read_text():
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(number)
    _, said = running.communicate()
    if number != signal.SIGKILL:
        assert running.returncode == 130
        assert "no backup was left" in said
        assert names(place) == set()
    else:
        os.kill(int(dump.read_text()), signal.SIGKILL)
        assert names(place) == {"b.unfinished"}


def test_a_dump_that_fails_and_an_older_one_are_named(tmp_path: Path, postgres: PostgresServer) -> None:
    database = postgres.empty_database("games").replace("postgres@", "postgres:secret@")
    assert db("migrate", "--db", database).returncode == 0
    place = tmp_path / "backups"
    place.mkdir()
    words = ["backup", str(place / "b"), "--db", database, "--pg-restore", postgres.program("pg_restore")]
    older = db(*words, "--pg-dump", fake_dump(tmp_path, "exit 1", version="9.6.24"))
    assert older.returncode == 2
    assert "is of PostgreSQL 9.6.24, the server of " in older.stderr
    assert "with --pg-dump PATH" in older.stderr
    act = f'echo "$@" "$PGPASSWORD" > {tmp_path}/seen; echo "pg_dump: error: out of moons" >&2; exit 1'
    failed = db(*words, "--pg-dump", fake_dump(tmp_path, act))
    assert failed.returncode == 1
    assert "pg_dump failed: out of moons" in failed.stderr
    *arguments, password = (tmp_path / "seen").read_text().split()
    assert password == "secret"
    assert not [word for word in arguments if "secret" in word]
    torn = db(*words, "--pg-dump", fake_dump(tmp_path, "printf PGDMP"))
    assert torn.returncode == 1
    assert "cannot be read" in torn.stderr
    assert names(place) == set()
