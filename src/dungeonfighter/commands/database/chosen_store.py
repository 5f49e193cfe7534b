"""The arguments that name a store and the programs of PostgreSQL, for the actions about backups."""

from __future__ import annotations

import argparse
import os
import signal
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.given_settings import read_database_settings
from dungeonfighter.errors import SettingsError

LOW_PRIORITY: Final = 10
_MISMATCH: Final = {
    "sqlite": "is a backup of SQLite; name a SQLite database with --db sqlite:///FILE",
    "postgresql": "is a backup of PostgreSQL; name an empty database with --db postgresql://...",
}


def read_store(arguments: argparse.Namespace) -> settings.Settings:
    """Return the settings of a store that keeps games.

    Raises:
        SettingsError: They are wrong, or name the memory.
    """
    return read_database_settings(
        arguments, "keeps no games; name the database of the server: sqlite:///FILE or postgresql://..."
    )


def add_program(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare the option that names a program of PostgreSQL."""
    parser.add_argument(
        f"--{name.replace('_', '-')}", dest=name, default="", metavar="PATH",
        help=f"the {name} of PostgreSQL to use (default: the one on PATH)",
    )  # fmt: skip


def check_kinds(path: str, kind: str, given: settings.Settings) -> None:
    """Check that a backup fits the store.

    Raises:
        SettingsError: It is of another kind of store.
    """
    if kind != given.database.kind:
        raise SettingsError([f"{path} {_MISMATCH[kind]}"])


def begin_long_work() -> None:
    """Let the servers of this machine go first, and let SIGTERM end the command in order, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(os, "nice"):
        os.nice(LOW_PRIORITY)
