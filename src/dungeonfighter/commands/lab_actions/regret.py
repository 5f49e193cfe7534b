"""`dungeonfighter lab regret`: how much better the best input of a decision is than the chosen one."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import lab_arguments
from dungeonfighter.commands.numbers import count, whole

HELP: Final = "measure by fair forks how much better the best input is than the chosen one"
DESCRIPTION: Final = """\
In each run one decision of each kind is forked: every option is played on many times with
fresh dice. The best option is chosen on one batch of games and verified on another one;
only the verified gain is evidence. The score of a game scatters by about ten points, so
few decisions show little: count on thousands of games for a tenth of a point."""
EXAMPLE: Final = "dungeonfighter lab regret --seeds 0-19 --simulations 16"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from dungeonfighter.laboratory.regret import GROUPS

    add = parser.add_argument
    add("--player", default="heuristic", metavar="P", help="the player (default: heuristic)")
    add("--kinds", nargs="+", choices=GROUPS, default=GROUPS, metavar="K",
        help=f"kinds of decisions (default: {' '.join(GROUPS)})")  # fmt: skip
    add("--simulations", type=count, default=16, metavar="N",
        help="games an option and batch (default: %(default)s)")  # fmt: skip
    add("--horizon", type=whole, default=0, metavar="N",
        help="end each game after N inputs (default: 0, play it to its end)")  # fmt: skip
    add("--least-gain", type=float, default=0.0, metavar="X",
        help="the gain from which another option counts as better (default: %(default)s)")  # fmt: skip
    lab_arguments.add_playing(parser, "0-19")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 130 after Ctrl-C.

    Raises:
        BadInput, SettingsError: A word or a figure is wrong.
    """
    from dungeonfighter.commands.lab_runs import of_origin
    from dungeonfighter.laboratory.figures import read_figures
    from dungeonfighter.laboratory.players import Player, checked
    from dungeonfighter.laboratory.processes import perform_all
    from dungeonfighter.laboratory.regret import ForkJob, regrets_of, table
    from dungeonfighter.laboratory.results import origin_of

    player = checked(Player(arguments.player))
    figures = read_figures(arguments.figures, arguments.catalog)
    jobs = [
        ForkJob(
            player,
            seed,
            arguments.simulations,
            arguments.horizon,
            tuple(arguments.kinds),
            arguments.least_gain,
        )
        for seed in arguments.seeds
    ]
    progress = lab_arguments.Interruptible(len(jobs), "runs with forks")
    forks = [
        fork for of_run in progress.over(perform_all(jobs, arguments.processes, figures)) for fork in of_run
    ]
    rows = regrets_of(forks)
    origin = origin_of(figures)
    document = {"origin": origin, "complete": progress.is_complete, "kinds": rows, "forks": forks}
    lines = [*table(rows), f"{player.name}, {of_origin(origin)}"]
    lab_arguments.print_result(arguments, document, lines)
    return 0 if progress.is_complete else 130
