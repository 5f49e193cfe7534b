"""The rows of 80,000 connected bots: read from the last run of `bench.eighty`, which takes long."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from bench import rows
from bench.asked import Asked, Progress
from bench.table import Figure

FILE: Final = Path("bench-results/eighty.json")
_NAMES: Final = (rows.EIGHTY_ERRORS, rows.EIGHTY_LOST, rows.EIGHTY_P99, rows.EIGHTY_PSS)
_BOTS: Final = 80_000
_BYTES_OF_A_GB: Final = 1e9


class Plan(Struct):
    """What was asked for."""

    bots: int


class Report(Struct):
    """What the generator told, as far as it is shown here."""

    errors: dict[str, int]
    latency_ms: dict[str, float]
    warm_up_errors: dict[str, int] = field(default_factory=dict)


class Figures(Struct):
    """What was made of it."""

    lost_or_doubled: int
    server_pss_bytes: int


class Eighty(Struct):
    """The file; whatever else is in it is not read."""

    plan: Plan
    report: Report
    figures: Figures
    missed: list[str] = field(default_factory=list)


def seconds(asked: Asked) -> float:
    """It only reads."""
    del asked
    return 0.0


def measure(asked: Asked, progress: Progress) -> dict[str, Figure]:
    """The figures as they were measured, with their date."""
    del progress
    return {name: figure for name, figure in read(FILE).items() if name in asked.figures}


def read(file: Path) -> dict[str, Figure]:
    """The figures of a file; missing ones where there is none, or none of so many bots."""
    try:
        told = msgspec.json.decode(file.read_bytes(), type=Eighty)
    except FileNotFoundError:
        return _missing("make bench-80k measures it")
    except msgspec.MsgspecError as error:
        return _missing(f"{file.name} cannot be read: {error}")
    if told.plan.bots != _BOTS:
        return _missing(f"the last run of bench-80k was of {told.plan.bots:,} bots")
    day = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="minutes")
    report, figures = told.report, told.figures
    values = (
        sum(report.errors.values()) + sum(report.warm_up_errors.values()),
        figures.lost_or_doubled,
        report.latency_ms.get("p99", float("nan")),
        figures.server_pss_bytes / _BYTES_OF_A_GB,
    )
    note = "; ".join([f"a run of its own, written {day}", *told.missed])
    return {name: Figure([float(value)], note) for name, value in zip(_NAMES, values, strict=True)}


def _missing(why: str) -> dict[str, Figure]:
    return {name: Figure(missing=why) for name in _NAMES}
