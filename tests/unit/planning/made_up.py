"""Unit costs and prices with round numbers, so that a plan can be computed by hand."""

from __future__ import annotations

from dungeonfighter.planning.prices import FORMAT as PRICES_FORMAT
from dungeonfighter.planning.prices import MachineKind, Prices
from dungeonfighter.planning.unit_costs import (
    FORMAT,
    VERSION,
    DatabaseCosts,
    Fit,
    Measured,
    ServerCosts,
    UnitCosts,
    WireCosts,
)

COSTS = UnitCosts(
    format=FORMAT, version=VERSION,
    measured=Measured("2026-01-02T03:04:05+00:00", "0.1.0", "abc1234", "Made-up CPU", 4, 2**34,
                      "CPython 3.11.7", "Linux", 0.1, False),
    server=ServerCosts(cpu_us_per_turn=200.0, bytes_per_bot=20_000.0, bytes_per_worker=50_000_000.0,
                       p99_ms_alone=3.0),
    database=DatabaseCosts(cpu_us_per_turn=100.0, bytes_per_bot=4096.0, history_bytes_per_turn=20.0,
                           wal_bytes_per_turn=1000.0, turns_per_commit=20.0),
    wire=WireCosts(request_bytes=496.0, reply_bytes=646.0, text_bytes=250.0, tokens=100.0),
)  # fmt: skip
FIT = Fit(
    bots=[8000, 40_000], every_seconds=10.0, server_cores_base=0.5, server_us_per_turn=150.0, floor_ms=4.0,
    scale_ms=2.0, predicted_bots=80_000, error_percent_cpu=3.0, error_percent_p99=31.0,
)  # fmt: skip
PRICES = Prices(
    format=PRICES_FORMAT, version=1, currency="EUR", source="a made-up list", date="2026-01-02",
    server=MachineKind("small", 4, 8.0, 100.0), database=MachineKind("big", 8, 64.0, 400.0),
    cache=MachineKind("cache", 2, 4.0, 50.0), balancer_month=10.0, transfer_month=5.0, transfer_per_gb=0.01,
    storage_gb_month=0.1,
)  # fmt: skip
