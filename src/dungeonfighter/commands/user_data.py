"""The user's data folder: the commands for one person, `stdio` and `play`, keep their games there.

Clients start servers in any working directory, so with a database in the working directory the games would
seem to be lost.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dungeonfighter import settings
from dungeonfighter.errors import SettingsError

DATABASE_NAME: Final = "dungeonfighter.db in your user data folder"
SETTINGS: Final = (*settings.DATABASE_SETTINGS, "catalog", "commit_timeout_seconds")
"""The settings that both commands have, by attribute."""


def read_personal_settings(arguments: argparse.Namespace) -> settings.Settings:
    """Read the settings; the database is by default a file in the user's data folder.

    Raises:
        SettingsError: A setting is wrong, or the folder cannot be made.
    """
    from dungeonfighter.serving.composition import STORES

    flags = dict(vars(arguments))
    names = ("DB_CONNECTION_STRING", "DB_CONNECTION_STRING_FILE")
    is_given = flags["database"] is not None or flags["database_file"] is not None
    if not is_given and not any(os.environ.get(name) for name in names):
        flags["database"] = f"sqlite:///{quote(str(data_folder() / 'dungeonfighter.db'))}"
    return settings.read_settings(flags, os.environ, stores=STORES)


def data_folder() -> Path:
    """Return the data folder of this user, and make it if it is missing."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = base / "dungeonfighter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"cannot make {folder}: {(error.strerror or str(error)).lower()}"
        raise SettingsError([f"--db: {why}; name a file with --db sqlite:///FILE"]) from None
    return folder
