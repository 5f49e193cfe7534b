"""The arithmetic of a capacity plan, with numbers that can be checked by hand."""

from __future__ import annotations

import math

import msgspec
import pytest

from dungeonfighter.errors import BadInput
from dungeonfighter.planning.latency import Latency, fitted, fitted_line, unfitted
from dungeonfighter.planning.model import Load, Margins, make_plan, partitions_for
from tests.unit.planning.made_up import COSTS, FIT, PRICES

HALF = Margins(utilisation=0.5, spare_servers=1, keep_days=10.0)


def test_the_processor_limits_servers_and_databases() -> None:
    plan = make_plan(Load(100_000, 1.0), COSTS, PRICES, HALF)
    # 100,000 turns/s x 200 us = 20 cores, 2 usable in each of 10 servers; x 100 us = 10 cores, 4 in each of 3
    assert plan.turns_per_second == 100_000
    assert (plan.databases.count, plan.databases.limited_by, plan.databases.cores_used) == (
        3,
        "processor",
        10,
    )
    assert (plan.servers.count, plan.servers.limited_by, plan.servers.cores_used) == (15, "processor", 20)
    assert plan.servers.utilisation == pytest.approx(20 / 12 / 4)
    assert (plan.caches, plan.balancers) == (3, 3)


def test_one_database_has_one_group_of_servers() -> None:
    plan = make_plan(Load(30_000, 1.0), COSTS, PRICES, HALF)
    assert (plan.databases.count, plan.databases.rows_each) == (1, 30_000)
    assert plan.servers.count == 3 + 1
    assert plan.servers.utilisation == pytest.approx(0.5)


def test_connections_limit_slow_bots() -> None:
    plan = make_plan(Load(200_000, 1000.0), COSTS, PRICES, HALF)
    assert (plan.servers.count, plan.servers.limited_by) == (4 + 1, "connections")  # 64,000 a server


def test_memory_limits_large_bots() -> None:
    server = msgspec.structs.replace(COSTS.server, bytes_per_bot=1_000_000.0)
    plan = make_plan(Load(50_000, 1000.0), msgspec.structs.replace(COSTS, server=server), PRICES, HALF)
    assert plan.servers.limited_by == "memory"
    usable = 8 * 2**30 * 0.7 - 4 * 50_000_000
    assert plan.servers.count == math.ceil(50_000 * 1_000_000 / usable) + 1


def test_rows_that_do_not_fit_into_memory_need_more_databases() -> None:
    plan = make_plan(Load(20_000_000, 10_000.0), COSTS, PRICES, HALF)
    usable = 64 * 2**30 * 0.7
    assert plan.databases.count == math.ceil(20_000_000 * 4096 / usable) == 2
    assert (plan.databases.limited_by, plan.databases.rows_each) == ("memory", 10_000_000)
    assert plan.databases.partitions == 64


def test_disk_log_and_network_are_rates_times_bytes() -> None:
    plan = make_plan(Load(10_000, 10.0), COSTS, PRICES, HALF)
    databases, network = plan.databases, plan.network
    assert databases.growth_gb_per_day == pytest.approx(1000 * 86_400 * 20 / 1e9)
    assert databases.size_gb == pytest.approx(10_000 * 4096 / 1e9 + 10 * databases.growth_gb_per_day)
    assert databases.wal_mb_per_second == 1.0
    assert databases.commits_per_second == 50
    assert databases.iops == pytest.approx(50 + 10_000 * 4096 / 8192 / 300)  # each page once in 300 s
    assert network.in_mbit_per_second == pytest.approx(8 * 1000 * 600 / 1e6)
    assert network.out_mbit_per_second == pytest.approx(8 * 1000 * 750 / 1e6)
    assert plan.tokens_per_day == 1000 * 86_400 * 100


def test_tokens_make_answers_longer() -> None:
    plan = make_plan(Load(10_000, 10.0, tokens=200), COSTS, PRICES, HALF)
    assert plan.network.out_mbit_per_second == pytest.approx(8 * 1000 * 1000 / 1e6)  # 250 bytes more
    assert plan.tokens_per_day == 1000 * 86_400 * 200


