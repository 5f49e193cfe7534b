"""Disks of stores that are full or read-only."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import asyncpg

from chaos import databases
from chaos.disks import Disk, breaking_obstacle
from chaos.faults.fault import Fault, FaultError, Options
from chaos.stage import Stage
from chaos.starting import is_streaming

_MEGABYTES: Final = {"sqlite": 24, "wal": 96, "temp": 192}
_SPARE_BYTES: Final = 16 << 20
"""What temporary tables find free, before they fill the disk up."""
_SMALL_LOG: Final = {"wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "48MB"}
_NO_SPACE: Final = "No space left on device"
_FULL_SECONDS_MAX: Final = 20.0
_BACK_SECONDS_MAX: Final = 30.0
_TROUBLE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What a query raises if the database is away."""
_PIECE_ROWS: Final = (1000, 100, 10)


class DiskOptions(Options, frozen=True):
    """The disk: that of a SQLite file (`store`), or that of the log of the primary (`wal`)."""

    disk: Literal["store", "wal"]


class DiskFull(Fault):
    """Fills the disk of a SQLite file, or that of the write-ahead log of the primary database."""

    name = "disk-full"
    Options: ClassVar[type[Options]] = DiskOptions

    def __init__(self, stage: Stage, options: DiskOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._is_log = options.disk == "wal"
        self._disk: Disk
        self._filled = 0
        self._complaints = 0

    def prepare(self) -> None:
        if self._is_log:
            self._disk = Disk(self.stage, _MEGABYTES["wal"])
            folder = self._disk.folder / "pg_wal"
            folder.mkdir()
            self.stage.folders["database-1-wal"] = folder
            self.stage.database_settings.setdefault("database-1", {}).update(_SMALL_LOG)
        else:
            self._disk = Disk(self.stage, _MEGABYTES["sqlite"])
            self.stage.folders["server-1"] = self._disk.folder

    def begin(self) -> None:
        self._filled = self._disk.fill()
        if self._is_log:
            self._use_up_segments()
        else:
            log = self.stage.servers[0].log
            found = "SQLITE_FULL"
            self.stage.until(
                lambda: found in log.read_text(encoding="utf-8"), _FULL_SECONDS_MAX, "no commit fails"
            )
            self._complaints = log.read_text(encoding="utf-8").count(found)

    def _use_up_segments(self) -> None:
        """Let the primary need new segments of its log until there is no room for one."""
        log = self.stage.primary.log

        def is_noticed() -> bool:
            with contextlib.suppress(*_TROUBLE):  # it has crashed
                self.stage.query(self.stage.primary_host, "select pg_switch_wal()")
            return _NO_SPACE in log.read_text(encoding="utf-8", errors="replace")

        self.stage.until(is_noticed, _FULL_SECONDS_MAX, "the primary finds room for its log")

    def end(self) -> None:
        if not self._filled:
            return
        self._disk.empty()
        if self._is_log:
            bring_back(self.stage)
            log = self.stage.primary.log.read_text(encoding="utf-8", errors="replace")
            self._complaints = log.count(_NO_SPACE)
        self._shown, self._filled = self._filled, 0

    def evidence(self) -> str:
        if not self._complaints:
            raise FaultError("nobody complained of a full disk")
        return f"{self._shown:,} bytes filled the disk; {self._complaints} complaints in the log"


class TemporaryTables(Fault):
    """Fills the disk of the primary's tables with temporary ones of a session, up to the last block."""

    name = "temporary-tables"

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._disk: Disk
        self._loop = asyncio.new_event_loop()
        self._session: Any = None
        self._free_bytes = -1
        self._size = 0

    def prepare(self) -> None:
        self._disk = Disk(self.stage, _MEGABYTES["temp"])
        log = Disk(self.stage, _MEGABYTES["temp"]).folder / "pg_wal"
        log.mkdir()
        self.stage.folders |= {"database-1": self._disk.folder, "database-1-wal": log}

    def begin(self) -> None:
        self._disk.fill(_SPARE_BYTES)
        with self.stage.primary_host.entered():
            self._loop.run_until_complete(self._use_up())
        self._free_bytes = self._disk.free_bytes

    async def _use_up(self) -> None:
        url = self.stage.primary.url(databases.DATABASE)
        session = self._session = await asyncpg.connect(url, timeout=10)
        await session.execute("create temporary table big (words text)")
        await session.execute("alter table big alter words set storage plain")
        for rows in _PIECE_ROWS:
            try:
                while True:
                    self.stage.interruption.check()
                    await session.execute(
                        "insert into big select repeat('x', 7000) from generate_series(1, $1)", rows
                    )
            except asyncpg.DiskFullError:
                continue
        self._size = await session.fetchval("select pg_relation_size('big')")

    def end(self) -> None:
        if self._session is not None:
            with self.stage.primary_host.entered():
                self._loop.run_until_complete(self._session.close(timeout=10))
            self._session = None
            self._loop.close()
            bring_back(self.stage)

    def evidence(self) -> str:
        if not self._size or self._free_bytes > _SPARE_BYTES // 8:
            raise FaultError(f"{self._free_bytes:,} bytes were free")
        return f"temporary tables of {self._size:,} bytes left {self._free_bytes:,} bytes free"


class ReadOnlyFileSystem(Fault):
    """Lets the kernel find an error on the disk of a SQLite file, which is then read-only until a repair."""

    name = "read-only-file-system"
    obstacle = staticmethod(breaking_obstacle)

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._disk: Disk
        self._was_read_only = False
        self._is_over = False

    def prepare(self) -> None:
        self._disk = Disk(self.stage, _MEGABYTES["sqlite"], "ext4")
        self.stage.folders["server-1"] = self._disk.folder

    def begin(self) -> None:
        self._disk.break_down()
        self.stage.until(self._disk.refuses_writes, _FULL_SECONDS_MAX, "the disk takes writes")
        self._was_read_only = True

    def end(self) -> None:
        """Stop the server, which uses the disk, repair that, and start the server."""
        if self._is_over:
            return
        self._is_over = True
        host = self.stage.server_hosts()[0]
        service = self.stage.service(host)
        service.kill()
        self.stage.until(lambda: not host.pids(), _BACK_SECONDS_MAX, "the processes of the server do not end")
        self._disk.repair()
        service.start()

    def evidence(self) -> str:
        if not self._was_read_only:
            raise FaultError("the disk took writes")
        return "the kernel refused writes; the file system was checked and mounted anew"


def bring_back(stage: Stage) -> None:
    """Wait until the primary takes writes and its standby follows; start it if it gave up."""

    def takes_writes() -> bool:
        service = stage.service(stage.primary_host)
        try:
            if not service.runs() or not Path(f"/proc/{service.pid()}").exists():
                service.start()
            stage.query(stage.primary_host, "select pg_current_xact_id()::text")
            return stage.plan.replication == "none" or is_streaming(stage)
        except (RuntimeError, *_TROUBLE):
            return False

    stage.until(takes_writes, _BACK_SECONDS_MAX, "the primary does not come back")


FAULTS: Final = (DiskFull, TemporaryTables, ReadOnlyFileSystem)
