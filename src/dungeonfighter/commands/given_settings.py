"""The settings of a command that works on a database."""

from __future__ import annotations

import argparse
import os

from dungeonfighter import settings
from dungeonfighter.errors import SettingsError


def read_database_settings(arguments: argparse.Namespace, memory: str) -> settings.Settings:
    """Read the settings.

    Args:
        arguments: The words of the command.
        memory: Says why `memory://` is refused, and names the way out.

    Raises:
        SettingsError: They are wrong, or name the memory of a server.
    """
    from dungeonfighter.serving.composition import STORES

    given = settings.read_settings(vars(arguments), os.environ, stores=STORES)
    if given.database.kind == "memory":
        raise SettingsError([f"--db: memory:// {memory}"])
    return given
