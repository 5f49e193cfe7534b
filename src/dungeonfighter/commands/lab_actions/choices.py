"""`dungeonfighter lab choices`: how often each option is offered and taken, and the score gained after it."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import lab_arguments

HELP: Final = "count for every option how often it is offered and taken, and the score after it"
DESCRIPTION: Final = """\
Play one player and count every option of every decision: doors by kind, talents, levels,
inputs of fights, offers, rest, search and so on. The score gained after an option is no
effect of it, because who rests is hurt; `lab regret` measures effects."""
EXAMPLE: Final = "dungeonfighter lab choices --seeds 0-99 --player heuristic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--player", default="heuristic", metavar="P", help="the player (default: heuristic)")
    lab_arguments.add_playing(parser, "0-99")
    lab_arguments.add_runs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 130 after Ctrl-C.

    Raises:
        BadInput, SettingsError: A word, a figure or the file of results is wrong.
    """
    from dungeonfighter.commands import lab_runs
    from dungeonfighter.laboratory.choices import choices_of, table
    from dungeonfighter.laboratory.measuring import jobs_of
    from dungeonfighter.laboratory.players import Player, checked

    player = checked(Player(arguments.player))
    jobs = jobs_of([player], arguments.seeds, inputs_max=arguments.max_inputs, counts_options=True)
    origin, runs, is_complete = lab_runs.play(arguments, jobs)
    rows = choices_of(runs)
    document = {"origin": origin, "runs": len(runs), "complete": is_complete, "options": rows}
    lines = [*table(rows), f"{player.name}, {len(runs)} runs, {lab_runs.of_origin(origin)}"]
    lab_arguments.print_result(arguments, document, lines)
    return 0 if is_complete else 130
