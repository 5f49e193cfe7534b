"""`dungeonfighter db export`: all bots, or those of a fleet, as JSON Lines."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.bot_keys import checked_fleet
from dungeonfighter.commands.exporting import add_output_arguments, export, export_bot
from dungeonfighter.storage.copying.tables import Bounds
from dungeonfighter.storage.sql_files import after_prefix

HELP: Final = "write all bots to a file, one row a line (JSON Lines)"
DESCRIPTION: Final = """\
Write games, runs, inputs and saves of all bots, or of one fleet, as JSON Lines; access
tokens are not exported. Servers may play on. The file is complete when it has its name;
a stopped export leaves FILE.part."""
EXAMPLE: Final = "dungeonfighter db export -o bots.jsonl --fleet team-a --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fleet", metavar="F", help="only the bots of this fleet (default: of all fleets)")
    parser.add_argument("--bot", metavar="BOT", help="only this bot, as its id or FLEET/ID")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export; return the exit code."""
    if arguments.bot is not None:
        return export_bot(arguments)
    fleet = checked_fleet(arguments.fleet)
    if not fleet:
        export(arguments, "all", None)
    else:
        export(arguments, f"fleet {fleet}", Bounds(f"{fleet}/", after_prefix(f"{fleet}/")))
    return 0
