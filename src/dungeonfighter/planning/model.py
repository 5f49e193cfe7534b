"""The arithmetic of a capacity plan: machines, disk, network and price from a load and the unit costs.

It is pure: the same load, costs, prices and margins give the same plan.

Source: docs/capacity.md, "The model".
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import BadInput
from dungeonfighter.planning.latency import Latency, unfitted
from dungeonfighter.planning.prices import MachineKind, Prices
from dungeonfighter.planning.unit_costs import UnitCosts

_SECONDS_A_DAY: Final = 86_400.0
_DAYS_A_MONTH: Final = 30.0
_MICRO: Final = 1e6
_GIB: Final = 2.0**30
_GB: Final = 1e9
_PAGE_BYTES: Final = 8192
_PACKET_BYTES: Final = 104
"""Headers of TCP and IP (52 bytes) of a message and of its acknowledgement."""
_CHECKPOINT_SECONDS: Final = 300.0
"""PostgreSQL's `checkpoint_timeout`: a page is written once in that time, however often it changes."""
_MEMORY_SHARE: Final = 0.7
"""The share of a machine's memory that bots or rows may fill; the system has the rest."""
BOTS_PER_WORKER: Final = 16_000
"""Connections of one process: a usual hard limit is 20,000 open files."""
PLAIN_ROWS_MAX: Final = 1_000_000
PARTITION_ROWS_MAX: Final = 250_000


class Load(Struct, frozen=True):
    """The load that is asked for.

    Attributes:
        bots: Bots that are connected and play.
        every_seconds: The seconds between two turns of a bot.
        tokens: The tokens of a turn's text; None takes the measured ones.
    """

    bots: int
    every_seconds: float
    tokens: float | None = None


class Margins(Struct, frozen=True):
    """The reserves of a plan.

    Attributes:
        utilisation: The share of the processor time that servers and databases use at most.
        spare_servers: Servers beyond those that the load needs.
        keep_days: The days for which inputs and ended runs stay (`db prune --days`).
    """

    utilisation: float = 0.6
    spare_servers: int = 1
    keep_days: float = 30.0


class Servers(Struct, frozen=True):
    """The servers; `utilisation` and `p99_ms` are those when the spare ones are away."""

    kind: str
    count: int
    workers_each: int
    limited_by: str
    cores_used: float
    memory_gib_used: float
    utilisation: float
    p99_ms: float


class Databases(Struct, frozen=True):
    """The databases; every figure is the sum of all, but partitions and rows.

    Attributes:
        partitions: For `db migrate --partitions`; 0 means plain tables.
        rows_each: The bots of one database.
    """

    kind: str
    count: int
    limited_by: str
    partitions: int
    rows_each: int
    cores_used: float
    size_gb: float
    growth_gb_per_day: float
    wal_mb_per_second: float
    commits_per_second: float
    iops: float


class Network(Struct, frozen=True):
    """The traffic between clients and servers, with the headers of TCP and IP."""

    in_mbit_per_second: float
    out_mbit_per_second: float
    out_gb_per_month: float


class Costs(Struct, frozen=True):
    """Prices of a month; `storage` is None if the prices have none."""

    servers: float
    databases: float
    caches: float
    balancer: float
    transfer: float
    storage: float | None

    @property
    def total(self) -> float:
        return (
            self.servers + self.databases + self.caches + self.balancer + self.transfer + (self.storage or 0)
        )


class Plan(Struct, frozen=True):
    """A capacity plan."""

    load: Load
    turns_per_second: float
    tokens_per_day: float
    servers: Servers
    databases: Databases
    caches: int
    """One Redis for each group of servers; it is optional."""
    balancers: int
    network: Network
    month: Costs


def make_plan(load: Load, costs: UnitCosts, prices: Prices, margins: Margins) -> Plan:
    """Make the plan.

    Raises:
        BadInput: One server is too small for its own workers, so no number of them is enough.
    """
    rate = load.bots / load.every_seconds
    databases = _databases(load.bots, rate, costs, prices.database, margins)
    servers = _servers(load.bots, rate, costs, prices.server, margins, groups=databases.count)
    balancers = databases.count if servers.count > 1 else 0
    tokens = costs.wire.tokens if load.tokens is None else load.tokens
    network = _network(rate, costs, tokens)
    size = databases.size_gb
    return Plan(
        load=load,
        turns_per_second=rate,
        tokens_per_day=rate * _SECONDS_A_DAY * tokens,
        servers=servers,
        databases=databases,
        caches=balancers,
        balancers=balancers,
        network=network,
        month=Costs(
            servers=servers.count * prices.server.month,
            databases=databases.count * prices.database.month,
            caches=balancers * prices.cache.month,
            balancer=balancers * prices.balancer_month,
            transfer=prices.transfer_month + network.out_gb_per_month * prices.transfer_per_gb,
            storage=None if prices.storage_gb_month is None else size * prices.storage_gb_month,
        ),
    )


