"""The rows of 80,000 connected bots: read from the last `make bench-80k`, which takes long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bench import rows
from bench.asked import Asked, Progress
from bench.table import Figure

FILE: Final = Path("bench-results/eighty.json")
_BYTES_OF_A_GB: Final = 1e9
_MISSING: Final = "make bench-80k measures it"

# What is read of the file: figure, name there, by what it is divided.
_NAMES: Final = (
    (rows.EIGHTY_ERRORS, "errors", 1.0),
    (rows.EIGHTY_LOST, "lost", 1.0),
    (rows.EIGHTY_P99, "p99_ms", 1.0),
    (rows.EIGHTY_PSS, "pss_bytes", _BYTES_OF_A_GB),
)


def seconds(asked: Asked) -> float:
    """It only reads."""
    del asked
    return 0.0


def measure(asked: Asked, progress: Progress) -> dict[str, Figure]:
    """The figures as they were measured, with their date."""
    del progress
    return {name: figure for name, figure in read(FILE).items() if name in asked.figures}


def read(file: Path) -> dict[str, Figure]:
    """The figures of a file that `bench.eighty` has written; missing ones where there is none."""
    try:
        told: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {name: Figure(missing=_MISSING) for name, _, _ in _NAMES}
    note = f"of {told.get('at', 'an unknown day')}, {told.get('bots', 'an unknown number of')} bots"
    return {
        name: Figure([float(told[key]) / unit], note)
        if isinstance(told.get(key), (int, float))
        else Figure(missing=f"{file.name} has no {key}")
        for name, key, unit in _NAMES
    }
