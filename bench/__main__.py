"""`make bench`: every figure this project promises, measured here and now; one table and one JSON file.

`python -m bench` takes about ten minutes, `--quick` about two (one short repeat); `--only WORD` measures the
rows with that word in their first column. The table goes to standard output, progress to standard error, all
repeats to `bench-results/bench.json`. The exit code is 1 if a measured value misses what must be reached.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import (
    cold,
    contest,
    eighty_rows,
    forks,
    hot,
    ingress,
    refusals,
    rules_alone,
    traces,
    two_fleets,
    unit_costs,
    varying_meta,
)
from bench.machine import Machine, machine
from bench.options import Options, Progress
from bench.rows import ROWS
from bench.table import Figure, Result, Row, as_text, judge, missed, unmeasured

_RESULTS: Final = Path("bench-results")
_BUSY: Final = 0.7
_PARTS: Final = (
    contest,
    varying_meta,
    traces,
    rules_alone,
    cold,
    hot,
    forks,
    ingress,
    two_fleets,
    refusals,
    eighty_rows,
)
"""The parts of the bench. Each has `measure(options, progress)`, which returns the requested figures that the
part knows, and `seconds(options)`, which estimates how long that takes.
"""


def main() -> int:
    # Ctrl-C, the end of a terminal and `kill` all raise KeyboardInterrupt, which ends each server. A shell
    # starts its background processes with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    arguments = _arguments()
    if arguments.unit_costs is not None:
        return _unit_costs(arguments)
    some = [row for row in ROWS if arguments.only.casefold() in row.what.casefold()]
    if not some:
        sys.stderr.write(f"no row has '{arguments.only}' in it\n")
        return 2
    options = Options(
        repeats=arguments.repeats or (1 if arguments.quick else 5),
        seconds=1.5 if arguments.quick else 4.0,
        bots=20_000 if arguments.quick else 100_000,
        figures=frozenset(name for row in some for name in row.figures),
    )
    _RESULTS.mkdir(exist_ok=True)
    this_machine = machine()
    if this_machine.load_average > _BUSY:
        sys.stderr.write(
            f"this machine is busy (load {this_machine.load_average:.1f}): trust ratios, not rates\n"
        )
    try:
        figures = _measure(options)
    except KeyboardInterrupt:
        sys.stderr.write("ended early: there is no table\n")
        return 130
    lines = judge(some, figures)
    sys.stdout.write(f"{this_machine.headline()}\n\n{as_text(some, lines)}\n")
    _write(this_machine, options, some, figures, lines)
    return _verdict(lines)


def _unit_costs(arguments: argparse.Namespace) -> int:
    try:
        return unit_costs.measure_to(arguments.unit_costs, quick=arguments.quick)
    except KeyboardInterrupt:
        sys.stderr.write("ended early: nothing was written\n")
        return 130


def _measure(options: Options) -> dict[str, Figure]:
    progress = Progress(sum(part.seconds(options) for part in _PARTS))
    figures: dict[str, Figure] = {}
    for part in _PARTS:
        figures |= part.measure(options, progress)
    return figures


def _verdict(lines: Sequence[Result]) -> int:
    """Print the rows that miss their target or were not measured; return the exit code."""
    wrong, unknown = missed(lines), unmeasured(lines)
    if unknown:
        sys.stdout.write(f"\nnot measured: {'; '.join(unknown)}\n")
    if wrong:
        sys.stdout.write(f"\nmust be reached and is not: {'; '.join(wrong)}\n")
        return 1
    sys.stdout.write("\neverything that must be reached and was measured is reached\n")
    return 0


def _write(
    this_machine: Machine,
    options: Options,
    some: Sequence[Row],
    figures: dict[str, Figure],
    lines: Sequence[Result],
) -> None:
    document = {
        "machine": msgspec.to_builtins(this_machine),
        "asked": {"repeats": options.repeats, "seconds": options.seconds, "bots": options.bots},
        "rows": [
            msgspec.to_builtins(line) | {"figures": row.figures}
            for row, line in zip(some, lines, strict=True)
        ],
        "figures": {name: msgspec.to_builtins(figure) for name, figure in figures.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(document), indent=1)
    (_RESULTS / "bench.json").write_bytes(text + b"\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short repeat of everything")
    parser.add_argument(
        "--only", metavar="WORD", default="", help="only rows with this in their first column"
    )
    parser.add_argument("--repeats", type=int, default=0)
    parser.add_argument(
        "--unit-costs", metavar="FILE", type=Path,
        help="measure only what `dungeonfighter plan --unit-costs FILE` reads, about 2 minutes",
    )  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
