"""The samples of a soak, and their file.

Each sample is a set of named numbers. `report.py` shows all of them; `judgement.BOUNDS` names those that must
stay flat.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

MEMORY, DESCRIPTORS, THREADS, WAL = "memory", "descriptors", "threads", "wal"
"""The names of what is judged; descriptors are those of the server beside its accepted connections."""
CONNECTIONS: Final = "connections"
"""The accepted connections that the server has not closed."""
ACCEPTED: Final = "accepted"
PROCESSOR: Final = "processor seconds"
TABLES: Final = ("games", "run_inputs", "episodes")
"""The tables that grow with play; each has the series `<table> bytes`, and with PostgreSQL those of
`<table> index bytes`, `<table> dead rows`, `<table> live rows` and `<table> autovacuums`."""


class Sample(Struct):
    """One moment.

    Attributes:
        seconds: Since the beginning of the load.
        bots: The distinct bots that had come.
        turns: The acknowledged turns.
        values: The numbers of this moment by name.
    """

    seconds: float
    bots: int
    turns: int
    values: dict[str, float]


class Soak(Struct):
    """What a soak saw.

    Attributes:
        minutes, bots, store: What was asked for.
        warm_up_seconds: The samples before that are not judged.
        samples: In order.
        came, runs, turns, connections: The bots that came, the runs that began, the acknowledged turns and
            the opened connections.
        late_seconds: How far the arrivals were behind at the end.
        errors: Errors that remained after all repeats, by their kind.
        troubles: Failed attempts before any repeat, by their kind.
        refused: The answers to calls that must be refused, by their code; `ACCEPTED` for a good answer.
        left_open: Connections that the server has not closed after all bots hung up.
        verified_bots, verified_turns: What was read back and executed again.
        findings: What was found wrong with it, by kind.
        interrupted: Ctrl-C ended it.
    """

    minutes: float
    bots: int
    store: str
    warm_up_seconds: float
    samples: list[Sample] = field(default_factory=list)
    came: int = 0
    runs: int = 0
    turns: int = 0
    connections: int = 0
    late_seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    left_open: int = 0
    verified_bots: int = 0
    verified_turns: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False

    def judged_samples(self) -> list[Sample]:
        """Return the samples after the warm-up."""
        return [one for one in self.samples if one.seconds >= self.warm_up_seconds]

    def series(self, name: str) -> list[float]:
        """Return the values of one name in all samples that have it."""
        return [one.values[name] for one in self.samples if name in one.values]


def read(path: Path) -> Soak:
    """Read the file of a soak."""
    return msgspec.json.decode(path.read_bytes(), type=Soak)


def write(path: Path, soak: Soak) -> None:
    """Write the file of a soak."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(soak), indent=1) + b"\n")
