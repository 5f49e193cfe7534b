"""The command `fleet URL`: many bots really play over MCP; it measures them and verifies their turns.

Progress goes to stderr, the table to stdout. The exit code is 0; or 1 when a turn was lost or doubled or an
error remained; or 2 when the command could not begin; or 130 when it was interrupted before the verification.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.commands.numbers import amount, count, whole
from dungeonfighter.errors import BadInput
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.files import SPARE_FILES, allow_many_files
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import LoadOptions, bot_id
from dungeonfighter.fleet.report import table
from dungeonfighter.fleet.verified_load import load_and_verify
from dungeonfighter.limits import bot_id_rule, is_bot_id
from dungeonfighter.serving.event_loop import run_on_fastest_loop

PER_SOURCE_MAX: Final = 8_000
SOURCES_MAX: Final = 250


def sources(text: str) -> int:
    """Return a number of addresses, at most as many as differ in the last number of 127.0.0.x."""
    return min(SOURCES_MAX, whole(text))


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(arguments: argparse.Namespace) -> int:
    """Run the load, verify it and print its table; the module describes the exit codes."""
    try:
        options = _options(arguments)
    except (BadInput, ValueError) as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    try:
        report = run_on_fastest_loop(load_and_verify(options, _show, verify=arguments.verify))
    except KeyboardInterrupt:
        print("fleet: interrupted before the verification was done", file=sys.stderr)
        return 130
    print(table(report))
    if arguments.report is not None:
        arguments.report.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if not report.passed:
        print(f"fleet: FAILED: {report.failure}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: argparse.Namespace) -> LoadOptions:
    text_enough = isinstance(make_policy(arguments.policy), InputPolicy)
    if arguments.view == "text" and not text_enough:
        raise BadInput(f"policy {arguments.policy} needs --view json")
    last = bot_id(arguments.prefix, arguments.bots - 1)
    if not is_bot_id(last):
        raise BadInput(f"--prefix: {last[:140]!r} is no bot id: {bot_id_rule}")
    if arguments.rate and arguments.every:
        raise BadInput("--rate and --every are two ways to say the same: leave one out")
    if arguments.ramp and not arguments.every:
        raise BadInput("--ramp spreads the first calls of --every: name that, too")
    processes = _processes(arguments)
    return LoadOptions(
        url=arguments.url,
        bots=arguments.bots,
        policy=arguments.policy,
        rate=arguments.rate,
        every=arguments.every,
        ramp=arguments.ramp,
        warm_up=arguments.warm_up,
        seconds=arguments.seconds,
        turns=arguments.turns,
        seed=arguments.seed,
        prefix=arguments.prefix,
        in_flight_max=arguments.in_flight,
        timeout_seconds=arguments.timeout,
        sources=_sources(arguments),
        processes=processes,
        habits=Habits(
            view=arguments.view or ("text" if text_enough else "json"),
            mode=arguments.mode,
            run_inputs_max=arguments.run_inputs,
            patience_seconds=arguments.patience,
        ),
    )


def _processes(arguments: argparse.Namespace) -> int:
    """Return the number of generator processes, at most one for each bot.

    Raises:
        BadInput: One of the processes could not open a connection for each of its bots.
    """
    processes: int = min(arguments.processes, arguments.bots)
    room = allow_many_files() - SPARE_FILES
    if -(-arguments.bots // processes) > room:
        needed = -(-arguments.bots // max(1, room))
        raise BadInput(
            f"a process may have {room} connections here and {arguments.bots} bots need one each: "
            f"--processes {needed}, or a higher limit of open files (ulimit -n)"
        )
    return processes


def _sources(arguments: argparse.Namespace) -> int:
    """Return the number of loopback addresses to connect from; 0 leaves the choice to the system.

    One source address allows as many connections to one port as the system has client ports, often 28,000.
    """
    requested: int = arguments.sources
    bots: int = arguments.bots
    is_loopback = Endpoint(arguments.url).is_loopback
    if requested and not is_loopback:
        raise BadInput("--sources are addresses of this machine: they reach a server at 127.0.0.1 only")
    if not requested and is_loopback and bots > PER_SOURCE_MAX:
        return -(-bots // PER_SOURCE_MAX)
    return requested


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
