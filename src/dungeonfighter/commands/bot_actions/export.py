"""`dungeonfighter bots export`: one bot as JSON Lines."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.bot_keys import add_bot_arguments
from dungeonfighter.commands.exporting import add_output_arguments, export_bot

HELP: Final = "write one bot to a file, one row a line (JSON Lines)"
DESCRIPTION: Final = """\
Write the game, the runs, the inputs and the saves of one bot as JSON Lines, in the form of
`db export`."""
EXAMPLE: Final = "dungeonfighter bots export team-a/ada -o ada.jsonl --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bot_arguments(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export; return the exit code.

    Raises:
        CommandFailed: There is no such bot.
    """
    return export_bot(arguments)
