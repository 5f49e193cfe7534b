"""A program locks the table of games all the time, so every statement of the server is slow.

The lock is held for less than `lock_timeout` (0.5 s) each time: with a longer one the store would count as
down, and another alert would come.
"""

from __future__ import annotations

import subprocess
import time
from typing import ClassVar, Final

from drills.fault import Fault as Contract
from drills.figures import figures
from drills.programs import postgres_obstacle
from testkit.postgres_server import PostgresServer

_POOL: Final = 1
"""The server batches its reads and commits, so a few bots never use many connections at a time."""
_SAMPLES: Final = 5
_SAMPLE_SECONDS: Final = 0.1
_JOB: Final = """
do $$ begin loop
  lock table games in access exclusive mode; perform pg_sleep(0.45); commit;
end loop; end $$;
"""
"""A statistics job that locks what it reads, and begins anew when it is done."""


class Fault(Contract):
    summary: ClassVar = "a job locks the table of games all the time, and every connection waits"
    alert: ClassVar = "StorePoolExhausted"
    severity: ClassVar = "ticket"
    message: ClassVar = "server-1 uses all of its connections to the store"

    obstacle = staticmethod(postgres_obstacle)

    def prepare(self) -> str:
        self._postgres: PostgresServer = self.stage.postgres()
        self.database = self._postgres.empty_database("games")
        flags = ("--db-pool-size", str(_POOL), "--max-bots-per-instance", "10")
        self.server = self.stage.server("server-1", self.database, flags).url
        return self.server

    def strike(self) -> None:
        words = [
            self._postgres.program("psql"),
            "-X",
            "-q",
            f"{self.database}?application_name=statistics-job",
        ]
        self._session = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.stage.at_end(self._end_session)
        assert self._session.stdin is not None
        self._session.stdin.write(_JOB.encode())
        self._session.stdin.flush()

    def wrong(self) -> list[str]:
        used = 0
        for _ in range(_SAMPLES):
            now = figures(self.server)
            if not now:
                return ["server-1 does not answer"]
            used += now["mcp_store_pool_in_use"] >= now["mcp_store_pool_size"]
            time.sleep(_SAMPLE_SECONDS)
        return ["all connections to the store are in use"] if used > _SAMPLES / 2 else []

    def _end_session(self) -> None:
        self._session.kill()
        self._session.communicate()
