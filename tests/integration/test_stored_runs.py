"""`replay` and `trajectories` read the runs of a database of each kind, while a store has it open."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dungeonfighter import cli
from dungeonfighter.connection_strings import parse_database
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from tests.unit.trajectories.played import FAULTY, WHOLE, play_all


async def test_runs_are_read_beside_the_store(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = make_store(Settings(database=parse_database(database)))
    await store.open()
    await play_all(store)
    target = tmp_path / "runs.jsonl"
    words = ["trajectories", "--db", database, "-o", str(target), "--processes", "1", "--observation", "none"]
    assert await asyncio.to_thread(cli.main, words) == 0
    lines = [json.loads(line) for line in target.read_bytes().splitlines()]
    runs = [f"{one['fleet']}/{one['bot']} e{one['episode']}" for one in lines if one["input"] is None]
    assert runs == sorted([*WHOLE, *(f"local/{bot} e1" for bot in FAULTY)])
    assert "left out: 6 live ranked, 1 with the seed of the day; " in capsys.readouterr().err
    code = await asyncio.to_thread(cli.main, ["replay", "--db", database, "--bot", "ada", "--episode", "3"])
    assert code == 0
    assert capsys.readouterr().out.startswith("ada e3 is as recorded: 8 inputs from t70 to t78, abandoned")
    await store.close()
