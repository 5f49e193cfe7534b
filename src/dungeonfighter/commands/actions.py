"""The actions of a command: `dungeonfighter COMMAND ACTION`. Each action is a module of a package.

The module of an action is named like the action, with `_` for `-`. It has the texts `HELP`, `DESCRIPTION` and
`EXAMPLE`, and the two functions of a command (`cli.Command`).
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence


def add_actions(parser: argparse.ArgumentParser, package: str, actions: Sequence[str]) -> None:
    """Declare all actions with their arguments.

    Args:
        parser: The parser of the command.
        package: The package with the modules of the actions, without `dungeonfighter.commands.`.
        actions: The names of the actions, in the order of `--help`.
    """
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    for action in actions:
        module = importlib.import_module(f"dungeonfighter.commands.{package}.{action.replace('-', '_')}")
        words = chosen.add_parser(
            action, help=module.HELP, description=module.DESCRIPTION, epilog=f"Example: {module.EXAMPLE}"
        )
        module.add_arguments(words)
        words.set_defaults(act=module.run)


def run_action(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code."""
    code: int = arguments.act(arguments)
    return code
