"""`dungeonfighter lab ACTION`: measures of the rules. Each action is a module of `commands.lab_actions`."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.actions import add_actions, run_action

ACTIONS: Final = ("ladder", "exploits", "choices", "regret", "fights", "limits", "coverage", "report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all actions with their arguments."""
    add_actions(parser, "lab_actions", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action; return its exit code."""
    return run_action(arguments)
