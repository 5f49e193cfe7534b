"""The restore drill: bots play, the store is backed up, destroyed and restored, and the same bots play on.

    python -m tests.integration.restore_drill sqlite
    python -m tests.integration.restore_drill postgresql

It prints how much was lost (RPO) and how long nobody could play (RTO), and ends with 0 if the restored store
has every turn that was acknowledged before the backup began.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.restored import acknowledged, assert_holds, count_lost, db
from tests.integration.through_balancer import wait_for_turns

EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 120.0


class Findings(Struct):
    """The result of a drill.

    Attributes:
        bots: The number of bots.
        acknowledged: Turns that were acknowledged until the store was destroyed.
        lost: Those of them that the restored store lacks.
        lost_seconds: The time from the beginning of the backup to the destruction.
        away_seconds: The time from the destruction until every bot has played.
        backup_seconds, restore_seconds, verify_seconds: The times of the commands.
        backup_bytes: The size of the backup.
    """

    bots: int
    acknowledged: int = 0
    lost: int = 0
    lost_seconds: float = 0.0
    away_seconds: float = 0.0
    backup_seconds: float = 0.0
    restore_seconds: float = 0.0
    verify_seconds: float = 0.0
    backup_bytes: int = 0

    def lines(self) -> list[str]:
        lost = f"{self.lost} of {self.acknowledged} acknowledged turns of {self.bots} bots"
        return [
            f"backup: {self.backup_bytes / 1e6:.1f} MB in {self.backup_seconds:.1f} s",
            f"restored in {self.restore_seconds:.1f} s, verified in {self.verify_seconds:.1f} s",
            f"RPO: {lost}, {self.lost_seconds:.1f} s",
            f"RTO: {self.away_seconds:.1f} s until every bot played on",
        ]


class Stores:
    """A store that will be destroyed, and an empty place for the restored one.

    Attributes:
        old, new: Their connection strings.
        destroy: Makes the old one disappear, with all its data.
        dumper, restorer: Further words of the commands.
    """

    def __init__(
        self, old: str, new: str, destroy: Callable[[], None], dumper: tuple[str, ...] = (),
        restorer: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.old, self.new = old, new
        self.destroy = destroy
        self.dumper, self.restorer = dumper, restorer


@contextlib.contextmanager
def sqlite_stores(folder: Path) -> Iterator[Stores]:
    def destroy() -> None:
        for file in folder.glob("games.db*"):
            file.unlink()

    yield Stores(f"sqlite:///{folder}/games.db", f"sqlite:///{folder}/restored.db", destroy)


@contextlib.contextmanager
def postgresql_stores(folder: Path) -> Iterator[Stores]:
    del folder
    with contextlib.ExitStack() as stack:
        servers = []
        for _ in range(2):
            server = PostgresServer(in_memory=True)
            stack.callback(server.close)
            server.start()
            servers.append(server)
        old, new = servers

        def destroy() -> None:
            old.kill()
            old.close()

        yield Stores(
            old.empty_database("games"), new.empty_database("games"), destroy,
            ("--pg-dump", new.program("pg_dump")), ("--pg-restore", new.program("pg_restore")),
        )  # fmt: skip


STORES = {"sqlite": sqlite_stores, "postgresql": postgresql_stores}


class Drill:
    """One drill.

    Args:
        stores: The store, and the place for the restored one.
        folder: Gets the backup and the logs.
        bots: The number of bots.
        turns: The turns of all bots before the backup, and after it.
        show: Receives a line at each step.
    """

    def __init__(
        self, stores: Stores, folder: Path, bots: int, turns: int, show: Callable[[str], None]
    ) -> None:
        self._stores = stores
        self._folder = folder
        self._turns = turns
        self._show = show
        self._tally = Tally()
        self._players: list[Player] = []
        self._stop = asyncio.Event()
        self.findings = Findings(bots)

    async def run(self) -> Findings:
        """Play, back up, destroy, restore, verify and play on."""
        server = ServerProcess(self._folder, self._stores.old)
        await server.start_in_thread()
        options = LoadOptions(
            server.url, self.findings.bots, every=EVERY_SECONDS,
            habits=Habits(patience_seconds=PATIENCE_SECONDS),
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            group.create_task(
                run_load(
                    options, lambda _: None, tally=self._tally, stop=self._stop, meet=self._players.extend
                )
            )
            try:
                await self._lose_and_restore(server)
            finally:
                self._stop.set()
        return self.findings

    async def _lose_and_restore(self, server: ServerProcess) -> None:
        found, file = self.findings, self._folder / "backup"
        self._show(f"{found.bots} bots play")
        await wait_for_turns(self._tally, self._turns)
        before = acknowledged(self._players)
        begun = time.monotonic()
        found.backup_seconds = await self._command(
            "backup", str(file), "--db", self._stores.old, *self._stores.dumper
        )
        found.backup_bytes = file.stat().st_size
        self._show("the backup is made, and they play on")
        await wait_for_turns(self._tally, self._tally.turns + self._turns)
        server.kill()
        gone = time.monotonic()
        found.lost_seconds = gone - begun
        had = acknowledged(self._players)
        found.acknowledged = sum(bot.turns for bot in had)
        await asyncio.to_thread(self._stores.destroy)
        self._show("the server and its store are gone")
        found.restore_seconds = await self._command(
            "restore", str(file), "--db", self._stores.new, *self._stores.restorer
        )
        found.verify_seconds = await self._command("verify", "--db", self._stores.new)
        settings = Settings(database=parse_database(self._stores.new))
        await assert_holds(make_store(settings), before)
        found.lost = await count_lost(make_store(settings), had)
        self._show("the store is restored and verified")
        following = ServerProcess(self._folder, self._stores.new, address=(server.host, server.port))
        try:
            await following.start_in_thread()
            await self._everyone_plays()
            found.away_seconds = time.monotonic() - gone
            self._stop.set()
            while not all(player.has_left for player in self._players):  # noqa: ASYNC110 (plain flags)
                await asyncio.sleep(0.02)
        finally:
            following.kill()

    async def _everyone_plays(self) -> None:
        """Wait until each bot has an acknowledged turn since now."""
        at = [player.journal.turns for player in self._players]

        def is_so() -> bool:
            return all(player.journal.turns > turns for player, turns in zip(self._players, at, strict=True))

        while not is_so():  # noqa: ASYNC110 (the journals are plain records)
            await asyncio.sleep(0.02)

    async def _command(self, *words: str) -> float:
        """Run `dungeonfighter db`; return its seconds."""
        begun = time.monotonic()
        done = await asyncio.to_thread(db, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - begun


def run_drill(store: str, folder: Path, bots: int, turns: int, show: Callable[[str], None]) -> Findings:
    """Run a drill in a folder, and return what it found."""
    with STORES[store](folder) as stores:

        async def drill() -> Findings:
            return await Drill(stores, folder, bots, turns, show).run()

        return asyncio.run(drill())


def main() -> int:
    parser = argparse.ArgumentParser(prog="restore_drill", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("store", choices=sorted(STORES))
    parser.add_argument("--bots", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=2000, help="before and after the backup (%(default)s)")
    given = parser.parse_args()
    begun = time.monotonic()

    def show(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="df-restore-") as folder:
        findings = run_drill(given.store, Path(folder), given.bots, given.turns, show)
    print("\n".join(findings.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
