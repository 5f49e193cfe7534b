"""Prices a month of kinds of machines: the guide's table, or a file of the user's.

No price is without its source and its date.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import SettingsError
from dungeonfighter.planning.json_files import check_numbers, read_struct

FORMAT: Final = "dungeonfighter prices"
VERSION: Final = 1
_OPTION: Final = "--prices"
_WAY_OUT: Final = "`dungeonfighter plan --price-template` prints a file to fill in"
_SOURCE_CHARS_MIN: Final = 3


class MachineKind(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of machine; `month` is the price of one for a month."""

    name: str
    cores: int
    memory_gib: float
    month: float


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of one provider.

    Attributes:
        currency: For example USD.
        source: Where the prices are from.
        date: The day they were read, ISO 8601.
        server, database, cache: The kinds of machines for the three jobs.
        balancer_month: One balancer.
        transfer_month: A lump sum for the transfer, whatever its volume.
        transfer_per_gb: The price of each GB that leaves; added to the lump sum.
        storage_gb_month: The price of 1 GB of the database's disk; None if it is in the machine's.
    """

    format: str
    version: int
    currency: str
    source: str
    date: str
    server: MachineKind
    database: MachineKind
    cache: MachineKind
    balancer_month: float
    transfer_month: float
    transfer_per_gb: float
    storage_gb_month: float | None


GUIDE: Final = Prices(
    format=FORMAT, version=VERSION, currency="USD",
    source="the guide's table of costs, divided by its numbers of machines", date="2026-11-29",
    server=MachineKind("c5.xlarge", 4, 8.0, 150.0),
    database=MachineKind("db.r5.2xlarge", 8, 64.0, 500.0),
    cache=MachineKind("cache.r5.large", 2, 13.07, 100.0),
    balancer_month=20.0, transfer_month=200.0, transfer_per_gb=0.0, storage_gb_month=None,
)  # fmt: skip
"""Cores and memory are those of the kinds of machines that the table names."""


class GuideRow(Struct, frozen=True):
    """One row of the guide's own plan."""

    what: str
    count: int
    month: float


GUIDE_PLAN: Final = (
    GuideRow("server", 100, 15_000.0), GuideRow("database", 1, 500.0), GuideRow("cache", 3, 300.0),
    GuideRow("balancer", 1, 20.0), GuideRow("transfer", 0, 200.0),
)  # fmt: skip

TEMPLATE: Final = """\
{
  "format": "dungeonfighter prices",
  "version": 1,
  "currency": "USD",
  "source": "",
  "date": "",
  "server": {"name": "", "cores": 0, "memory_gib": 0, "month": null},
  "database": {"name": "", "cores": 0, "memory_gib": 0, "month": null},
  "cache": {"name": "", "cores": 0, "memory_gib": 0, "month": null},
  "balancer_month": null,
  "transfer_month": null,
  "transfer_per_gb": null,
  "storage_gb_month": null
}
"""
_MAY_BE_ZERO: Final = frozenset({
    "balancer_month", "transfer_month", "transfer_per_gb", "storage_gb_month", "server.month",
    "database.month", "cache.month",
})  # fmt: skip


def read_prices(path: Path | None) -> Prices:
    """Read and check a file of prices; None returns the guide's.

    Raises:
        SettingsError: There is no such file, a price is missing or wrong, or source or date are missing.
    """
    if path is None:
        return GUIDE
    prices = read_struct(path, Prices, _OPTION, _WAY_OUT)
    name = f"{_OPTION}: {path}"
    if (prices.format, prices.version) != (FORMAT, VERSION):
        problem = f"{name} is no file of prices of version {VERSION}; {_WAY_OUT}"
        raise SettingsError([problem])
    problems = [f"{name}: {text}; {_WAY_OUT}" for text in _missing(prices)]
    if problems:
        raise SettingsError(problems)
    check_numbers(prices, name, _WAY_OUT, may_be_zero=_MAY_BE_ZERO)
    return prices


def _missing(prices: Prices) -> list[str]:
    problems = [f"{place} has no name" for place in ("server", "database", "cache")
                if not getattr(prices, place).name.strip()]  # fmt: skip
    if not prices.currency.strip():
        problems.append("currency is empty")
    if len(prices.source.strip()) < _SOURCE_CHARS_MIN:
        problems.append("source is empty: a price without its source is none")
    try:
        datetime.date.fromisoformat(prices.date)
    except ValueError:
        problems.append(f"date is {prices.date!r} and must be a day such as 2026-11-29")
    return problems
