"""The command `fleet URL`: many bots really play over MCP; it measures them and verifies their turns.

Progress goes to stderr, the table to stdout. The exit code is 0; or 1 when a turn was lost or doubled or an
error remained; or 2 when the command could not begin; or 130 when it was interrupted before the verification.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Final

from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import BUDGETS, make_policy, policies
from dungeonfighter.commands import caller_token
from dungeonfighter.commands.categories import ascension
from dungeonfighter.commands.numbers import amount, count, whole
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.connection_strings import Problem, is_rabbitmq, parse_rabbitmq, parse_redis
from dungeonfighter.errors import BadArgument
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.files import SPARE_FILES, allow_many_files
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import LoadOptions, bot_id
from dungeonfighter.fleet.report import Report, table
from dungeonfighter.fleet.report_file import write_report
from dungeonfighter.fleet.report_metrics import metrics_url
from dungeonfighter.fleet.report_timeline import Recorder
from dungeonfighter.fleet.through import NO_REPLY, ThroughQueue
from dungeonfighter.fleet.verified_load import load_and_verify
from dungeonfighter.ingress import QueueRefused, QueueUnavailable
from dungeonfighter.limits import ascensions_max, bot_id_rule, fleet_pattern, is_bot_id, short_turns_max
from dungeonfighter.serving.event_loop import run_on_fastest_loop

PER_SOURCE_MAX: Final = 8_000
SOURCES_MAX: Final = 250
QUEUE_VARIABLE: Final = "DUNGEONFIGHTER_QUEUE"
_PATTERN: Final = re.compile(r"(?:may act for|bots of this server are) ([\w.-]+)\*")


def sources(text: str) -> int:
    """Return a number of addresses, at most as many as differ in the last number of 127.0.0.x."""
    return min(SOURCES_MAX, whole(text))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    # fmt: off
    add("url", metavar="URL", help="the server, for example http://127.0.0.1:8000")
    add("--bots", type=count, default=100, metavar="N", help="how many bots play (default: %(default)s)")
    add("--policy", default="attack", metavar="P",
        help=f"{', '.join(policies)}; {BUDGETS} (default: %(default)s)")
    add("--seconds", type=amount, default=30.0, metavar="S",
        help="how long, after the warm-up; 0 = until Ctrl-C (default: %(default)g)")
    add("--turns", type=count, default=0, metavar="N",
        help="stop after N acknowledged turns (default: when the time is over)")
    add("--rate", type=amount, default=0.0, metavar="R",
        help="calls a second of all bots together; 0 = as fast as answered (default: %(default)g)")
    add("--every", type=amount, default=0.0, metavar="S",
        help="instead of a rate: each bot calls every S seconds, give or take a fifth (default: off)")
    add("--ramp", type=amount, default=0.0, metavar="S",
        help="with --every: spread the first calls over S seconds (default: the S of --every)")
    add("--warm-up", type=amount, default=0.0, metavar="S",
        help="play S seconds before what is measured (default: %(default)g)")
    add("--in-flight", type=count, default=256, metavar="N",
        help="most calls under way, without --rate and --every (default: %(default)s)")
    add("--processes", type=count, default=1, metavar="N",
        help="play from N processes: for more bots than one may have open connections (default: %(default)s)")
    add("--sources", type=sources, default=0, metavar="N",
        help="connect from N addresses, 127.0.0.2 and up, to a server on 127.0.0.1 (default: as needed)")
    add("--view", choices=("text", "json"),
        help="the view that the bots ask for (default: text, or json if the policy needs it)")
    add("--mode", choices=("casual", "ironman", "short"), default="casual",
        help=f"ironman: death ends a run; short: so do {short_turns_max} turns (default: %(default)s)")
    add("--ascension", type=ascension, default=0, metavar="N",
        help=f"ascension of the runs, 0 to {ascensions_max} (default: %(default)s)")
    add("--seed", type=whole, default=0, metavar="S",
        help="seed of the runs and of the choices (default: %(default)s)")
    add("--prefix", default="fleet", metavar="NAME",
        help="the bots are called NAME-00000 and so on (default: %(default)s)")
    add("--run-inputs", type=count, default=3000, metavar="N",
        help="give a run up after N inputs (default: %(default)s)")
    add("--patience", type=amount, default=30.0, metavar="S",
        help="how many seconds a failed call is repeated (default: %(default)g)")
    add("--timeout", type=amount, default=15.0, metavar="S",
        help="how many seconds one answer may take (default: %(default)g)")
    add("--verify", action=argparse.BooleanOptionalAction, default=True,
        help="check afterwards that every acknowledged turn is in the store (default: --verify)")
    caller_token.add_argument(parser)
    add("--through", metavar="QUEUE",
        help=f"play the inputs through the queue of an ingress: redis://HOST:6379/0 or amqp://HOST:5672/ "
             f"[also by {QUEUE_VARIABLE}, where no other user reads a password]")
    add("--fleet", default="local", metavar="NAME",
        help="with --through: the fleet of the ingress and its token (default: %(default)s)")
    add("--queue-prefix", default="df:", metavar="TEXT",
        help="with --through: the --prefix of the ingress (default: %(default)s)")
    add("--report", type=Path, metavar="FILE",
        help="also write a report to FILE: a page with plots if it ends with .html, else JSON")
    add("--metrics", action="append", metavar="URL",
        help="with --report: where the servers' metrics are, once for each server (default: /metrics at URL)")
    # fmt: on


def run(arguments: argparse.Namespace) -> int:
    """Run the load, verify it and print its table; the module describes the exit codes.

    Raises:
        BadInput: An argument cannot work.
        CommandFailed: The load failed.
    """
    options = _options(arguments)
    recorder = _recorder(arguments)
    try:
        report = run_on_fastest_loop(
            load_and_verify(options, _show, verify=arguments.verify, recorder=recorder)
        )
    except KeyboardInterrupt:
        raise CommandInterrupted("interrupted before the verification was done") from None
    except (QueueUnavailable, QueueRefused) as error:
        raise CommandFailed(f"--through: {error}") from None
    print(table(report))
    if arguments.report is not None:
        _write(report, arguments.report)
    if not report.passed:
        hint = way_out(report, has_token=bool(options.token))
        raise CommandFailed(f"failed: {report.failure}{hint and f'; {hint}'}")
    return 0


def way_out(report: Report, *, has_token: bool) -> str:
    """Return the way out of a load that the server refused; empty if it did not refuse it."""
    codes = {*report.errors, *report.warm_up_errors, *(why.rpartition(" ")[2] for why in report.unread)}
    said = report.error_examples.get("not_allowed", "")
    if "may not act for the bot" in said:
        found = _PATTERN.search(said)
        example = f", for example --prefix {found[1].removesuffix('-')}" if found else ""
        return f"name bots that are allowed with --prefix{example}"
    if "lacks the scope" in said:
        return "ask the operator for a token with the scopes read and play"
    if NO_REPLY in codes:
        return "look whether an ingress reads this queue, under a token of the fleet that --fleet names"
    if "not_allowed" in codes:
        return f"the token is not valid: {caller_token.HINT}" if has_token else caller_token.HINT
    if any(code.startswith("http_") for code in codes):
        return "check that the URL is that of a server of this game"
    return ""


def _recorder(arguments: argparse.Namespace) -> Recorder | None:
    """Return what reads the metrics while the bots play; None without a report.

    Raises:
        BadArgument: An address of metrics is none, or there is no report for them.
    """
    if arguments.report is None:
        if arguments.metrics:
            raise BadArgument("--metrics belongs to a report: add --report FILE, or leave --metrics out")
        return None
    try:
        metrics = [metrics_url(url) for url in arguments.metrics or [arguments.url]]
    except ValueError as error:
        raise BadArgument(f"--metrics: {error}; write for example http://127.0.0.1:9464/metrics") from None
    return Recorder(metrics, arguments.warm_up + arguments.seconds)


def _write(report: Report, file: Path) -> None:
    try:
        write_report(report, file)
    except OSError as error:
        raise CommandFailed(
            f"--report: cannot write {file}: {(error.strerror or str(error)).lower()}"
        ) from None


def _check_report(file: Path | None) -> None:
    """Refuse a file that cannot be written before the load takes its time."""
    if file is None:
        return
    if file.is_dir():
        raise BadArgument(f"--report: {file} is a folder; name a file")
    if not file.parent.is_dir():
        raise BadArgument(f"--report: the folder {file.parent} does not exist; make it first")


def _options(arguments: argparse.Namespace) -> LoadOptions:
    _check_report(arguments.report)
    text_enough = isinstance(make_policy(arguments.policy), InputPolicy)
    if arguments.view == "text" and not text_enough:
        raise BadArgument(f"--view: policy {arguments.policy} needs json")
    last = bot_id(arguments.prefix, arguments.bots - 1)
    if not is_bot_id(last):
        raise BadArgument(f"--prefix: {last[:140]!r} is not a bot id: an id has {bot_id_rule}")
    if arguments.rate and arguments.every:
        raise BadArgument("--rate and --every exclude each other: leave one out")
    if arguments.ramp and not arguments.every:
        raise BadArgument(
            "--ramp needs --every, whose first calls it spreads: add --every, or leave --ramp out"
        )
    processes = _processes(arguments)
    token = caller_token.read_token(arguments, os.environ)
    through = _through(arguments)
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
        token=token,
        through=through,
        habits=Habits(
            view=arguments.view or ("text" if text_enough else "json"),
            mode=arguments.mode,
            ascension=arguments.ascension,
            run_inputs_max=arguments.run_inputs,
            patience_seconds=arguments.patience,
        ),
    )


def _through(arguments: argparse.Namespace) -> ThroughQueue | None:
    """Return the queue that the inputs go through.

    Raises:
        BadArgument: It is no queue.
    """
    url: str = arguments.through or os.environ.get(QUEUE_VARIABLE, "")
    if not url:
        return None
    if not fleet_pattern.match(arguments.fleet):
        raise BadArgument(f"--fleet: {arguments.fleet[:40]!r} has to be 1 to 32 of a-z, 0-9 and '-'")
    hint = "" if is_rabbitmq(url) else "; or like amqp://host:5672/"
    try:
        url = parse_rabbitmq(url) if is_rabbitmq(url) else parse_redis(url)
    except Problem as problem:
        raise BadArgument(f"--through: {problem}{hint}") from None
    return ThroughQueue(url, arguments.fleet, arguments.queue_prefix)


def _processes(arguments: argparse.Namespace) -> int:
    """Return the number of generator processes, at most one for each bot.

    Raises:
        BadInput: One of the processes could not open a connection for each of its bots.
    """
    processes: int = min(arguments.processes, arguments.bots)
    room = allow_many_files() - SPARE_FILES
    if -(-arguments.bots // processes) > room:
        needed = -(-arguments.bots // max(1, room))
        raise BadArgument(
            f"--bots: a process may have {room} connections here and {arguments.bots} bots need one each; "
            f"write --processes {needed}, or raise the limit of open files (ulimit -n)"
        )
    return processes


def _sources(arguments: argparse.Namespace) -> int:
    """Return the number of loopback addresses to connect from; 0 leaves the choice to the system.

    One source address allows as many connections to one port as the system has client ports, often 28,000.
    """
    requested: int = arguments.sources
    bots: int = arguments.bots
    try:
        is_loopback = Endpoint(arguments.url).is_loopback
    except ValueError as error:
        raise BadArgument(f"URL: {error}; write for example http://127.0.0.1:8000") from None
    if requested and not is_loopback:
        raise BadArgument(
            "--sources connects from addresses of this machine, which reach a server at 127.0.0.1 only"
        )
    if not requested and is_loopback and bots > PER_SOURCE_MAX:
        return -(-bots // PER_SOURCE_MAX)
    return requested


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
