"""`dungeonfighter bots ACTION`: bots of a database. Each action is a module of `commands.bot_actions`."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.actions import add_actions, run_action

ACTIONS: Final = ("list", "show", "export", "delete")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all actions with their arguments."""
    add_actions(parser, "bot_actions", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code.

    Raises:
        SettingsError, BadInput: A word is wrong.
        StoreError: The database cannot be read or changed.
    """
    return run_action(arguments)
