"""Makes the report of a server about itself for `GET /api/doctor`.

The process that gets the request asks the other workers through the parent, and looks at the database over a
connection of its own. Requests that come meanwhile share the answer, so callers cannot make the server do
more. Every part has a time limit, and a part that is overdue is missing from the report or named in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from dungeonfighter import __version__
from dungeonfighter.connection_strings import shown_redis
from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.serving.draining import Draining
from dungeonfighter.serving.inquiries import Gathered, Inquiries
from dungeonfighter.serving.self_report import ParentState, ProcessReport, ServerReport
from dungeonfighter.settings import Settings, instance_name
from dungeonfighter.storage.examination import DatabaseReport, RoundTrips, first_words, timed
from dungeonfighter.telemetry.hidden import hiding
from dungeonfighter.telemetry.machine import build, resources
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import Trouble, TroubleLog

logger = logging.getLogger(__name__)

DESCRIBE_SECONDS_MAX: Final = 4.0
"""The longest time for the reads of one process from its store."""
GATHER_SECONDS_MAX: Final = DESCRIBE_SECONDS_MAX + 1.0
EXAMINE_SECONDS_MAX: Final = 8.0
_LOOP_TURNS: Final = 20
_NO_TOKEN: Final = (1 << 62) - 1
"""A version above those of all tokens, so that the store finds none."""


class Diagnosis:
    """The report of one serving process, and of its whole server.

    Args:
        settings: The settings of the server.
        shown: The same for people; a worker shows those of its parent instead.
        host: Counts, and reads from the store.
        troubles: The last warnings and errors of this process.
        examine: Looks at the database over a connection of its own; see `storage.examination`.
        secrets: Returns the secrets to hide in texts.
        worker: The number of this worker and its inquiries; None for a server of one process.
    """

    def __init__(
        self, settings: Settings, shown: list[ShownSetting], host: BotHost, troubles: TroubleLog,
        examine: Callable[[], Awaitable[DatabaseReport]], secrets: Callable[[], list[str]],
        worker: tuple[int, Inquiries] | None = None,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._shown = shown
        self._host = host
        self._troubles = troubles
        self._examine = examine
        self._secrets = secrets
        self._number = None if worker is None else worker[0]
        self._inquiries = None if worker is None else worker[1]
        self._started_at = time.time()
        self._making: asyncio.Task[ServerReport] | None = None
        self.draining: Draining | None = None
        """Counts the connections; the composition sets it."""
        if self._inquiries is not None:
            self._inquiries.describe = self.describe

    async def answer(self) -> bytes:
        """Return the `ServerReport` as JSON; a client that leaves does not stop the work for the others."""
        received_at = time.time()
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._report(), name="report for the doctor")
        report = await asyncio.shield(self._making)
        return msgspec.json.encode(replace(report, received_at=received_at, answered_at=time.time()))

    async def describe(self) -> ProcessReport:
        """Return the report of this process."""
        loop_turns = await timed(lambda: asyncio.sleep(0), _LOOP_TURNS)
        store_reads, trouble = await self._read_store()
        draining = self.draining
        return ProcessReport(
            worker=self._number,
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            at=time.time(),
            is_draining=draining is not None and not draining.is_ready,
            connections=0 if draining is None else draining.count_connections(),
            connections_max=0 if draining is None else draining.connections_max,
            queues=self._host.metrics.queue_lengths(),
            gauges=self._gauges(),
            loop_turns=loop_turns,
            store_reads=store_reads,
            store_trouble=trouble,
            hazards=self._host.store_health().hazards,
            resources=resources(),
            troubles=self._hidden(self._troubles.newest()),
        )

    async def _report(self) -> ServerReport:
        gathered, own, database, software = await asyncio.gather(
            self._gather(), self.describe(), self._look_at_database(), asyncio.to_thread(build)
        )
        parent, notes, shown = gathered.parent, self._settings.notes, self._shown
        state: ParentState | None = None
        if parent is not None:
            notes, shown = tuple(parent.notes), parent.settings
            state = replace(parent.state, troubles=self._hidden(parent.state.troubles))
        redis = self._settings.redis_url
        return ServerReport(
            instance=instance_name(self._settings),
            received_at=0.0,
            answered_at=0.0,
            build=software,
            settings=shown,
            notes=notes,
            workers=self._settings.workers,
            processes=sorted(
                [own, *gathered.reports], key=lambda one: -1 if one.worker is None else one.worker
            ),
            silent=gathered.silent,
            parent=state,
            database=database,
            redis=shown_redis(redis) if redis else "",
        )

    async def _gather(self) -> Gathered:
        return Gathered() if self._inquiries is None else await self._inquiries.ask_all(GATHER_SECONDS_MAX)

    async def _look_at_database(self) -> DatabaseReport:
        database = self._settings.database
        hide = hiding(self._secrets())
        try:
            async with asyncio.timeout(EXAMINE_SECONDS_MAX):
                report = await self._examine()
        except TimeoutError:
            overdue = f"the database did not answer within {EXAMINE_SECONDS_MAX:g} s"
            return DatabaseReport(database.kind, database.shown, [overdue])
        except Exception as error:
            logger.exception("the look at the database failed")
            report = DatabaseReport(database.kind, database.shown, [f"the look at it failed: {error!r}"])
        return replace(report, troubles=[hide(one) for one in report.troubles])

    async def _read_store(self) -> tuple[RoundTrips | None, str]:
        """Time reads that find no row, through the connections of the host."""
        try:
            async with asyncio.timeout(DESCRIBE_SECONDS_MAX):
                return await timed(lambda: self._host.tokens_after(_NO_TOKEN)), ""
        except TimeoutError:
            return None, f"no answer within {DESCRIBE_SECONDS_MAX:g} s"
        except DungeonFighterError as error:
            return None, hiding(self._secrets())(first_words(error))

    def _gauges(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, family in self._host.meter.collect().families.items():
            if family.kind == "gauge":
                for labels, value in family.values.items():
                    if isinstance(value, int | float):
                        found[f"{name}{{{labels}}}" if labels else name] = value
        return found

    def _hidden(self, troubles: list[Trouble]) -> list[Trouble]:
        hide = hiding(self._secrets())
        return [replace(one, message=hide(one.message)) for one in troubles]
