"""The command `plan`: how many machines a number of bots needs, and their price a month."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Final

import msgspec

from dungeonfighter.errors import SettingsError
from dungeonfighter.planning.model import Load, Margins, Plan, make_plan
from dungeonfighter.planning.prices import GUIDE_PLAN, TEMPLATE, Prices, read_prices
from dungeonfighter.planning.report import text_of
from dungeonfighter.planning.unit_costs import UnitCosts, read_unit_costs

_RANGES: Final = {
    "--bots": (1, 1e9), "--every": (0.05, 1e6), "--tokens": (1, 1e6), "--utilisation": (0.05, 0.95),
    "--spare-servers": (0, 1000), "--keep-days": (0, 36_500),
}  # fmt: skip
_WHOLE: Final = frozenset({"--bots", "--spare-servers"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--bots", metavar="N", help="bots that are connected and play")
    add(
        "--every", metavar="S", default="10", help="seconds between two turns of a bot (default: %(default)s)"
    )
    add("--tokens", metavar="T", help="tokens of the text of a turn (default: as measured)")
    add("--unit-costs", metavar="FILE", type=Path,
        help="what a turn costs on your machine, from `python -m bench --unit-costs FILE`")  # fmt: skip
    add("--prices", metavar="FILE", type=Path, help="prices of machines (default: those of the guide)")
    add("--price-template", action="store_true", help="print a file of prices to fill in, and end")
    add("--utilisation", metavar="U", default="0.6",
        help="the share of the processor time to use at most (default: %(default)s)")  # fmt: skip
    add("--spare-servers", metavar="N", default="1", help="servers beyond the load (default: %(default)s)")
    add("--keep-days", metavar="D", default="30",
        help="days for which inputs and ended runs stay (default: %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan.

    Raises:
        SettingsError: A number is missing or out of range, or a file is wrong.
        BadInput: The kinds of machines are too small.
    """
    if arguments.price_template:
        sys.stdout.write(TEMPLATE)
        return 0
    problems: list[str] = []
    load, margins = _asked(arguments, problems)
    costs, prices = None, None
    try:
        costs = read_unit_costs(arguments.unit_costs)
    except SettingsError as error:
        problems += error.problems
    try:
        prices = read_prices(arguments.prices)
    except SettingsError as error:
        problems += error.problems
    if problems or costs is None or prices is None:
        raise SettingsError(problems)
    plan = make_plan(load, costs, prices, margins)
    if arguments.json:
        sys.stdout.write(_as_json(plan, costs, prices, margins))
    else:
        print(text_of(plan, costs, prices, margins))
    return 0


def _asked(arguments: argparse.Namespace, problems: list[str]) -> tuple[Load, Margins]:
    def number(option: str) -> float:
        return _number(option, getattr(arguments, option.removeprefix("--").replace("-", "_")), problems)

    tokens = None if arguments.tokens is None else number("--tokens")
    load = Load(int(number("--bots")), number("--every"), tokens)
    margins = Margins(number("--utilisation"), int(number("--spare-servers")), number("--keep-days"))
    return load, margins


def _number(option: str, text: str | None, problems: list[str]) -> float:
    """Return the number of an option; a problem adds a sentence and gives the least number."""
    low, high = _RANGES[option]
    if text is None:
        problems.append(f"{option}: is missing; for example `dungeonfighter plan --bots 80000 --every 10`")
        return low
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        value = math.nan
    if not low <= value <= high or (option in _WHOLE and value != int(value)):
        kind = "a whole number" if option in _WHOLE else "a number"
        problems.append(f"{option}: {text[:40]!r} must be {kind} from {low:,g} to {high:,.10g}")
        return low
    return value


def _as_json(plan: Plan, costs: UnitCosts, prices: Prices, margins: Margins) -> str:
    document = {
        "plan": msgspec.to_builtins(plan),
        "month_total": plan.month.total,
        "guide_plan": msgspec.to_builtins(GUIDE_PLAN),
        "unit_costs": msgspec.to_builtins(costs),
        "prices": msgspec.to_builtins(prices),
        "margins": msgspec.to_builtins(margins),
    }
    if not math.isfinite(plan.servers.p99_ms):
        document["plan"]["servers"]["p99_ms"] = None
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
