"""The checker of histories on what real clients and a real server leave, and its command."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest

from chaos.journal import JournalWriter
from chaos.players import Bot, Crowd, Habits
from dungeonfighter.fleet.http import Endpoint
from testkit.server_process import ROOT, ServerProcess

BOTS = 8
CALLS = 12
"""Each bot has so many acknowledged calls before and after the trouble."""


async def play_through(server: ServerProcess, folder: Path, trouble: Callable[[], None]) -> Path:
    """Let bots play, with trouble in the middle; return their journal."""
    path = folder / "journal.jsonl"
    endpoint = Endpoint(f"{server.url}/mcp", timeout_seconds=2.0)
    with JournalWriter(path) as journal:
        crowd = Crowd(Habits(BOTS, 0.02, 2.0, 7), endpoint, journal)
        bots = [Bot(number, crowd) for number in range(1, BOTS + 1)]

        async def until(calls: int) -> None:
            while min(bot.acknowledged for bot in bots) < calls:  # noqa: ASYNC110 (plain counters)
                await asyncio.sleep(0.01)

        async with endpoint.watched(), asyncio.TaskGroup() as group:
            for bot in bots:
                group.create_task(bot.play())
            await until(CALLS)
            journal.fault("trouble", "begin")
            await asyncio.to_thread(trouble)
            journal.fault("trouble", "end")
            await until(max(bot.acknowledged for bot in bots) + CALLS)
            crowd.is_over = True
    return path


def checked(journal: Path, store: str, *flags: str) -> tuple[int, list[str], str]:
    """Run the command; return its exit code, its output in lines, and its error output."""
    words = [sys.executable, "-m", "chaos.checker", str(journal), store, *flags]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def sums(lines: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the last line by their words."""
    return {
        word: int(number.replace(",", "")) for word, number in (one.split() for one in lines[-1].split(", "))
    }


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
)
async def test_a_killed_server_keeps_its_promises_on_either_database(tmp_path: Path, database: str) -> None:
    with ServerProcess(tmp_path, database) as server:

        def trouble() -> None:
            server.kill()
            server.start()

        journal = await play_through(server, tmp_path, trouble)
        code, lines, errors = checked(journal, database)
    assert code == 0, (lines, errors)
    found = sums(lines)
    assert found["acknowledged"] >= 2 * BOTS * CALLS
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert any(line.startswith("after the end of the last fault the first bot played in ") for line in lines)
    assert "did not play" not in "\n".join(lines)
    code, lines, errors = checked(journal, database)
    assert code == 0, (lines, errors)
    assert sums(lines) == found, "a stopped server leaves the same history"


@pytest.mark.long
async def test_a_row_that_was_put_back_is_detected(tmp_path: Path) -> None:
    """An earlier row in the place of a newer one is what a store leaves that loses a commit."""
    before: list[tuple[object, ...]] = []

    with ServerProcess(tmp_path) as server:

        def trouble() -> None:
            before.extend(rows_of(server.database))

        journal = await play_through(server, tmp_path, trouble)
        server.signal(signal.SIGTERM)
        server.wait()
        assert checked(journal, str(server.database))[0] == 0
        connection = apsw.Connection(str(server.database))
        connection.execute("delete from games where bot_id = 'local/chaos-00003'")
        (row,) = [row for row in before if row[0] == "local/chaos-00003"]
        connection.execute(f"insert into games values ({', '.join('?' * len(row))})", row)
        connection.close()
        code, lines, _ = checked(journal, str(server.database))
    assert code == 1
    assert any("lost chaos-00003: " in line for line in lines)
    assert not any("chaos-00002" in line for line in lines)
    assert sums(lines)["lost"] >= CALLS - 1


def rows_of(database: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute("select * from games"))
    finally:
        connection.close()


def test_the_command_says_what_it_cannot_check(tmp_path: Path) -> None:
    journal, store = tmp_path / "journal.jsonl", tmp_path / "games.db"
    journal.write_text("no event\n")
    assert (checked(journal, str(store))[0], store.exists()) == (2, False)
    apsw.Connection(str(store)).execute(
        "create table games "
        "(bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today)"
    )
    code, _, errors = checked(journal, str(store))
    assert (code, "no such table: run_inputs" in errors) == (2, True)
    code, _, errors = checked(tmp_path / "none", "postgresql://nobody@127.0.0.1:1/none")
    assert (code, "PostgreSQL cannot be read" in errors) == (2, True)
    code, _, errors = checked(journal, str(store), "--promoted-lacks", str(journal))
    assert (code, "does not hold promotions" in errors) == (2, True)


def test_the_command_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chaos.checker", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--promoted-lacks FILE" in done.stdout
    assert "Exit codes: 0 it does, 1 it does not, 2 the check could not be made" in " ".join(
        done.stdout.split()
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"promoted": {}}', '{"promoted": {"a": [1]}, "former": {}}'])
def test_a_file_of_positions_is_read_strictly(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lacking.json"
    path.write_text(text)
    code, _, errors = checked(tmp_path / "none", str(tmp_path / "none.db"), "--promoted-lacks", str(path))
    assert code == 2
    assert ("does not hold promotions" in errors) == (text != "[]")
