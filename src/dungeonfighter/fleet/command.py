"""`dungeonfighter fleet URL --bots N --rate R --policy P --seconds S`: bots that really play, checked.

For cli.py: `add_arguments(parser)` declares the command's arguments, `run(args) -> int` runs it and returns
the exit code: 0, or 1 when a turn was lost or doubled or an error remained, or 2 when it could not begin.
Progress goes to stderr, the table to stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec

from dungeonfighter.bots.numbers import amount, count, whole
from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.errors import BadInput
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import LoadOptions, bot_id, run_load
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.report import Report, make_report, table
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.limits import bot_id_pattern
from dungeonfighter.rules import load_rules

HELP: Final = "bots that really play over MCP; measures and verifies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `fleet`."""
    add = parser.add_argument
    add("url", metavar="URL", help="the server, for example http://127.0.0.1:8000")
    add("--bots", type=count, default=100, metavar="N", help="how many bots play (100)")
    add("--policy", default="attack", metavar="P", help=f"{', '.join(policies)} (attack)")
    add("--seconds", type=amount, default=30.0, metavar="S", help="how long; 0 = until Ctrl-C (30)")
    add("--turns", type=count, default=0, metavar="N", help="stop after N acknowledged turns")
    add("--rate", type=amount, default=0.0, metavar="R", help="calls/s in all (0: as fast as answered)")
    add(
        "--in-flight",
        type=count,
        default=256,
        metavar="N",
        help="most calls under way, without rate (256)",
    )
    add("--view", choices=("text", "json"), help="which view the bots ask for (json if the policy needs it)")
    add("--mode", choices=("casual", "ironman"), default="casual", help="ironman: death ends a run (casual)")
    add("--seed", type=whole, default=0, metavar="S", help="of the bots' runs and choices (0)")
    add("--prefix", default="fleet", metavar="NAME", help="bot ids are NAME-00000 and so on (fleet)")
    add(
        "--run-inputs",
        type=count,
        default=3000,
        metavar="N",
        help="leave a run after N inputs (3000)",
    )
    add("--patience", type=amount, default=30.0, metavar="S", help="how long a call is repeated (30 s)")
    add("--timeout", type=amount, default=15.0, metavar="S", help="how long one answer may take (15 s)")
    add("--verify", action=argparse.BooleanOptionalAction, default=True,
        help="check afterwards that every acknowledged turn is in the store")  # fmt: skip
    add("--report", type=Path, metavar="FILE", help="write the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the load, print its table, verify it; see the module for exit codes."""
    try:
        options = _options(args)
        Endpoint(options.url)
    except (BadInput, ValueError) as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    try:
        report = run_on_fastest_loop(load_and_verify(options, _tell, verify=args.verify))
    except KeyboardInterrupt:
        print("fleet: interrupted before the verification was done", file=sys.stderr)
        return 130
    print(table(report))
    if args.report is not None:
        args.report.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if not report.passed:
        print(f"fleet: FAILED: {report.failure}", file=sys.stderr)
        return 1
    return 0


async def load_and_verify(
    options: LoadOptions, tell: Callable[[str], None], *, verify: bool = True
) -> Report:
    """One load from its first call to its report."""
    load = await run_load(options, tell)
    if not verify:
        return make_report(load, None)
    tell(f"verifying {options.bots} bots")
    return make_report(load, await verify_load(load, load_rules(), tell))


def run_on_fastest_loop(main: Coroutine[Any, Any, Report]) -> Report:
    """Run on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def _options(args: argparse.Namespace) -> LoadOptions:
    text_enough = isinstance(make_policy(args.policy), InputPolicy)
    if args.view == "text" and not text_enough:
        raise BadInput(f"policy {args.policy} needs --view json")
    last = bot_id(args.prefix, args.bots - 1)
    if not bot_id_pattern.match(last):
        raise BadInput(
            f"--prefix: {last[:140]!r} is no bot id: 1 to 128 letters, digits, '.', '_' and '-', "
            "the first a letter or digit"
        )
    return LoadOptions(
        url=args.url,
        bots=args.bots,
        policy=args.policy,
        rate=args.rate,
        seconds=args.seconds,
        turns=args.turns,
        seed=args.seed,
        prefix=args.prefix,
        in_flight_max=args.in_flight,
        timeout_seconds=args.timeout,
        habits=Habits(
            view=args.view or ("text" if text_enough else "json"),
            mode=args.mode,
            run_inputs_max=args.run_inputs,
            patience_seconds=args.patience,
        ),
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
