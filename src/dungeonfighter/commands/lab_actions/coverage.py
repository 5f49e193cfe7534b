"""`dungeonfighter lab coverage`: how often each thing of the content occurs in runs of all players."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from dungeonfighter import limits
from dungeonfighter.commands import lab_arguments
from dungeonfighter.commands.numbers import count

HELP: Final = "count how often each enemy, item, event, ... occurs, and name what never does"
DESCRIPTION: Final = """\
Play each seed ten times and count every row of the content in each of its uses: an enemy
at each rank, an option that is won or lost, a consumable that is found or used. The
players are random, attack, auto, search, the heuristic with one weapon, a curious one that
draws its answers to offers, and three of the exploits and single answers; the curious one
also plays a casual run, which goes on after deaths. The results are kept in a file, so an
interrupted measurement goes on. The exit code is 1 if anything never occurred."""
EXAMPLE: Final = "dungeonfighter lab coverage --seeds 0-999"
RESULTS: Final = Path(".lab") / "coverage.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    lab_arguments.add_playing(parser, "0-99")
    parser.add_argument("--max-inputs", type=count, default=limits.ranked_turns_max, metavar="N",
        help="cut a run off after N inputs (default: %(default)s)")  # fmt: skip
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE",
        help="where the counts are kept and looked up (default: %(default)s)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 1 if anything never occurred, 130 after Ctrl-C.

    Raises:
        SettingsError: A figure, a content file or the file of results is wrong.
    """
    from dungeonfighter.commands.lab_runs import of_origin
    from dungeonfighter.laboratory.coverage import CoverJob, ThingsJob, players_of
    from dungeonfighter.laboratory.coverage_table import CoverageFile, kinds_of, table
    from dungeonfighter.laboratory.figures import read_figures
    from dungeonfighter.laboratory.processes import perform_all

    figures = read_figures(arguments.figures, arguments.catalog)
    listed = next(perform_all([ThingsJob()], 1, figures))
    jobs = [CoverJob(seed, players_of(seed), arguments.max_inputs) for seed in arguments.seeds]
    file = CoverageFile(arguments.results, figures)
    known = [kept for job in jobs if (kept := file.find(job)) is not None]
    done = {each.seed for each in known}
    playing = lab_arguments.Interruptible(len(jobs), "seeds of ten runs")
    left = [job for job in jobs if job.seed not in done]
    found = list(known)
    try:
        for covered in playing.over(perform_all(left, arguments.processes, figures)):
            file.add(covered, arguments.max_inputs)
            found.append(covered)
    finally:
        file.close()
    kinds = kinds_of(listed, found)
    others = sorted({name for each in found for name in each.others})
    never = sum(len(kind.never) for kind in kinds)
    runs, inputs = sum(len(each.players) for each in found), sum(each.inputs for each in found)
    document = {
        "origin": file.origin, "seeds": len(found), "runs": runs, "inputs": inputs,
        "complete": playing.is_complete, "never": never, "others": others, "kinds": kinds,
    }  # fmt: skip
    played = f"{runs} runs, {inputs} inputs, {of_origin(file.origin)}"
    lines = [*table(kinds, others), f"{never} of {len(listed)} things never occurred; {played}"]
    lab_arguments.print_result(arguments, document, lines)
    return 130 if not playing.is_complete else int(bool(never or others))
