"""A release with changed rules is rolled out to one of two servers, and that server ends.

The old release is left alone with runs that began under the new rules, and cannot play them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Final

from drills.fault import Fault as Contract
from drills.figures import figures
from drills.programs import postgres_obstacle
from testkit.postgres_server import PostgresServer
from testkit.server_process import ROOT, ServerProcess

_ENEMIES: Final = ROOT / "src" / "dungeonfighter" / "rules" / "catalog" / "content" / "enemies.json"


class Fault(Contract):
    summary: ClassVar = "the server with the newer rules is down, and the older one cannot play their runs"
    alert: ClassVar = "NewerRules"
    severity: ClassVar = "ticket"
    message: ClassVar = "calls meet servers that lack the rules of their run"

    obstacle = staticmethod(postgres_obstacle)

    def prepare(self) -> str:
        postgres: PostgresServer = self.stage.postgres()
        self.database = postgres.empty_database("games")
        self._old: ServerProcess = self.stage.server("server-1", self.database)
        self.server = self._old.url
        flags = ("--catalog", str(self._changed_rules()))
        self._new: ServerProcess = self.stage.server("server-2", self.database, flags)
        self.variables = {"NEWER": "server-2", "NEWER_SERVER": self._new.url}
        return self.stage.balance([self._old.port, self._new.port])

    def strike(self) -> None:
        self.stage.services.obey(["stop", "server-2"])

    def wrong(self) -> list[str]:
        if not self.stage.services.runs("server-2"):
            return ["no server with the newer rules runs"]
        return [] if figures(self._new.url) else ["the server with the newer rules does not answer"]

    def is_visible(self) -> bool:
        return "which this server does not have" in self._old.log.read_text(
            encoding="utf-8", errors="replace"
        )

    def _changed_rules(self) -> Path:
        folder = self.stage.own_folder("newer-rules")
        enemies = json.loads(_ENEMIES.read_text(encoding="utf-8"))
        enemies[0] |= {"name": "Iron Boar"}
        (folder / "enemies.json").write_text(json.dumps(enemies), encoding="utf-8")
        return folder
