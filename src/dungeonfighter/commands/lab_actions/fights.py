"""`dungeonfighter lab fights`: about sixty frozen fights, played to their end many times."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import lab_arguments
from dungeonfighter.commands.numbers import count

HELP: Final = "play about sixty frozen fights many times with several players"
DESCRIPTION: Final = """\
Find moments that fit descriptions (a boss at the start, heavy next, 30 % health, ...) by
playing seeds in order, then let each player play each of them to its end many times, with
the same dice for all players: win share, health and potions left. Minutes show here what
whole runs hide in noise."""
EXAMPLE: Final = "dungeonfighter lab fights --player heuristic attack --replays 200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from dungeonfighter.laboratory.fights import REPLAYS
    from dungeonfighter.laboratory.positions import SEEDS_MAX

    lab_arguments.add_players(parser, "heuristic attack")
    parser.add_argument("--without", default="", metavar="K,K",
        help="also play each player without these kinds of decisions, `all` for each")  # fmt: skip
    parser.add_argument("--finder", default="heuristic", metavar="P",
        help="the player whose runs the positions come from (default: heuristic)")  # fmt: skip
    parser.add_argument("--only", default="", metavar="TEXT", help="only positions whose name has this text")
    parser.add_argument("--replays", type=count, default=REPLAYS, metavar="N",
        help="games a position and player (default: %(default)s)")  # fmt: skip
    lab_arguments.add_playing(parser, f"0-{SEEDS_MAX - 1}")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 130 after Ctrl-C.

    Raises:
        BadInput, SettingsError: A word or a figure is wrong.
    """
    from dungeonfighter.commands.lab_runs import of_origin
    from dungeonfighter.laboratory.fights import FightJob, rows_of, table
    from dungeonfighter.laboratory.figures import read_figures
    from dungeonfighter.laboratory.players import Player, checked, variants
    from dungeonfighter.laboratory.positions import SearchJob, descriptions, first_of_each
    from dungeonfighter.laboratory.processes import perform_all
    from dungeonfighter.laboratory.results import origin_of

    players = [v for name in arguments.player for v in variants(Player(name), arguments.without)]
    figures = read_figures(arguments.figures, arguments.catalog)
    finder = checked(Player(arguments.finder))
    searching = [SearchJob(finder, seed) for seed in arguments.seeds]
    search = lab_arguments.Interruptible(len(searching), "runs searched for positions")
    found = first_of_each(search.over(perform_all(searching, arguments.processes, figures)))
    chosen = [each for name, each in found.items() if arguments.only in name]
    jobs = [FightJob(player, each, arguments.replays) for each in chosen for player in players]
    playing = lab_arguments.Interruptible(len(jobs), "positions played")
    fought = list(playing.over(perform_all(jobs, arguments.processes, figures))) if search.is_complete else []
    missing = [one.name for one in descriptions() if arguments.only in one.name and one.name not in found]
    rows = rows_of(fought, [player.name for player in players]) if fought else []
    origin = origin_of(figures)
    is_complete = search.is_complete and playing.is_complete
    document = {"origin": origin, "complete": is_complete, "not_found": missing, "rows": rows}
    lines = [*table(rows), of_origin(origin)]
    if missing:
        lines.append(f"not found in these seeds: {'; '.join(missing)}")
    lab_arguments.print_result(arguments, document, lines)
    return 0 if is_complete else 130
