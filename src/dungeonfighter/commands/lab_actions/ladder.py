"""`dungeonfighter lab ladder`: players on the same seeds, and the worth of each kind of decision to them."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import lab_arguments, lab_runs
from dungeonfighter.commands.categories import add_category

HELP: Final = "measure players on the same seeds, also without one kind of decision"
DESCRIPTION: Final = """\
Play the same seeds with several players and compare each with the first one, pair by
pair. --without plays one more player for each kind of decision that is taken away,
--always one for each answer that is always given. Runs are kept in a file, so an
interrupted measurement goes on, and a larger one plays only what is missing.
--mode short and --ascension 0-10 print the ladder of these categories."""
EXAMPLE: Final = "dungeonfighter lab ladder --seeds 0-99 --player heuristic --without guard,power+precise"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from dungeonfighter.bots.registry import policies

    lab_arguments.add_players(parser, " ".join(policies))
    parser.add_argument("--without", default="", metavar="K,K",
        help="also without these kinds of decisions; `all`: without each; `a+b`: without both")  # fmt: skip
    parser.add_argument("--always", default="", metavar="S=A",
        help="also with one answer always (stance, door, talent, weapon, item); S: each answer")  # fmt: skip
    add_category(parser, several=True)
    lab_arguments.add_playing(parser, "0-99")
    lab_arguments.add_runs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 130 after Ctrl-C.

    Raises:
        BadInput, SettingsError: A word, a figure or the file of results is wrong.
    """
    from dungeonfighter.laboratory.players import Player, variants
    from dungeonfighter.rules import Mode, category

    players = [
        variant
        for name in arguments.player
        for variant in variants(Player(name), arguments.without, arguments.always)
    ]
    categories = [category(Mode[arguments.mode], ascension) for ascension in arguments.ascension]
    return lab_runs.print_categories(arguments, players, categories)
