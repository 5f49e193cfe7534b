"""`dungeonfighter lab limits`: which limit of turns tells players apart with the fewest tokens."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import lab_arguments

HELP: Final = "measure which limit of turns tells players apart with the fewest tokens"
DESCRIPTION: Final = """\
Play several players and take score and tokens of each run at each limit of turns. The
table has the seeds that tell neighbours apart, and the tokens of all these runs. Tokens
are estimated. Name the players from the weakest to the strongest."""
EXAMPLE: Final = "dungeonfighter lab limits --seeds 20000-20099 --turns 100,150,200,300"


def turns(text: str) -> tuple[int, ...]:
    """Parse limits of turns: whole numbers with commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 6 and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no list of turns, for example 100,200")
    return tuple(sorted({int(part) for part in parts}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    lab_arguments.add_players(parser, "random attack auto heuristic")
    parser.add_argument("--turns", type=turns, default=turns("80,100,120,150,180,200,220,250,300"),
        metavar="N,N", help="the limits (default: 80 to 300)")  # fmt: skip
    lab_arguments.add_playing(parser, "0-99")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 130 after Ctrl-C, with the runs played by then.

    Raises:
        BadInput, SettingsError: A player or a figure is wrong.
    """
    from dungeonfighter.laboratory.figures import read_figures
    from dungeonfighter.laboratory.players import Player, checked
    from dungeonfighter.laboratory.processes import perform_all
    from dungeonfighter.laboratory.turn_limits import LimitJob, limits_of, table
    from dungeonfighter.telemetry.tokens import count_tokens

    players = [checked(Player(name)) for name in dict.fromkeys(arguments.player)]
    jobs = [
        LimitJob(player, seed, arguments.turns, count_tokens)
        for seed in arguments.seeds
        for player in players
    ]
    progress = lab_arguments.Interruptible(len(jobs), "runs")
    performed = perform_all(jobs, arguments.processes, read_figures(arguments.figures))
    found = list(progress.over(performed))
    rows = limits_of(arguments.turns, [player.name for player in players], found)
    document = {"runs": len(found), "complete": progress.is_complete, "rows": rows}
    lab_arguments.print_result(arguments, document, [*table(rows)] if found else [])
    return 0 if progress.is_complete else 130
