"""An interrupted backup has filled the disk of an embedded database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar, Final

from drills.fault import Fault as Contract
from drills.figures import figures
from drills.privileges import mount_obstacle

_MEGABYTES: Final = 24
_PIECE: Final = bytes(64 * 1024)


class Fault(Contract):
    summary: ClassVar = "the disk of a SQLite database is full"
    alert: ClassVar = "DiskFilling"
    severity: ClassVar = "page"
    hint: ClassVar = "The disk here is a small file system in memory, which the doctor mentions."
    message: ClassVar = "the disk of the database of server-1 is filling"

    mounts: ClassVar = True
    obstacle = staticmethod(mount_obstacle)

    def prepare(self) -> str:
        self._disk: Path = self.stage.own_folder("disk").resolve()
        self.stage.mount(self._disk, _MEGABYTES)
        self.database = f"sqlite:///{self._disk}/games.db"
        self.server = self.stage.server("server-1", self.database).url
        self.variables = {"DISK": str(self._disk)}
        return self.server

    def strike(self) -> None:
        backups = self._disk / "backups"
        backups.mkdir()
        unfinished = backups / "monday.db.unfinished"
        try:
            with unfinished.open("wb", buffering=0) as file:
                while file.write(_PIECE):
                    pass
        except OSError:
            return

    def wrong(self) -> list[str]:
        now = figures(self.server)
        if not now:
            return ["server-1 does not answer"]
        usage = shutil.disk_usage(self._disk)
        wrong = [] if now["mcp_store_up"] else ["server-1 cannot write its database"]
        if usage.free < 0.15 * usage.total:
            wrong.append(f"{usage.free / usage.total:.0%} of the disk is free; the alert clears at 15 %")
        return wrong

    def is_visible(self) -> bool:
        """Return True when the metrics show it; the server looks at its disk a few times a minute."""
        now = figures(self.server)
        return not now["mcp_store_up"] and not now["mcp_store_free_bytes"]
