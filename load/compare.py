"""Compares `fleet`, Locust and k6 at the same arrival rate: `python -m load.compare`, under 11 minutes.

One after the other they play against a fresh server, with 1,000, 5,000 and 10,000 bots on SQLite and the
first number on PostgreSQL. Turns a second, tokens a turn and p50 must be those of `fleet`, within 10 %.
Each packet between a tool and the server takes 10 ms, as it does from a bot on the Internet: on a bare
loopback a turn takes a millisecond, of which a tool's own HTTP client is the larger part. The table also has
the mean time of an answer inside the server, from `/metrics`. After each load the store is asked for the sum
of the turns of its bots; it must be the number of acknowledged turns, or as many more as calls failed, which
may have been applied.

Speed needs a quiet machine: two cores without other work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from dungeonfighter.fleet.report_file import write_report
from load.distance import distance_obstacle, far_apart
from load.report import verified
from load.tools import TOOLS, Missing, Plan, Run, program
from testkit.postgres_server import running_server
from testkit.server_process import ServerProcess

SHARE: Final = 0.1
STORES: Final = ("sqlite", "postgresql")
_MEMORY: Final = Path("/dev/shm")
"""A disk pauses now and then, and one pause of 100 ms moves the mean of 800 answers by an eighth."""
_START_SECONDS: Final = 3.0
_RATE: Final = 200.0
"""At this rate `fleet`, which calls at ticks of 5 ms, spreads its calls as evenly as the other tools."""
_HEAD: Final = (
    "store", "bots", "tool", "turns/s", "tokens", "p50 ms", "p99 ms", "server ms", "failed", "missed",
    "acknowledged", "stored", "us/call", "as fleet",
)  # fmt: skip
_KEYS: Final = "local/{}-"
"""The beginning of the keys of the bots of one load in the table of games."""


class Case(NamedTuple):
    store: str
    bots: int


class Outcome(NamedTuple):
    """One row of the table.

    Attributes:
        stored: The turns of the load's bots in the store.
        differs: Names of the figures that are not within `SHARE` of those of `fleet`.
    """

    case: Case
    tool: str
    run: Run
    stored: int
    differs: tuple[str, ...] = ()

    @property
    def acknowledged(self) -> int:
        return self.run.report.turns + self.run.report.warm_up_turns

    @property
    def agrees(self) -> bool:
        """The three figures agree. The time inside the server is not one of them: it is of this machine."""
        return not {"turns/s", "tokens", "p50"}.intersection(self.differs)


def main() -> int:
    """Run all loads and print the table.

    Returns:
        0 if all loads were sound and agree; 1 if not; 2 if a tool is missing; 130 after Ctrl-C.
    """
    arguments = _arguments()
    cases = [Case("sqlite", bots) for bots in arguments.bots if "sqlite" in arguments.stores]
    if "postgresql" in arguments.stores:
        cases.append(Case("postgresql", arguments.bots[0]))
    outcomes: list[Outcome] = []
    try:
        for tool in arguments.tools:
            if tool != "fleet":
                program(tool)
        _say_load()
        memory = _MEMORY if _MEMORY.is_dir() and not arguments.disk else None
        with _apart(arguments.distance), tempfile.TemporaryDirectory(prefix="load-", dir=memory) as folder:
            for number, case in enumerate(cases):
                left = sum(_seconds(arguments, each) for each in cases[number:])
                _log(f"{case.bots} bots on {case.store}; about {left / 60:.1f} minutes left in all")
                outcomes += _case(case, arguments, Path(folder))
    except Missing as error:
        _log(str(error))
        return 2
    except KeyboardInterrupt:
        _log("interrupted; the table has the loads that were made")
        print(table(outcomes))
        return 130
    print(table(outcomes))
    return conclude(outcomes)


def compared(fleet: Outcome, other: Outcome) -> Outcome:
    """Return `other` with the figures that are not within `SHARE` of those of `fleet`."""
    pairs = {
        "turns/s": (fleet.run.report.turns_per_second, other.run.report.turns_per_second),
        "tokens": (fleet.run.report.tokens_per_turn, other.run.report.tokens_per_turn),
        "p50": (fleet.run.report.latency_ms.p50, other.run.report.latency_ms.p50),
        "server": (server_ms(fleet), server_ms(other)),
    }
    differs = (name for name, (one, two) in pairs.items() if abs(two - one) > SHARE * one)
    return other._replace(differs=tuple(differs))


def server_ms(outcome: Outcome) -> float:
    """Return the mean time of an answer to a turn inside the server, in milliseconds."""
    times = outcome.run.report.servers.answer_ms
    return times.get("mean", 0.0)


def table(outcomes: Sequence[Outcome]) -> str:
    cells = [_HEAD, *map(_cells, outcomes)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def conclude(outcomes: Sequence[Outcome]) -> int:
    """Print what is wrong, and return the exit code."""
    wrong = []
    for one in outcomes:
        place = f"{one.tool}, {one.case.bots} bots on {one.case.store}"
        failed = sum(one.run.report.errors.values())
        if not one.acknowledged <= one.stored <= one.acknowledged + failed:
            wrong.append(f"{place}: {one.acknowledged} turns acknowledged, {one.stored} stored")
        if one.run.exit_code or not one.run.report.passed:
            wrong.append(f"{place}: exit code {one.run.exit_code}, {one.run.report.failure or 'passed'}")
        if not one.agrees:
            wrong.append(f"{place}: not within {SHARE:.0%} of fleet: {', '.join(one.differs)}")
    for text in wrong:
        print(text)
    return 1 if wrong else 0


def _cells(one: Outcome) -> tuple[str, ...]:
    report = one.run.report
    agrees = "-" if one.tool == "fleet" else "yes" if one.agrees else "no"
    if one.differs:
        agrees += f" (not {', '.join(one.differs)})"
    return (
        one.case.store, str(one.case.bots), one.tool, f"{report.turns_per_second:.1f}",
        f"{report.tokens_per_turn:.1f}", f"{report.latency_ms.p50:.2f}", f"{report.latency_ms.p99:.2f}",
        f"{server_ms(one):.3f}", str(sum(report.errors.values())), str(report.missed_starts),
        str(one.acknowledged), str(one.stored), f"{one.run.us_per_call:.0f}", agrees,
    )  # fmt: skip


def _case(case: Case, arguments: argparse.Namespace, folder: Path) -> Iterator[Outcome]:
    """Run the tools one after the other, each on a server and a store of its own; yield their rows."""
    first: Outcome | None = None
    for tool in arguments.tools:
        place = folder / f"{case.store}-{case.bots}-{tool}"
        place.mkdir()
        with _database(case.store) as database, ServerProcess(place, database) as server:
            plan = Plan(
                server.url,
                case.bots,
                arguments.rate,
                arguments.warm_up,
                arguments.seconds,
                f"{tool}-load",
            )
            _log(f"  {tool}: {plan.whole:.0f} s")
            run = TOOLS[tool](plan, place)
            stored = stored_turns(plan.prefix, server.database, database)
        if tool != "fleet":  # which has verified its turns by itself
            run = run._replace(report=verified(run.report, stored))
        outcome = Outcome(case, tool, run, stored)
        if arguments.pages:
            arguments.pages.mkdir(exist_ok=True, parents=True)
            write_report(run.report, arguments.pages / f"{case.store}-{case.bots}-{tool}.html")
        first = first or outcome
        yield outcome if outcome is first else compared(first, outcome)


def stored_turns(prefix: str, file: Path, database: str) -> int:
    """Return the sum of the turns of the bots with a prefix, in the file or in the PostgreSQL `database`."""
    keys = f"{_KEYS.format(prefix)}%"
    if database:
        return asyncio.run(_turns_in_postgres(database, keys))
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        (turns,) = connection.execute(
            "select coalesce(sum(turn), 0) from games where bot_id like ?", (keys,)
        ).fetchone()
        return int(turns)


async def _turns_in_postgres(database: str, keys: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        return int(
            await connection.fetchval("select coalesce(sum(turn), 0) from games where bot_id like $1", keys)
        )
    finally:
        await connection.close()


def _apart(milliseconds: float) -> contextlib.AbstractContextManager[None]:
    obstacle = distance_obstacle()
    if milliseconds and obstacle:
        _log(f"on a bare loopback, where p50 will not agree: {obstacle}")
    return far_apart(milliseconds) if milliseconds and not obstacle else contextlib.nullcontext()


@contextlib.contextmanager
def _database(store: str) -> Iterator[str]:
    """Yield the address of a PostgreSQL; empty for SQLite, whose file lies beside the server."""
    if store == "sqlite":
        yield ""
        return
    with running_server() as postgres:
        yield postgres.empty_database("load")


def _seconds(arguments: argparse.Namespace, case: Case) -> float:
    whole: float = case.bots / arguments.rate + arguments.warm_up + arguments.seconds
    return (whole + _START_SECONDS) * len(arguments.tools)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--bots", type=int, nargs="+", default=[1000, 5000, 10_000], help="one load of each number")
    add("--rate", type=float, default=_RATE, help="calls a second of all bots together")
    add("--warm-up", type=float, default=5.0, help="seconds after the round of starts")
    add("--seconds", type=float, default=20.0, help="measured seconds")
    add(
        "--tools",
        nargs="+",
        choices=list(TOOLS),
        default=list(TOOLS),
        help="which, the first to compare with",
    )
    add("--stores", nargs="+", choices=STORES, default=list(STORES), help="PostgreSQL has the first number")
    add("--distance", type=float, default=10.0, help="milliseconds of each packet, one way; needs root")
    add("--disk", action="store_true", help="SQLite on a disk; by default in memory, where there is /dev/shm")
    add("--pages", type=Path, help="also write a page of each load into this folder")
    return parser.parse_args()


def _say_load() -> None:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    _log(f"load average before: {load:.2f} on {cores} cores")
    if load > cores / 4:
        _log("this machine is busy: latencies will not agree; measure again when it is idle")


def _log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
