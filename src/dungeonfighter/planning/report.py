"""A capacity plan as text for people, beside the guide's own plan."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from dungeonfighter.planning.model import Margins, Plan
from dungeonfighter.planning.prices import GUIDE_PLAN, Prices
from dungeonfighter.planning.unit_costs import UnitCosts

_ERROR_PERCENT_MAX: Final = 25.0
_GUIDE: Final = {row.what: row for row in GUIDE_PLAN}
_WIDTHS: Final = (16, 44, 26)


def text_of(plan: Plan, costs: UnitCosts, prices: Prices, margins: Margins) -> str:
    """Return the table with its notes, ending without a line break."""
    rows = [("", "this plan", "the guide's own plan"), *_load_rows(plan), *_machine_rows(plan)]
    rows += [*_price_rows(plan, prices)]
    table = [" ".join(f"{cell:{width}}" for cell, width in zip(row, _WIDTHS, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return "\n".join([*table, "", *_notes(plan, costs, prices, margins)])


def _load_rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    load = plan.load
    yield "load", f"{load.bots:,} bots, a turn every {load.every_seconds:g} s", ""
    yield "", f"{plan.turns_per_second:,.1f} turns/s, {plan.tokens_per_day:,.0f} tokens a day", ""


def _machine_rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    servers, databases, network = plan.servers, plan.databases, plan.network
    yield (
        "servers",
        f"{servers.count} x {servers.kind}, {servers.workers_each} workers each",
        (f"{_GUIDE['server'].count} x c5.xlarge"),
    )
    yield (
        "",
        f"{servers.cores_used:,.1f} cores, {servers.memory_gib_used:,.1f} GiB; by {servers.limited_by}",
        "",
    )
    yield "", f"{100 * servers.utilisation:.0f} % busy, p99 about {_ms(servers.p99_ms)}", ""
    yield "databases", f"{databases.count} x {databases.kind}, by {databases.limited_by}", "1 x db.r5.2xlarge"
    tables = f"{databases.partitions} partitions" if databases.partitions else "plain tables"
    yield "", f"{databases.rows_each:,} bots each, {tables}", ""
    yield "", f"{databases.cores_used:,.1f} cores, {databases.size_gb:,.1f} GB", ""
    yield "", f"{databases.growth_gb_per_day:,.2f} GB a day of inputs and runs", ""
    yield "", f"{databases.iops:,.0f} IOPS, {databases.commits_per_second:,.0f} commits/s", ""
    yield "", f"{databases.wal_mb_per_second:,.2f} MB/s of WAL", ""
    yield "Redis", f"{plan.caches} (optional)", f"{_GUIDE['cache'].count} x cache.r5.large"
    yield "balancers", f"{plan.balancers}", "1"
    yield (
        "network",
        (f"{network.in_mbit_per_second:,.1f} Mbit/s in, {network.out_mbit_per_second:,.1f} out"),
        "",
    )
    yield "", f"{network.out_gb_per_month:,.0f} GB out a month", ""


def _price_rows(plan: Plan, prices: Prices) -> Iterator[tuple[str, str, str]]:
    month, unit = plan.month, prices.currency
    pairs = (
        ("servers", month.servers, "server"), ("databases", month.databases, "database"),
        ("Redis", month.caches, "cache"), ("balancers", month.balancer, "balancer"),
        ("transfer", month.transfer, "transfer"),
    )  # fmt: skip
    yield f"{unit} a month", "", ""
    for name, price, row in pairs:
        yield f"  {name}", f"{price:,.0f}", f"{_GUIDE[row].month:,.0f}"
    yield "  disk", "no price given" if month.storage is None else f"{month.storage:,.0f}", ""
    yield "  together", f"{month.total:,.0f}", f"{sum(row.month for row in GUIDE_PLAN):,.0f}"


def _notes(plan: Plan, costs: UnitCosts, prices: Prices, margins: Margins) -> Iterator[str]:
    measured = costs.measured
    build = f" ({measured.build})" if measured.build else ""
    yield (
        f"Unit costs: {measured.at}, release {measured.release}{build}, {measured.processor}, "
        f"{measured.cores} cores, {measured.memory_bytes / 2**30:.0f} GiB."
    )
    if measured.quick or measured.load_average > measured.cores / 4:
        yield "They were measured in a short trial or on a busy machine: measure them again on an idle one."
    yield f"Prices: {prices.source}, {prices.date}. A core of a machine counts as one of the measured cores."
    if not prices.transfer_per_gb:
        yield "The price of the transfer is a lump sum: these prices have none for each GB."
    yield (
        f"{margins.spare_servers} server(s) to spare for each database, at most "
        f"{100 * margins.utilisation:g} % busy without them; inputs and runs stay {margins.keep_days:g} days."
    )
    if plan.databases.count > 1:
        yield (
            f"{plan.databases.count} databases are as many separate groups of servers: a fleet belongs to "
            "one of them, and so does its leaderboard."
        )
    yield _trust(costs)


def _trust(costs: UnitCosts) -> str:
    fit = costs.fit
    if fit is None:
        return (
            "The p99 is an estimate without a fit: `python -m bench.capacity` fits the model on this machine."
        )
    worst = max(fit.error_percent_cpu, fit.error_percent_p99)
    loads = " and ".join(f"{bots:,}" for bots in fit.bots)
    verdict = "within" if worst <= _ERROR_PERCENT_MAX else "NOT within"
    return (
        f"The model, fitted at {loads} bots, was {verdict} {_ERROR_PERCENT_MAX:g} % at "
        f"{fit.predicted_bots:,}: processor {fit.error_percent_cpu:.0f} % off, "
        f"p99 {fit.error_percent_p99:.0f} % off."
    )


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if math.isfinite(value) else "without bound"
