"""The synchronous standby of PostgreSQL is killed, so every commit of its primary waits for it."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

import asyncpg

from drills.fault import Fault as Contract
from drills.programs import postgres_obstacle
from testkit.postgres_server import PostgresServer

_NAME: Final = "standby"
_WAITING: Final = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
_NAMES: Final = "select current_setting('synchronous_standby_names')"
_SYNCHRONOUS: Final = "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')"


class Fault(Contract):
    summary: ClassVar = "the synchronous standby is gone, and every commit waits for it"
    alert: ClassVar = "CommitsStall"
    severity: ClassVar = "page"
    message: ClassVar = "commits wait for a synchronous standby"

    obstacle = staticmethod(postgres_obstacle)

    def prepare(self) -> str:
        self._primary: PostgresServer = self.stage.postgres("database")
        self._standby: PostgresServer = self.stage.postgres(_NAME, copy_of=self._primary.words(_NAME))
        self.database = self._primary.empty_database("games")
        self._primary.order(
            f"alter system set synchronous_standby_names = '{_NAME}'", "select pg_reload_conf()"
        )
        self.variables = {"STANDBY": _NAME}
        self.server = self.stage.server("server-1", self.database).url
        return self.server

    def strike(self) -> None:
        self._standby.kill()

    def wrong(self) -> list[str]:
        """Return the commits that wait; a primary that asks for no standby any more counts as repaired."""
        try:
            waiting, names, standbys = self._ask(_WAITING, _NAMES, _SYNCHRONOUS)
        except (OSError, asyncpg.PostgresError) as error:
            return [f"the database does not answer: {error}"]
        if waiting:
            return [f"{waiting} commits wait for the standby"]
        return ["no synchronous standby is connected"] if names and not standbys else []

    def is_visible(self) -> bool:
        return any("commits wait" in one for one in self.wrong())

    def _ask(self, *questions: str) -> list[object]:
        async def ask() -> list[object]:
            connection = await asyncpg.connect(self.database, timeout=5)
            try:
                return [await connection.fetchval(question) for question in questions]
            finally:
                await connection.close()

        return asyncio.run(ask())
