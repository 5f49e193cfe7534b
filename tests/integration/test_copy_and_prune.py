"""`db copy`, `db export`, `db prune`, `bots delete` and `bots export` on databases of each kind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from dungeonfighter import cli
from dungeonfighter.hosting.ports import Won
from testkit.server_process import ROOT, ServerProcess
from tests.contract.rows import first
from tests.contract.test_copying import contents, fill, store_of

Capture = pytest.CaptureFixture[str]
DAY = 86_400


def run(capsys: Capture, *words: str, code: int = 0) -> str:
    assert cli.main(list(words)) == code
    captured = capsys.readouterr()
    return captured.err if code == 2 else captured.out + captured.err


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


@pytest.fixture
async def games(database: str) -> str:
    """A database of each kind with four bots, and no server."""
    await fill(database)
    return database


async def change(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as file:
            file.execute(statement.replace("OLD", "1000.0"))
        return
    link = await asyncpg.connect(url)
    await link.execute(statement.replace("OLD", "to_timestamp(1000)"))
    await link.close()


def counts(end: dict[str, Any]) -> dict[str, int]:
    """Return the numbers of rows by table, without empty tables."""
    return {name: count for name, count in end["rows"].items() if count}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# The tests of commands run the command line in a thread of their own: it has its own event loop.


def test_copy_says_that_all_is_the_same_and_refuses_a_full_target(
    games: str, tmp_path: Path, capsys: Capture
) -> None:
    target = f"sqlite:///{tmp_path}/copy.db"
    said = run(capsys, "db", "copy", "--from", games, "--to", target)
    assert (
        "copied, and every row is the same: 1 tokens, 4 character_saves, 4 episodes, 8 run_inputs, 4" in said
    )
    refused = run(capsys, "db", "copy", "--from", games, "--to", target, code=1)
    assert f"sqlite:///{tmp_path}/copy.db is not empty: tokens has rows; nothing was written" in refused
    if games.startswith("sqlite"):
        assert contents(tmp_path / "copy.db") == contents(tmp_path / "games.db")


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("memory://", "sqlite:///x.db", "--from: memory:// keeps nothing"),
        ("sqlite:///x.db", "sqlite:///./x.db", "--to: it is the same database as --from"),
        ("mysql://x", "sqlite:///x.db", "--from: "),
    ],
)
def test_copy_refuses_wrong_databases(capsys: Capture, source: str, target: str, problem: str) -> None:
    assert problem in run(capsys, "db", "copy", "--from", source, "--to", target, code=2)


def test_copy_needs_a_source_that_exists(tmp_path: Path, capsys: Capture) -> None:
    words = ("--from", f"sqlite:///{tmp_path}/none.db", "--to", f"sqlite:///{tmp_path}/x.db")
    assert "there is no database " in run(capsys, "db", "copy", *words, code=1)
    assert not (tmp_path / "none.db").exists()


def test_an_export_has_every_row_of_a_fleet_in_the_documented_form(
    games: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "team.jsonl"
    said = run(capsys, "db", "export", "-o", str(path), "--fleet", "team-a", "--db", games)
    assert "exported 2 character_saves, 2 episodes, 4 run_inputs, 2 games" in said
    header, *rows, end = lines_of(path)
    assert (header["form"], header["version"], header["bots"]) == ("dungeonfighter export", 1, "fleet team-a")
    assert end["end"] is True
    assert counts(end) == {"character_saves": 2, "episodes": 2, "run_inputs": 4, "games": 2}
    assert {row["row"]["bot_id"] for row in rows} == {"team-a/ada", "team-a/Ö"}
    columns = header["tables"]
    assert all(list(row["row"]) == list(columns[row["table"]]) for row in rows)
    game = next(row["row"] for row in rows if row["table"] == "games")
    assert columns["games"] == {
        "bot_id": "text", "version": "integer", "digest": "base64", "episode": "integer", "turn": "integer",
        "rules": "text", "state": "base64", "trail": "base64", "directive": "text", "tokens_today": "integer",
        "updated_at": "number",
    }  # fmt: skip
    assert (b64decode(game["state"]), game["version"]) == (b"next", 2)
    assert abs(game["updated_at"] - time.time()) < 100
    (save, *_) = (row["row"] for row in rows if row["table"] == "character_saves")
    assert save["character_data"]["summary"] == {"name": "Tarn", "level": 3}
    assert next(row["row"] for row in rows if row["table"] == "episodes")["ranked"] is False
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert "exists; it was left alone" in run(capsys, "db", "export", "-o", str(path), "--db", games, code=1)


@pytest.mark.parametrize(
    "part", [0.8, *(pytest.param(part, marks=pytest.mark.long) for part in (0.0, 0.3, 0.999))]
)
def test_a_stopped_export_goes_on_behind_its_last_whole_line(
    games: str, tmp_path: Path, capsys: Capture, part: float
) -> None:
    path, stopped = tmp_path / "all.jsonl", tmp_path / "all.jsonl.part"
    run(capsys, "db", "export", "-o", str(path), "--db", games)
    whole = path.read_bytes()
    path.rename(stopped)
    body = whole[: whole.rindex(b"\n", 0, -1) + 1]  # the last line is written just before the rename
    stopped.write_bytes(body[: int(len(body) * part)])
    words = ("db", "export", "-o", str(path), "--db", games)
    assert "--resume goes on with it" in run(capsys, *words, code=1)
    run(capsys, *words, "--resume")
    assert path.read_bytes() == whole
    assert not stopped.exists()


@pytest.mark.long
def test_an_export_goes_on_only_with_its_own_part(games: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "all.jsonl"
    run(capsys, "db", "export", "-o", str(path), "--db", games)
    path.rename(tmp_path / "all.jsonl.part")
    words = ("db", "export", "-o", str(path), "--db", games, "--fleet", "local", "--resume")
    assert "is of another export" in run(capsys, *words, code=1)


@pytest.mark.long
def test_one_bot_is_exported_to_standard_output(games: str) -> None:
    exporting = command("bots", "export", "team-a/ada", "-o", "-", "--db", games)
    output, _ = exporting.communicate(timeout=60)
    assert exporting.returncode == 0
    header, *rows, end = map(json.loads, output.splitlines())
    assert header["bots"] == "bot team-a/ada"
    assert {row["row"]["bot_id"] for row in rows} == {"team-a/ada"}
    assert counts(end) == {"character_saves": 1, "episodes": 1, "run_inputs": 2, "games": 1}


def test_an_absent_bot_is_neither_exported_nor_deleted(games: str, tmp_path: Path, capsys: Capture) -> None:
    for words in (
        ("export", "eve", "-o", str(tmp_path / "eve")),
        ("delete", "eve", "--yes"),
        ("delete", "eve"),
    ):
        said = run(capsys, "bots", *words, "--db", games, code=1)
        assert "there is no bot local/eve; `bots list` shows all" in said
    assert not list(tmp_path.glob("eve*"))


def test_a_bot_is_deleted_only_with_a_yes(
    games: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--yes deletes without asking" in run(capsys, "bots", "delete", "ada", "--db", games, code=1)
    assert "deleted local/ada" in run(capsys, "bots", "delete", "ada", "--yes", "--db", games)
    assert "there are no bots" not in run(capsys, "bots", "list", "--db", games)
    listed = json.loads(run(capsys, "bots", "list", "--json", "--db", games))
    assert [bot["botId"] for bot in listed["bots"] if bot["fleet"] == "local"] == ["bob"]
    assert run(capsys, "bots", "show", "ada", "--db", games).startswith("bot")


async def aged(url: str) -> None:
    for table, column in (
        ("games", "updated_at"),
        ("episodes", "ended_at"),
        ("character_saves", "updated_at"),
    ):
        await change(url, f"update {table} set {column} = OLD where bot_id = 'local/ada'")


@pytest.fixture
async def old_games(games: str) -> str:
    """One of the bots, with its run and its save, is old."""
    await aged(games)
    await change(games, "update games set trail = ''")
    return games


def test_prune_counts_first_and_then_removes(old_games: str, capsys: Capture) -> None:
    words = ("db", "prune", "--db", old_games)
    assert "--days: say how long to keep" in run(capsys, *words, code=2)
    trial = run(capsys, *words, "--days", "30", "--dry-run")
    assert "would remove 0 bots, 1 ended runs with 2 parts of their inputs, and 1 saves; looked at 4" in trial
    assert "1 idle bots stay: their runs are ranked, or cannot be read here" in trial  # a row without rules
    assert "removed 0 bots, 1 ended runs" in run(capsys, *words, "--retention-days", "30")
    assert "removed 0 bots, 0 ended runs" in run(capsys, *words, "--days", "30")


@pytest.mark.long
def test_prune_reads_its_days_from_the_environment(
    old_games: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "30")
    assert "would remove 0 bots, 1 ended runs" in run(capsys, "db", "prune", "--dry-run", "--db", old_games)


@pytest.mark.long
def test_compact_gives_the_pages_back(tmp_path: Path, capsys: Capture) -> None:
    url = f"sqlite:///{tmp_path}/games.db"

    async def write() -> None:
        store = store_of(url)
        await store.open()
        for number in range(0, 4000, 200):
            batch = [first(f"local/{bot:05}", bytes(1000)) for bot in range(number, number + 200)]
            assert await store.commit(batch) == [Won()] * 200
        await store.close()

    asyncio.run(write())
    with closing(apsw.Connection(str(tmp_path / "games.db"))) as file:
        file.execute("delete from games")
    before = (tmp_path / "games.db").stat().st_size
    assert "MiB inside the file are free" in run(capsys, "db", "prune", "--days", "1", "--db", url)
    run(capsys, "db", "prune", "--days", "1", "--db", url, "--compact", "always")
    assert (tmp_path / "games.db").stat().st_size < before / 10
    with closing(apsw.Connection(str(tmp_path / "games.db"))) as file:
        assert file.execute("pragma auto_vacuum").get == 2


@pytest.mark.long
def test_a_copy_of_many_rows_survives_kill_9_and_ctrl_c(
    tmp_path: Path, capsys: Capture, database: str
) -> None:
    """A copy is killed again and again, each time somewhere else, and is the same in the end."""
    source = f"sqlite:///{tmp_path}/source.db"

    async def write() -> None:
        store = store_of(source)
        await store.open()
        for number in range(0, 20_000, 200):
            batch = [first(f"local/{bot:05}", bytes(700)) for bot in range(number, number + 200)]
            assert await store.commit(batch) == [Won()] * 200
        await store.close()

    asyncio.run(write())
    codes = []
    for number, kill in enumerate((signal.SIGKILL, signal.SIGINT, signal.SIGKILL), start=1):
        copying = command("db", "copy", "--from", source, "--to", database)
        while copying.poll() is None and asyncio.run(count(database)) < 5000 * number:
            pass
        copying.send_signal(kill)
        _, said = copying.communicate(timeout=60)
        codes.append(copying.returncode)
        if kill == signal.SIGINT:
            assert "stopped; the same command goes on where it was" in said
    assert codes == [-signal.SIGKILL, 130, -signal.SIGKILL]
    said = run(capsys, "db", "copy", "--from", source, "--to", database)
    assert "copied, and every row is the same: 20000 games" in said


async def count(url: str) -> int:
    """Count the games of a database; 0 without the table."""
    query = "select count(*) from games"
    try:
        if url.startswith("sqlite"):
            with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as file:
                file.set_busy_timeout(10_000)
                return int(file.execute(query).get)
        link = await asyncpg.connect(url)
        try:
            return int(await link.fetchval(query))
        finally:
            await link.close()
    except (apsw.SQLError, asyncpg.UndefinedTableError):
        return 0


@pytest.mark.long
def test_pruning_under_load_loses_no_turn(tmp_path: Path, database: str, capsys: Capture) -> None:
    """A fleet plays and verifies while old bots are pruned again and again, and one is deleted."""

    async def write() -> None:
        store = store_of(database)
        await store.open()
        await store.close()

    asyncio.run(write())
    with ServerProcess(tmp_path, database) as server:
        words = ("--policy", "random", "--bots", "60", "--prefix", "old-", "--seconds", "3")
        former = command("fleet", server.url, *words)
        shown, said = former.communicate(timeout=60)
        assert former.returncode == 0, shown + said
        asyncio.run(_age_all(database))
        playing = command("fleet", server.url, "--policy", "random", "--bots", "60", "--seconds", "6")
        removed = 0
        while playing.poll() is None:
            said = run(capsys, "db", "prune", "--days", "30", "--db", database)
            found = re.search(r"removed (\d+) bots", said)
            assert found is not None
            removed += int(found[1])
        shown, _ = playing.communicate(timeout=60)
    assert playing.returncode == 0, shown
    assert "lost, doubled, wrong  0" in shown
    assert removed == 60


async def _age_all(url: str) -> None:
    for table, column in (("games", "updated_at"), ("episodes", "ended_at")):
        await change(url, f"update {table} set {column} = OLD")
