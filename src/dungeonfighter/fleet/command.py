"""`dungeonfighter fleet URL --bots N --rate R --policy P --seconds S`: bots that really play, checked.

For cli.py: `add_arguments(parser)` declares the command's arguments, `run(args) -> int` runs it and returns
the exit code: 0, or 1 when a turn was lost or doubled or an error remained, or 2 when it could not begin.
Progress goes to stderr, the table to stdout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from dungeonfighter.bots.numbers import amount, count, whole
from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.errors import BadInput
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.fastest import run_on_fastest_loop
from dungeonfighter.fleet.files import SPARE_FILES, allow_many_files
from dungeonfighter.fleet.generators import Generators
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import LoadOptions, bot_id, run_load
from dungeonfighter.fleet.report import Report, make_report, table
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.limits import is_bot_id
from dungeonfighter.rules import load_rules

PER_SOURCE_MAX: Final = 8_000
SOURCES_MAX: Final = 250
HELP: Final = "bots that really play over MCP; measures and verifies"


def sources(text: str) -> int:
    """How many addresses, within the last number of 127.0.0.x."""
    return min(SOURCES_MAX, whole(text))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `fleet`."""
    add = parser.add_argument
    add("url", metavar="URL", help="the server, for example http://127.0.0.1:8000")
    add("--bots", type=count, default=100, metavar="N", help="how many bots play (100)")
    add("--policy", default="attack", metavar="P", help=f"{', '.join(policies)} (attack)")
    add("--seconds", type=amount, default=30.0, metavar="S",
        help="how long, after the warm-up; 0 = until Ctrl-C (30)")  # fmt: skip
    add("--turns", type=count, default=0, metavar="N", help="stop after N acknowledged turns")
    add("--rate", type=amount, default=0.0, metavar="R", help="calls/s in all (0: as fast as answered)")
    add("--every", type=amount, default=0.0, metavar="S",
        help="instead of a rate: each bot calls every S seconds, give or take a fifth")  # fmt: skip
    add("--ramp", type=amount, default=0.0, metavar="S",
        help="with --every: spread the first calls over S seconds (the S of --every)")  # fmt: skip
    add("--warm-up", type=amount, default=0.0, metavar="S", help="play S seconds before what is measured (0)")
    add("--in-flight", type=count, default=256, metavar="N",
        help="most calls under way, without a rate and --every (256)")  # fmt: skip
    add("--processes", type=count, default=1, metavar="N",
        help="play from N processes: for more bots than one may have open connections (1)")  # fmt: skip
    add("--sources", type=sources, default=0, metavar="N",
        help="connect from N addresses, 127.0.0.2 and up, to a server on 127.0.0.1 (as needed)")  # fmt: skip
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
    if options.processes > 1:
        return await _in_processes(options, tell, verify=verify)
    load = await run_load(options, tell)
    if not verify:
        return make_report(load, None)
    tell(f"verifying {options.bots} bots")
    return make_report(load, await verify_load(load, load_rules(), tell))


async def _in_processes(options: LoadOptions, tell: Callable[[str], None], *, verify: bool) -> Report:
    async with Generators(options, tell) as generators:
        load = await generators.play()
        verdict = None
        if verify:
            tell(f"verifying {options.bots} bots")
            verdict = await generators.verify()
        load.ended.extend(generators.ended())
    return make_report(load, verdict)


def _options(args: argparse.Namespace) -> LoadOptions:
    text_enough = isinstance(make_policy(args.policy), InputPolicy)
    if args.view == "text" and not text_enough:
        raise BadInput(f"policy {args.policy} needs --view json")
    last = bot_id(args.prefix, args.bots - 1)
    if not is_bot_id(last):
        raise BadInput(
            f"--prefix: {last[:140]!r} is no bot id: 1 to 128 letters, digits, '.', '_' and '-', "
            "the first a letter or digit"
        )
    if args.rate and args.every:
        raise BadInput("--rate and --every are two ways to say the same: leave one out")
    if args.ramp and not args.every:
        raise BadInput("--ramp spreads the first calls of --every: name that, too")
    processes = _processes(args)
    return LoadOptions(
        url=args.url,
        bots=args.bots,
        policy=args.policy,
        rate=args.rate,
        every=args.every,
        ramp=args.ramp,
        warm_up=args.warm_up,
        seconds=args.seconds,
        turns=args.turns,
        seed=args.seed,
        prefix=args.prefix,
        in_flight_max=args.in_flight,
        timeout_seconds=args.timeout,
        sources=_sources(args),
        processes=processes,
        habits=Habits(
            view=args.view or ("text" if text_enough else "json"),
            mode=args.mode,
            run_inputs_max=args.run_inputs,
            patience_seconds=args.patience,
        ),
    )


def _processes(args: argparse.Namespace) -> int:
    """How many processes play: no more than there are bots, and enough for their connections."""
    processes: int = min(args.processes, args.bots)
    room = allow_many_files() - SPARE_FILES
    if -(-args.bots // processes) > room:
        needed = -(-args.bots // max(1, room))
        raise BadInput(
            f"a process may have {room} connections here and {args.bots} bots need one each: "
            f"--processes {needed}, or a higher limit of open files (ulimit -n)"
        )
    return processes


def _sources(args: argparse.Namespace) -> int:
    """How many loopback addresses connections come from; 0 = whatever the system takes.

    From one address to one port there are as many connections as the system has ports for clients, often
    28,000.
    """
    asked: int = args.sources
    bots: int = args.bots
    is_loopback = Endpoint(args.url).is_loopback
    if asked and not is_loopback:
        raise BadInput("--sources are addresses of this machine: they reach a server at 127.0.0.1 only")
    if not asked and is_loopback and bots > PER_SOURCE_MAX:
        return -(-bots // PER_SOURCE_MAX)
    return asked


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
