"""The whole report of the doctor; `--json` writes it as it is."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.doctor.findings import Finding
from dungeonfighter.doctor.servers import ServerAnswers
from dungeonfighter.storage.examination import DatabaseReport
from dungeonfighter.telemetry.machine import Build
from dungeonfighter.telemetry.shown_settings import ShownSetting


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was seen; times of day are seconds since 1970.

    Attributes:
        problems: Without any the exit code is 0.
        build, sqlite_library: The software of the machine that asked.
        settings: Those that a server would have with the environment here; empty without `--db`.
        servers: The servers in the order of the command line.
        database: The database as this machine sees it; None without `--db`.
    """

    made_at: float
    problems: list[Finding]
    notes: list[Finding]
    build: Build
    sqlite_library: str
    settings: list[ShownSetting]
    servers: list[ServerAnswers]
    database: DatabaseReport | None
