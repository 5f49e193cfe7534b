"""The rows of 80,000 connected bots, read from the file of the last run of `bench.eighty`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from bench import rows
from bench.options import Options, Progress
from bench.table import Figure

FILE: Final = Path("bench-results/eighty.json")
_NAMES: Final = (rows.EIGHTY_ERRORS, rows.EIGHTY_LOST, rows.EIGHTY_P99, rows.EIGHTY_PSS)
_BOTS: Final = 80_000
_BYTES_OF_A_GB: Final = 1e9


class Plan(Struct):
    """The plan of the run."""

    bots: int


class Report(Struct):
    """The part of the generator's report that the table shows."""

    errors: dict[str, int]
    latency_ms: dict[str, float]
    warm_up_errors: dict[str, int] = field(default_factory=dict)


class Figures(Struct):
    """The part of the figures that the table shows."""

    lost_or_doubled: int
    server_pss_bytes: int


class Eighty(Struct):
    """The content of the file, without the fields that the table does not show."""

    plan: Plan
    report: Report
    figures: Figures
    missed: list[str] = field(default_factory=list)


def seconds(options: Options) -> float:
    del options
    return 0.0


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Return the requested figures of the last run, with its date in their notes."""
    del progress
    return {name: figure for name, figure in read(FILE).items() if name in options.figures}


def read(file: Path) -> dict[str, Figure]:
    """Return the figures of a file; they are missing if there is no file, or none of a run of 80,000 bots."""
    try:
        content = msgspec.json.decode(file.read_bytes(), type=Eighty)
    except FileNotFoundError:
        return _missing("make bench-80k measures it")
    except msgspec.MsgspecError as error:
        return _missing(f"{file.name} cannot be read: {error}")
    if content.plan.bots != _BOTS:
        return _missing(f"the last run of bench-80k was of {content.plan.bots:,} bots")
    day = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="minutes")
    report, figures = content.report, content.figures
    values = (
        sum(report.errors.values()) + sum(report.warm_up_errors.values()),
        figures.lost_or_doubled,
        report.latency_ms.get("p99", float("nan")),
        figures.server_pss_bytes / _BYTES_OF_A_GB,
    )
    note = "; ".join([f"a run of its own, written {day}", *content.missed])
    return {name: Figure([float(value)], note) for name, value in zip(_NAMES, values, strict=True)}


def _missing(why: str) -> dict[str, Figure]:
    return {name: Figure(missing=why) for name in _NAMES}
