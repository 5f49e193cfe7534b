"""`dungeonfighter db ACTION`: chores of the database. Each action is a module of `commands.database`.

The module of an action is named like the action, with `_` for `-`. It has the texts `HELP`, `DESCRIPTION` and
`EXAMPLE`, and the two functions of a command (`cli.Command`).
"""

from __future__ import annotations

import argparse
import importlib
from typing import Final

ACTIONS: Final = ("migrate", "backup", "restore", "verify")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all actions with their arguments."""
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    for action in ACTIONS:
        module = importlib.import_module(f"dungeonfighter.commands.database.{action.replace('-', '_')}")
        words = chosen.add_parser(
            action, help=module.HELP, description=module.DESCRIPTION, epilog=f"Example: {module.EXAMPLE}"
        )
        module.add_arguments(words)
        words.set_defaults(act=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code."""
    code: int = arguments.act(arguments)
    return code