def _servers(
    bots: int, rate: float, costs: UnitCosts, kind: MachineKind, margins: Margins, *, groups: int
) -> Servers:
    """Return the servers of all groups; each group has the same number, and its own spare ones."""
    base, cpu_us, latency = _server_model(costs)
    usable_cores = kind.cores * margins.utilisation - base
    workers_bytes = kind.cores * costs.server.bytes_per_worker
    usable_bytes = kind.memory_gib * _GIB * _MEMORY_SHARE - workers_bytes
    if usable_cores <= 0 or usable_bytes <= costs.server.bytes_per_bot:
        raise BadInput(
            f"one server of the kind {kind.name} ({kind.cores} cores, {kind.memory_gib:g} GiB) is too small "
            "for its own workers",
            hint="take a larger kind in the file of prices, or a higher --utilisation",
        )
    cores = rate * cpu_us / _MICRO
    needs = {
        "processor": cores / usable_cores,
        "memory": bots * costs.server.bytes_per_bot / usable_bytes,
        "connections": bots / (kind.cores * BOTS_PER_WORKER),
    }
    limited_by = max(needs, key=lambda name: needs[name])
    working = groups * max(1, _whole(needs[limited_by] / groups))
    utilisation = (cores / working + base) / kind.cores
    used_bytes = bots * costs.server.bytes_per_bot + working * workers_bytes
    return Servers(
        kind=kind.name, count=working + groups * margins.spare_servers, workers_each=kind.cores,
        limited_by=limited_by, cores_used=cores + base * working, memory_gib_used=used_bytes / _GIB,
        utilisation=utilisation, p99_ms=latency.p99_ms(utilisation),
    )  # fmt: skip


def _server_model(costs: UnitCosts) -> tuple[float, float, Latency]:
    """Return the cores in use without a turn, the processor time of a turn, and the formula for the p99."""
    fit = costs.fit
    if fit is None:
        return 0.0, costs.server.cpu_us_per_turn, unfitted(costs.server.p99_ms_alone)
    cpu_us = max(costs.server.cpu_us_per_turn, fit.server_us_per_turn)
    return fit.server_cores_base, cpu_us, Latency(fit.floor_ms, fit.scale_ms)


def _databases(bots: int, rate: float, costs: UnitCosts, kind: MachineKind, margins: Margins) -> Databases:
    unit = costs.database
    cores = rate * unit.cpu_us_per_turn / _MICRO
    row_bytes = bots * unit.bytes_per_bot
    needs = {
        "processor": cores / (kind.cores * margins.utilisation),
        "memory": row_bytes / (kind.memory_gib * _GIB * _MEMORY_SHARE),
    }
    limited_by = max(needs, key=lambda name: needs[name])
    count = max(1, _whole(needs[limited_by]))
    growth = rate * _SECONDS_A_DAY * unit.history_bytes_per_turn
    commits = rate / unit.turns_per_commit
    pages = min(row_bytes / _PAGE_BYTES, rate * _CHECKPOINT_SECONDS) / _CHECKPOINT_SECONDS
    rows_each = math.ceil(bots / count)
    return Databases(
        kind=kind.name, count=count, limited_by=limited_by, partitions=partitions_for(rows_each),
        rows_each=rows_each, cores_used=cores, size_gb=(row_bytes + growth * margins.keep_days) / _GB,
        growth_gb_per_day=growth / _GB, wal_mb_per_second=rate * unit.wal_bytes_per_turn / _MICRO,
        commits_per_second=commits, iops=commits + pages,
    )  # fmt: skip


def partitions_for(rows: int) -> int:
    """Return the number of partitions for so many bots in one database: 0, or a power of two up to 1,024."""
    if rows <= PLAIN_ROWS_MAX:
        return 0
    needed = math.ceil(rows / PARTITION_ROWS_MAX)
    return int(min(1024, 2 ** math.ceil(math.log2(needed))))


def _network(rate: float, costs: UnitCosts, tokens: float) -> Network:
    wire = costs.wire
    reply = wire.reply_bytes + wire.text_bytes * (tokens / wire.tokens - 1) + _PACKET_BYTES
    out = rate * max(reply, 0.0)
    return Network(
        in_mbit_per_second=8 * rate * (wire.request_bytes + _PACKET_BYTES) / _MICRO,
        out_mbit_per_second=8 * out / _MICRO,
        out_gb_per_month=out * _SECONDS_A_DAY * _DAYS_A_MONTH / _GB,
    )


def _whole(need: float) -> int:
    """Round up; a need that is above a whole number by the error of floats only is that number."""
    return math.ceil(round(need, 9))
