"""Litestream follows the file of a server: after the loss of the machine, only the newest turns are missing.

The configuration and the commands are those of docs/backups.md.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.server_process import ServerProcess
from tests.integration.documented import blocks, commands, filled
from tests.integration.restored import RULES, acknowledged, count_lost
from tests.integration.through_balancer import wait_for_turns
from tests.parts import program

pytestmark = pytest.mark.long
BOTS = 200
COPIES = 6
"""The machine is lost after so many copies under load."""


class Litestream:
    """A running Litestream: its replica, and the portions of the log that it keeps beside the database."""

    def __init__(self, words: list[str], folder: Path, replica: Path) -> None:
        self._own = folder / ".games.db-litestream" / "ltx" / "0"
        self._replica = replica / "ltx" / "0"
        self._log = folder / "litestream.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)

    def copies(self) -> list[str]:
        """Return the names of the finished copies, in order."""
        assert self._process.poll() is None, self._log.read_text()
        found = self._replica.iterdir() if self._replica.exists() else ()
        return sorted(file.name for file in found if file.suffix == ".ltx")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def safe_until(self) -> float:
        """Return a time: the replica holds every commit before it.

        The portion of the last copy was read from the log after the portion before it was complete.
        """
        last = max(file.name for file in self._replica.iterdir() if file.suffix == ".ltx")
        before = max(file.name for file in self._own.iterdir() if file.name < last)
        return (self._own / before).stat().st_mtime

    def snapshots(self) -> int:
        return self._log.read_text().count("snapshot complete")


async def play_until_the_machine_is_lost(
    server: ServerProcess, litestream: Litestream
) -> tuple[Load, list[tuple[float, int]]]:
    """Let bots play, then kill server and Litestream; return the load, and its turns over time."""
    tally, stop = Tally(), asyncio.Event()
    turns: list[tuple[float, int]] = []

    async def lose_the_machine() -> None:
        await wait_for_turns(tally, 2000)
        enough = len(litestream.copies()) + COPIES
        while len(litestream.copies()) < enough:
            turns.append((time.time(), tally.turns))
            await asyncio.sleep(0.02)
        litestream.kill()
        server.kill()
        stop.set()

    options = LoadOptions(server.url, BOTS, seconds=100, rate=1000, timeout_seconds=2)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(run_load(options, lambda _: None, tally=tally, stop=stop))
        group.create_task(lose_the_machine())
    return playing.result(), turns


async def restore_as_documented(block: str, places: Mapping[str, str], litestream: str) -> None:
    for words in commands(block, places):
        is_ours = words[0] == "dungeonfighter"
        run = [sys.executable, "-m", *words] if is_ours else [litestream, *words[1:]]
        done = await asyncio.to_thread(subprocess.run, run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


async def test_a_restored_replica_lacks_only_turns_since_the_last_copies(tmp_path: Path) -> None:
    path = program("litestream", part="litestream")
    folder = tmp_path / "dungeonfighter"
    folder.mkdir()
    places = {
        "/var/lib/dungeonfighter": str(folder),
        "/backups/litestream": f"{tmp_path}/replica",
        "/etc/litestream.yml": f"{tmp_path}/litestream.yml",
    }
    configuration, replicate, restore = blocks("backups.md", "SQLite, continuously")
    (tmp_path / "litestream.yml").write_text(filled(configuration, places))
    ((_, *options),) = commands(replicate, places)
    with ServerProcess(folder) as server:
        litestream = Litestream([path, *options], folder, tmp_path / "replica")
        try:
            while not litestream.copies():  # noqa: ASYNC110 (another process makes them)
                await asyncio.sleep(0.02)
            load, turns = await play_until_the_machine_is_lost(server, litestream)
        finally:
            litestream.kill()
    assert litestream.snapshots() <= 1, "checkpoints of the server make Litestream begin anew"
    await restore_as_documented(restore, places, path)
    restored = folder / "restored.db"
    lost = await count_lost(SqliteStore(restored), acknowledged(load.players))
    played = sum(player.journal.turns for player in load.players)
    safe = max(count for at, count in turns if at <= litestream.safe_until())
    print(f"lost {lost} of {played} acknowledged turns; {played - safe} were answered after the last copies")
    assert safe > 0
    assert lost <= played - safe
    address = (server.host, server.port)
    with ServerProcess(folder, f"sqlite:///{restored}", address=address):
        verdict = await verify_load(load, RULES, lambda _: None)
    assert set(verdict.counts()) <= {"lost"}
    assert bool(verdict.findings) == bool(lost)
