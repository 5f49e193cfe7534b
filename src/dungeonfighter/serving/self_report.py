"""The report of a server about itself, which `GET /api/doctor` returns as JSON: no secret is in it.

The fields are read by `dungeonfighter doctor` of any release, so new ones get defaults.
"""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.storage.examination import DatabaseReport, RoundTrips
from dungeonfighter.telemetry.machine import Build, Resources
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import Trouble


class ProcessReport(Struct, frozen=True):
    """One serving process. Times of day are seconds since 1970.

    Attributes:
        worker: The number of the worker; None for a server of one process.
        connections: The open connections, of at most `connections_max`; 0 for an unknown limit.
        queues: The lengths of the queues in this process, by name.
        gauges: The present values of all gauges of its meter, by name and label.
        loop_turns: The times of some turns of its event loop.
        store_reads: The times of reads through its own connections; None if they failed: `store_trouble`.
        hazards: See `hosting.ports.StoreHealth`.
        troubles: The last warnings and errors, newest first.
    """

    worker: int | None
    pid: int
    version: str
    started_at: float
    at: float
    is_draining: bool
    connections: int
    connections_max: int
    queues: dict[str, int]
    gauges: dict[str, float]
    loop_turns: RoundTrips | None
    store_reads: RoundTrips | None
    store_trouble: str
    hazards: tuple[str, ...]
    resources: Resources
    troubles: list[Trouble]


class ParentState(Struct, frozen=True):
    """The parent of several workers.

    Attributes:
        restarts: How often each worker was replaced, by its number; only of those that were.
        starting: The workers that do not serve yet.
    """

    pid: int
    started_at: float
    restarts: dict[int, int]
    starting: list[int]
    troubles: list[Trouble]


class ServerReport(Struct, frozen=True, kw_only=True):
    """A whole server.

    Attributes:
        received_at, answered_at: The wall clock of the server at the beginning and at the end of the request.
        workers: The number of its processes, according to its settings.
        silent: The workers that run and did not answer in time.
        parent: None for a server of one process, and if the parent did not answer in time.
        database: The database as this server sees it over a connection of its own.
        redis: The place of Redis; empty without one. The gauge `mcp_redis_up` shows its state.
    """

    instance: str
    received_at: float
    answered_at: float
    build: Build
    settings: list[ShownSetting]
    notes: tuple[str, ...]
    workers: int
    processes: list[ProcessReport]
    silent: list[int] = []
    parent: ParentState | None = None
    database: DatabaseReport | None = None
    redis: str = ""
