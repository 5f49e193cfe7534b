"""`dungeonfighter lab report`: writes docs/balance.md, all bars on two sets of seeds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from dungeonfighter.commands import lab_arguments
from dungeonfighter.commands.numbers import whole

HELP: Final = "measure all bars on two sets of seeds and write them into docs/balance.md"
DESCRIPTION: Final = """\
Play the ladder, the heuristic without each kind of decision, the exploits and the players
with one answer always, on two sets of seeds: those that tuning used and fresh ones. Then
write the table of all bars into a document, between its two marks. With 400 seeds each
this takes hours; it can be interrupted at any time, and the next call goes on."""
EXAMPLE: Final = "dungeonfighter lab report --seeds 0-399 --fresh 10000-10399"
FRESH: Final = "10000-10399"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--fresh", type=lab_arguments.seeds, default=lab_arguments.seeds(FRESH), metavar="A-B",
        help=f"seeds that no tuning used (default: {FRESH})")  # fmt: skip
    add("--fewer", type=whole, default=60, metavar="N",
        help="seeds of each set for exploits and single answers (default: %(default)s)")  # fmt: skip
    add("--searched", type=whole, default=100, metavar="N",
        help="seeds of each set for the search (default: %(default)s)")  # fmt: skip
    add("-o", "--output", type=Path, default=Path("docs") / "balance.md", metavar="FILE",
        help="the document (default: %(default)s)")  # fmt: skip
    lab_arguments.add_playing(parser, "0-399")
    lab_arguments.add_runs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the document; return 130 after Ctrl-C, which writes nothing.

    Raises:
        BadInput, SettingsError: A word, a figure, the file of results or the document is wrong.
    """
    from dungeonfighter.commands import lab_runs
    from dungeonfighter.laboratory import bars, report

    report.written(arguments.output, "")
    sets = [
        report.SeedSet("tuned", arguments.seeds, arguments.fewer, arguments.searched),
        report.SeedSet("fresh", arguments.fresh, arguments.fewer, arguments.searched),
    ]
    jobs = [job for each in sets for job in each.jobs(arguments.max_inputs)]
    origin, runs, is_complete = lab_runs.play(arguments, jobs)
    if not is_complete:
        return 130
    text = report.written(arguments.output, report.markdown(origin, sets, runs))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    found = [report.measured_of(runs, each.seeds) for each in sets]
    document = {"origin": origin, "sets": [bars.readings(one) for one in found]}
    lab_arguments.print_result(arguments, document, [f"written: {arguments.output}"])
    return 0
