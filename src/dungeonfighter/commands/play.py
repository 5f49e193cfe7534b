"""`dungeonfighter play`: a person plays in the terminal, over a host in this process."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import shutil
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dungeonfighter import setting_fields, settings
from dungeonfighter.commands import terminal, user_data
from dungeonfighter.commands.bot_keys import check_bot_id
from dungeonfighter.commands.terminal_input import ConsoleReader, is_terminal
from dungeonfighter.errors import SettingsError
from dungeonfighter.terminal.screen import COLORS, Screen, is_colored

if TYPE_CHECKING:
    from dungeonfighter.hosting.host import BotHost

BOT: Final = "hero"
HISTORY_NAME: Final = "play_history"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the game and the settings of a host for one person."""
    parser.add_argument("--bot", default=BOT, metavar="ID", help="whose game to play (default: %(default)s)")
    parser.add_argument(
        "--color", choices=COLORS, default="auto",
        help="colours; auto: in a terminal, unless NO_COLOR is set (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--no-color", dest="color", action="store_const", const="never", help="the same as --color never"
    )
    settings.add_arguments(parser, user_data.SETTINGS, user_data.DATABASE_NAME)


def run(arguments: argparse.Namespace) -> int:
    """Play until the person leaves; return the exit code."""
    from dungeonfighter.serving.composition import open_host

    check_bot_id(arguments.bot)
    given = user_data.read_personal_settings(arguments)

    def opened() -> AbstractAsyncContextManager[BotHost]:
        return open_host(given)

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name may have letters that the terminal lacks
    reader = ConsoleReader(_history() if is_terminal() else None)
    has_colors = is_colored(arguments.color, sys.stdout, os.environ)
    screen = Screen(sys.stdout, is_colored=has_colors, environ=os.environ)
    note = "; this Python has no readline, so the arrow keys do not work" if reader.lacks_editing else ""
    kept = keeping(arguments, given)
    terminal.run(arguments.bot, opened, kept, reader=reader, screen=screen, note=note)
    print(kept.farewell)  # with no line broken, because the person may copy the command
    return 0


def keeping(arguments: argparse.Namespace, given: settings.Settings) -> terminal.Keeping:
    """Return the place of the game, and the command with the same bot and the same settings."""
    if given.database.kind == "memory":
        return terminal.Keeping("", "")
    words = [*_program(), "play"]
    if arguments.bot != BOT:
        words += ["--bot", arguments.bot]
    for field in setting_fields.FIELDS:
        value = getattr(arguments, field.attribute, None)
        if value is not None and field.attribute in user_data.SETTINGS:
            words += [field.flags[0], value]
    if arguments.database is not None and _has_password(given.database.url):
        words[words.index(arguments.database)] = "..."  # no text shows a password
    return terminal.Keeping(given.database.shown.removesuffix(" (SQLite)"), shlex.join(words))


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password=" in parts.query


def _program() -> list[str]:
    """Return the words that start this program from the same folder."""
    called = Path(sys.argv[0])
    if called.stem != "dungeonfighter":
        return [sys.executable, "-m", "dungeonfighter"]
    found = shutil.which(called.name)
    is_on_path = found is not None and called.exists() and Path(found).samefile(called)
    return [called.name if is_on_path else str(called)]


def _history() -> Path | None:
    with contextlib.suppress(SettingsError):
        return user_data.data_folder() / HISTORY_NAME
    return None