def test_the_price_is_the_sum_of_its_parts() -> None:
    plan = make_plan(Load(10_000, 10.0), COSTS, PRICES, HALF)
    month = plan.month
    assert (month.servers, month.databases, month.caches, month.balancer) == (200, 400, 50, 10)
    assert month.transfer == pytest.approx(5 + 0.01 * 1000 * 750 * 86_400 * 30 / 1e9)
    assert month.storage == pytest.approx(0.1 * plan.databases.size_gb)
    assert month.total == pytest.approx(660 + month.transfer + (month.storage or 0))


def test_one_small_server_needs_neither_balancer_nor_redis() -> None:
    plan = make_plan(Load(10, 10.0), COSTS, PRICES, Margins(spare_servers=0))
    assert (plan.servers.count, plan.databases.count, plan.caches, plan.balancers) == (1, 1, 0, 0)


def test_a_fit_gives_the_idle_cores_and_the_latency() -> None:
    plan = make_plan(Load(30_000, 1.0), msgspec.structs.replace(COSTS, fit=FIT), PRICES, HALF)
    # the higher processor time of the two, and 1.5 usable cores a server instead of 2
    assert plan.servers.count == math.ceil(6 / 1.5) + 1
    assert plan.servers.utilisation == pytest.approx((6 / 4 + 0.5) / 4)
    assert plan.servers.p99_ms == pytest.approx(4 + 2 / 0.5)


def test_a_kind_that_its_own_workers_fill_is_refused() -> None:
    tiny = msgspec.structs.replace(PRICES.server, memory_gib=0.2)
    with pytest.raises(BadInput, match="too small for its own workers"):
        make_plan(Load(10, 10.0), COSTS, msgspec.structs.replace(PRICES, server=tiny), HALF)
    fit = msgspec.structs.replace(FIT, server_cores_base=2.0)
    with pytest.raises(BadInput, match="too small"):
        make_plan(Load(10, 10.0), msgspec.structs.replace(COSTS, fit=fit), PRICES, HALF)


@pytest.mark.parametrize(
    ("rows", "partitions"),
    [(1, 0), (1_000_000, 0), (1_000_001, 8), (2_000_000, 8), (4_000_001, 32), (10_000_000, 64),
     (16_000_001, 128), (10**9, 1024)],
)  # fmt: skip
def test_partitions_hold_a_quarter_of_a_million_rows_each(rows: int, partitions: int) -> None:
    assert partitions_for(rows) == partitions


def test_the_p99_grows_with_the_utilisation_and_has_no_bound_when_saturated() -> None:
    assert unfitted(3.0).p99_ms(0.0) == 6.0
    assert unfitted(3.0).p99_ms(0.5) == 12.0
    assert Latency(1.0, 2.0).p99_ms(1.0) == math.inf


def test_a_fit_goes_through_both_measurements() -> None:
    found = fitted((0.75, 20.0), (0.5, 12.0))
    assert (found.floor_ms, found.scale_ms) == (4.0, 4.0)
    assert (found.p99_ms(0.5), found.p99_ms(0.75)) == (12.0, 20.0)


def test_a_fit_never_has_a_constant_below_zero() -> None:
    assert fitted((0.1, 30.0), (0.5, 10.0)) == Latency(20.0, 0.0)
    steep = fitted((0.1, 1.0), (0.5, 100.0))
    assert (steep.floor_ms, steep.p99_ms(0.5)) == (0.0, 100.0)


@pytest.mark.parametrize(
    "points", [((0.5, 1.0), (0.5, 2.0)), ((0.5, 1.0), (1.0, 2.0)), ((-0.1, 1.0), (0.5, 2.0))]
)
def test_a_fit_needs_two_loads_below_saturation(
    points: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    with pytest.raises(ValueError, match="below 1"):
        fitted(*points)


def test_a_line_goes_through_both_points_or_through_zero() -> None:
    assert fitted_line((100.0, 0.5), (300.0, 1.0)) == (0.25, 0.0025)
    assert fitted_line((100.0, 0.1), (200.0, 1.0)) == (0.0, 0.005)
    with pytest.raises(ValueError, match="different loads"):
        fitted_line((1.0, 1.0), (1.0, 2.0))
