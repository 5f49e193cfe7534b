"""`dungeonfighter catalog ACTION`: content files of your own; `commands.catalog_actions` has the actions."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.actions import add_actions, run_action

ACTIONS: Final = ("copy", "check")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all actions with their arguments."""
    add_actions(parser, "catalog_actions", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code."""
    return run_action(arguments)
