"""A real Prometheus and a real Alertmanager: faults reach the receiver of alerts, and so do their repairs.

Bots play all the time. All times of the rules are divided by `TIMES_SHORTER`; nothing else is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import pytest

from dungeonfighter.fleet.load import LoadOptions, play_load
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, verify_load
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.backup.sqlite_files import note_backup
from testkit.alert_rules import RULES, groups, shortened
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.alertmanager_server import Alertmanager, Pager
from tests.integration.prometheus_server import JOB, Prometheus

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

TIMES_SHORTER: Final = 100
BOTS: Final = 4
CALLS_A_SECOND: Final = 20.0
DISK_MEGABYTES: Final = 64
FREE_MEGABYTES: Final = 2
BACKUP_SECONDS: Final = 30 * 3600
"""The age of the last backup at the start."""
PLAY_ON: Final = 40
"""The turns that bots play before a fault and after its repair."""
LOCK: Final = """
do $$ begin loop
  lock table games in access exclusive mode; perform pg_sleep(0.45); commit;
end loop; end $$
"""
"""Locks the table nearly all the time, each time for less than `lock_timeout`: each statement is slow."""
END_LOCK: Final = """
select pg_terminate_backend(pid) from pg_stat_activity
where query like '%lock table%' and pid <> pg_backend_pid()
"""


class Bots:
    """Bots that play at a server inside the block, in a thread of their own."""

    def __init__(self, server: ServerProcess) -> None:
        self._options = LoadOptions(url=server.url, bots=BOTS, rate=CALLS_A_SECOND)
        self._tally = Tally()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._play)
        self.verdict: Verdict | None = None
        """The verification of all acknowledged turns, after the block."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def play_on(self) -> None:
        """Wait until they have made some more turns."""
        until, deadline = self._tally.turns + PLAY_ON, time.monotonic() + 60
        while self._tally.turns < until:
            assert time.monotonic() < deadline, self._tally.errors
            time.sleep(0.05)

    def _play(self) -> None:
        async def play_and_verify() -> Verdict:
            load = await play_load(self._options, lambda _: None, stop=self._stop, tally=self._tally)
            return await verify_load(load, load_rules(), lambda _: None)

        with contextlib.closing(self._loop):
            self.verdict = self._loop.run_until_complete(play_and_verify())


