"""`db import-saves` in a process of its own: killed, interrupted, and beside a server that plays."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from dungeonfighter import cli
from dungeonfighter.connection_strings import parse_database
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.rows import check, present
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from testkit.server_process import ROOT, ServerProcess
from tests.integration.served import PLAY, Served, until
from tests.unit.storage.save_samples import VINTAGES, big, encoded, sample

FILES = 1200
BOOK = ShippedRules([load_rules()])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "saves"
    folder.mkdir()
    return folder


def fill(folder: Path, count: int = FILES) -> None:
    raw = big(0)
    for number in range(count):
        (folder / f"{number:05}_save.json").write_bytes(raw.replace(b'"Hero 0"', f'"Hero {number}"'.encode()))


def importing(folder: Path, database: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "db", "import-saves", str(folder), "--db", database, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def count_bots(file: Path) -> int:
    if not file.exists():
        return 0
    try:
        reading = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        return int(reading.execute("select count(*) from games").get)
    except apsw.Error:
        return 0


async def rows_of(database: str, bots: Sequence[str] = ()) -> list[Row]:
    """Load rows, by default all of the fleet, each checked and decoded."""
    store = make_store(Settings(database=parse_database(database)))
    await store.open()
    keys = list(bots) or [bot.bot_id for bot in await store.list_bots("local/", "local/", 10_000)]
    rows = [row for row in await store.load(keys) if row is not None]
    await store.close()
    for row in rows:
        check(row, BOOK)
        present(row, BOOK)
    return rows


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_was_cut_short_goes_on(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    fill(folder)
    database, report = f"sqlite:///{tmp_path}/games.db", tmp_path / "report.json"
    with importing(folder, database, "--report", str(report)) as process:
        until(lambda: count_bots(tmp_path / "games.db") > 0, "no hero was written")
        process.send_signal(number)
        output, errors = process.communicate()
    before = asyncio.run(rows_of(database))
    assert 0 < len(before) < FILES
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert f"interrupted: {len(before)} of {FILES} files are done" in errors
        assert "the same command goes on from there" in errors
        found = json.loads(report.read_text())
        assert (found["complete"], len(found["files"])) == (False, len(before))
    else:
        assert (output, process.returncode, report.exists()) == ("", -signal.SIGKILL, False)
    with importing(folder, database) as process:
        output, _ = process.communicate()
    assert process.returncode == 0
    assert output == (
        f"{FILES} files: {FILES - len(before)} imported, {len(before)} there already, 0 bad, 0 skipped\n"
    )
    after = {row.bot_id: row for row in asyncio.run(rows_of(database))}
    assert len(after) == FILES
    assert all(after[row.bot_id] == row for row in before)


def test_a_hero_is_imported_beside_a_server_and_plays_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for vintage in VINTAGES:
        (folder / f"{vintage}.json").write_bytes(encoded(sample(vintage)))
    (folder / "old_dead.json").write_bytes(encoded(sample("v4") | {"xp": 1}))
    with ServerProcess(tmp_path) as server:
        served = Served(server)
        assert served.call("start_new_game", bot="ada", seed=7, weapon="dagger")[1] is False
        mine = ["db", "import-saves", "--db", f"sqlite:///{server.database}"]
        assert cli.main([*mine, str(folder / "v6.json"), "--bot", "ada"]) == 0
        assert "a bot of this name exists; it was left alone" in capsys.readouterr().out
        assert cli.main([*mine, str(folder)]) == 0
        bots = dict(re.findall(r"(\w+)\.json -> local/([\w.-]+) ", capsys.readouterr().out))
        assert len(bots) == len(VINTAGES) + 1
        for file, bot in bots.items():
            text, is_error = served.call(PLAY, bot=bot, input="1", turn=0, episode=1)
            assert is_error == ("dead" in file), text
            assert text.startswith("e1 t1 | L") != is_error
            assert "Tamsin Reed" in served.call("get_player_stats", bot=bot)[0]
        assert served.call(PLAY, bot="ada", input="1", turn=0)[0].startswith("e1 t1 | L1")
        assert "Tamsin" not in served.call("get_player_stats", bot="ada")[0]
        text, is_error = served.call("reset_game", bot=bots["old_dead"], episode=2)
        assert not is_error, text


@pytest.mark.long
def test_heroes_are_imported_into_each_store(database: str, folder: Path) -> None:
    fill(folder, 40)
    (folder / "a_dead.json").write_bytes(encoded(sample("v6")))
    for expected in ("41 imported (1 of them dead: finished runs), 0 there", "0 imported, 41 there"):
        with importing(folder, database) as process:
            output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert expected in output
    assert len(asyncio.run(rows_of(database))) == 41
    with importing(folder, database, "--dry-run", "--fleet", "others") as process:
        assert "41 could be imported" in process.communicate()[0]
