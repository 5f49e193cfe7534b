"""The unit costs: what a turn and a connected bot cost on one machine, from a file that the bench writes.

Source: docs/capacity.md, "The file of unit costs".
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.errors import SettingsError
from dungeonfighter.planning.json_files import check_numbers, decode_struct, read_struct

FORMAT: Final = "dungeonfighter unit costs"
VERSION: Final = 1
SHIPPED: Final = "unit_costs.json"
MEASURE: Final = "`python -m bench --unit-costs FILE` in a checkout measures this machine"
_OPTION: Final = "--unit-costs"
_MAY_BE_ZERO: Final = frozenset({
    "measured.load_average", "fit.server_cores_base", "fit.floor_ms", "fit.scale_ms", "fit.error_percent_p99",
    "fit.error_percent_cpu",
})  # fmt: skip


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """The machine and the moment of a measurement.

    Attributes:
        at: ISO 8601, UTC.
        release: The release of the server.
        build: The commit, with `-dirty` for uncommitted changes; empty without git.
        processor: The model of the processor.
        load_average: The load of the minute before the measurement.
        quick: The measurement was a short trial.
    """

    at: str
    release: str
    build: str
    processor: str
    cores: int
    memory_bytes: int
    python: str
    system: str
    load_average: float
    quick: bool


class ServerCosts(Struct, frozen=True, forbid_unknown_fields=True):
    """The costs of a server on PostgreSQL.

    Attributes:
        cpu_us_per_turn: Processor time of one turn at full load, in microseconds.
        bytes_per_bot: Memory of one connected bot whose game is in memory.
        bytes_per_worker: Memory of one process without bots.
        p99_ms_alone: The p99 of one connection that plays alone, which is the time of a batch of one turn.
    """

    cpu_us_per_turn: float
    bytes_per_bot: float
    bytes_per_worker: float
    p99_ms_alone: float


class DatabaseCosts(Struct, frozen=True, forbid_unknown_fields=True):
    """The costs of a PostgreSQL server.

    Attributes:
        cpu_us_per_turn: Processor time of all its processes for one turn, in microseconds.
        bytes_per_bot: Bytes of the row of one bot, with index and free space.
        history_bytes_per_turn: Growth of the tables of inputs and ended runs.
        wal_bytes_per_turn: Write-ahead log, with the full pages after a checkpoint.
        turns_per_commit: The turns that one commit wrote on average.
    """

    cpu_us_per_turn: float
    bytes_per_bot: float
    history_bytes_per_turn: float
    wal_bytes_per_turn: float
    turns_per_commit: float


class WireCosts(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn on the wire, between a client and the server.

    Attributes:
        request_bytes: The bytes of a request over HTTP.
        reply_bytes: The bytes of its answer.
        text_bytes: The part of the answer that is the text for the model.
        tokens: The tokens of that text, by the estimate of the server.
    """

    request_bytes: float
    reply_bytes: float
    text_bytes: float
    tokens: float


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """The model fitted on two loads of one machine; `bench.capacity` writes it.

    Attributes:
        bots: The numbers of bots of the fitted loads.
        every_seconds: The seconds between two turns of a bot there.
        server_cores_base: The cores in use at no turn, by extrapolation.
        server_us_per_turn: The processor time of each further turn.
        floor_ms, scale_ms: p99 = floor + scale / (1 - utilisation).
        error_percent_cpu, error_percent_p99: The prediction for the third load beside the measured one.
        predicted_bots: The number of bots of the third load.
    """

    bots: list[int]
    every_seconds: float
    server_cores_base: float
    server_us_per_turn: float
    floor_ms: float
    scale_ms: float
    predicted_bots: int
    error_percent_cpu: float
    error_percent_p99: float


class UnitCosts(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file of unit costs."""

    format: str
    version: int
    measured: Measured
    server: ServerCosts
    database: DatabaseCosts
    wire: WireCosts
    fit: Fit | None = None


class _Head(Struct, frozen=True):
    format: str = ""
    version: int = 0
    measured: msgspec.Raw = msgspec.Raw(b"null")


def read_unit_costs(path: Path | None) -> UnitCosts:
    """Read and check a file of unit costs; None reads the shipped one.

    Raises:
        SettingsError: There is no such file, it is of another version, or a number is missing or wrong; or
            the shipped file holds no measurement.
    """
    if path is None:
        name = "the shipped unit costs"
        content = (resources.files("dungeonfighter.planning") / SHIPPED).read_bytes()
    else:
        name = f"{_OPTION}: {path}"
        read_struct(path, _Head, _OPTION, MEASURE)
        content = path.read_bytes()
    head = decode_struct(content, _Head, name, MEASURE)
    if head.format != FORMAT:
        raise SettingsError([f"{name} is no file of unit costs: its format is {head.format!r}; {MEASURE}"])
    if head.version != VERSION:
        raise SettingsError(
            [f"{name} has version {head.version}, this release reads version {VERSION}; {MEASURE}"]
        )
    if bytes(head.measured) == b"null":
        raise SettingsError([f"{name} are not measured yet; {MEASURE}, and {_OPTION} FILE names the file"])
    costs = decode_struct(content, UnitCosts, name, MEASURE)
    check_numbers(costs, name, MEASURE, may_be_zero=_MAY_BE_ZERO)
    return costs