class Watched(NamedTuple):
    """Two servers with their bots, one on each kind of store, and the receiver of their alerts."""

    on_postgres: ServerProcess
    on_sqlite: ServerProcess
    bots_on_postgres: Bots
    bots_on_sqlite: Bots
    prometheus: Prometheus
    pager: Pager


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system, if this user may; a process that ends may still have files of it open."""
    if os.geteuid() != 0:
        yield
        return
    size = f"size={DISK_MEGABYTES}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def start(stack: contextlib.ExitStack, *servers: ServerProcess) -> None:
    """Start servers side by side, and kill them at the end of a block."""
    for server in servers:
        stack.callback(server.kill)
        server.launch()
    while not all(server.is_ready() for server in servers):
        time.sleep(0.02)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("alerts")
    disk, left, right = (folder / name for name in ("disk", "left", "right"))
    for each in (disk, left, right):
        each.mkdir()
    url, rules = postgres.empty_database("games"), shortened(RULES.read_text("utf-8"), TIMES_SHORTER)
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(disk))
        on_postgres = ServerProcess(left, url, ("--db-pool-size", "1"))
        on_sqlite = ServerProcess(right, f"sqlite:///{disk}/games.db")
        start(stack, on_postgres, on_sqlite)
        assert note_backup(disk / "games.db", time.time() - BACKUP_SECONDS)
        targets = [
            {"targets": [f"127.0.0.1:{server.port}"], "labels": {"namespace": namespace}}
            for server, namespace in ((on_postgres, "postgres"), (on_sqlite, "sqlite"))
        ]
        pager = stack.enter_context(Pager())
        alertmanager = stack.enter_context(Alertmanager(folder, pager.url))
        prometheus = stack.enter_context(
            Prometheus(
                folder, {}, rules=rules, alertmanager=alertmanager.port,
                scrape_configs=[{"job_name": JOB, "static_configs": targets}],
                external_labels={"runbook_base": "https://example.org/"},
            )
        )  # fmt: skip
        bots = [stack.enter_context(Bots(server)) for server in (on_postgres, on_sqlite)]
        prometheus.until(f'sum(up{{job="{JOB}"}})', 2)
        for one in bots:
            one.play_on()
        yield Watched(on_postgres, on_sqlite, bots[0], bots[1], prometheus, pager)
    for one in bots:
        assert one.verdict is not None
        assert (one.verdict.findings, one.verdict.unread) == ([], {})
        assert one.verdict.bots == BOTS


def test_a_database_server_that_is_gone_pages_until_it_is_back(
    watched: Watched, postgres: PostgresServer
) -> None:
    assert not watched.pager.firing() & {"StoreDown", "StorePoolExhausted", "DiskFilling"}
    postgres.stop("immediate")
    try:
        alert = watched.pager.wait("StoreDown", "firing", {"namespace": "postgres", "severity": "page"})
    finally:
        postgres.start()
    assert alert.labels["instance"] == f"127.0.0.1:{watched.on_postgres.port}"
    assert alert.annotations["summary"] == f"{alert.labels['instance']} does not reach its store"
    assert alert.annotations["runbook_url"] == "https://example.org/docs/runbook.md#storedown"
    watched.pager.wait("StoreDown", "resolved", {"namespace": "postgres"})
    watched.bots_on_postgres.play_on()


def test_a_pool_without_a_free_connection_is_a_ticket_until_statements_are_quick(
    watched: Watched, postgres: PostgresServer
) -> None:
    locking = subprocess.Popen(
        [postgres.program("psql"), "-X", "-q", postgres.url("games")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert locking.stdin is not None
    try:
        locking.stdin.write(LOCK.encode() + b";\n")
        locking.stdin.flush()
        watched.pager.wait("StorePoolExhausted", "firing", {"namespace": "postgres", "severity": "ticket"})
    finally:
        locking.kill()
        locking.communicate()
        postgres.order(END_LOCK)
    watched.pager.wait("StorePoolExhausted", "resolved", {"namespace": "postgres"})
    watched.bots_on_postgres.play_on()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a small file system is mounted")
def test_a_disk_that_is_nearly_full_pages_until_there_is_room(watched: Watched) -> None:
    disk = watched.on_sqlite.log.parent.parent / "disk"
    ballast = disk / "ballast"
    room = shutil.disk_usage(disk).free - FREE_MEGABYTES * 1_000_000
    ballast.write_bytes(bytes(room))
    labels = {"namespace": "sqlite", "severity": "page"}
    alert = watched.pager.wait("DiskFilling", "firing", labels)
    assert "% of it is free" in alert.annotations["description"]
    watched.bots_on_sqlite.play_on()
    ballast.unlink()
    watched.pager.wait("DiskFilling", "resolved", labels)
    assert "StoreDown" not in watched.pager.firing()


def test_an_old_backup_is_a_ticket_until_there_is_a_new_one(watched: Watched, tmp_path: Path) -> None:
    database = watched.on_sqlite.log.parent.parent / "disk" / "games.db"
    labels = {"namespace": "sqlite", "severity": "ticket", "backup": "old"}
    alert = watched.pager.wait("BackupTooOld", "firing", labels)
    assert alert.annotations["description"].startswith("It is 1d 6h ")
    command = [sys.executable, "-m", "dungeonfighter", "db", "backup", str(tmp_path / "games.backup")]
    subprocess.run([*command, "--db", f"sqlite:///{database}"], check=True, stdout=subprocess.DEVNULL)
    watched.pager.wait("BackupTooOld", "resolved", labels)
    watched.bots_on_sqlite.play_on()


def test_every_rule_is_evaluated_without_an_error(watched: Watched) -> None:
    rules = [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == sum(len(group["rules"]) for group in groups())
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
