"""`dungeonfighter db ACTION`: chores of the database. Each action is a module of `commands.database`."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.actions import add_actions, run_action

ACTIONS: Final = (
    "migrate", "backup", "restore", "verify", "prune", "copy", "export", "import-saves",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all actions with their arguments."""
    add_actions(parser, "database", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code."""
    return run_action(arguments)
