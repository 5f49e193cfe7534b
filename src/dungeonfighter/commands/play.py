"""The command `play`: a person plays in the terminal."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands import terminal
from dungeonfighter.commands.personal import run_play as run
from dungeonfighter.settings import add_arguments as add_settings

__all__ = ["add_arguments", "run"]

_SETTINGS: Final = (
    "database", "db_pool_size", "db_prepared_statements", "catalog", "commit_timeout_seconds",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `play`."""
    terminal.add_arguments(parser)
    add_settings(parser, _SETTINGS, "dungeonfighter.db in your user data folder")
