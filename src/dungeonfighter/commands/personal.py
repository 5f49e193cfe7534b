"""Commands for one person, `stdio` and `play`: a host in this process, games in the user's data folder."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dungeonfighter.errors import SettingsError
from dungeonfighter.serving.composition import STORES, make_admission, open_host
from dungeonfighter.serving.signals import Ending, end_at_once, let_second_interrupt_end
from dungeonfighter.settings import Settings, instance_name, read_settings

if TYPE_CHECKING:
    from dungeonfighter.hosting.host import BotHost


def run_stdio(arguments: argparse.Namespace) -> int:
    from dungeonfighter import limits

    settings = _personal_settings(arguments)
    if arguments.bot is not None and not limits.is_bot_id(arguments.bot):
        raise SettingsError(
            ["--bot: 1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit"]
        )
    with Ending() as ending:
        asyncio.run(_stdio(settings, arguments.toolset, arguments.bot, ending))
    return 0


async def _stdio(settings: Settings, toolset: Any, bot: str | None, ending: Ending) -> None:
    """Serve until the client closes standard input, or a signal comes."""
    from dungeonfighter.mcp.stdio import serve_stdio

    stopped = asyncio.Event()
    async with open_host(settings) as host:
        ending.first(stopped.set)
        serving = asyncio.create_task(serve_stdio(host, make_admission(), toolset, bot))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    if stopped.is_set():
        end_at_once(0)  # all is written; a thread may wait for standard input, and nothing can wake it
    await serving


def run_play(arguments: argparse.Namespace) -> int:
    from dungeonfighter.commands import terminal

    flags = vars(arguments)
    if flags["database"] is None and not os.environ.get("DB_CONNECTION_STRING"):
        flags["database"] = f"sqlite:///{quote(str(_data_folder() / 'dungeonfighter.db'))}"
    settings = read_settings(flags, os.environ, stores=STORES)

    def opened() -> contextlib.AbstractAsyncContextManager[BotHost]:
        let_second_interrupt_end()
        return open_host(settings)

    return terminal.run(arguments, opened)


def _personal_settings(arguments: argparse.Namespace) -> Settings:
    """Settings of a command for one person: games in the user's data folder by default, and a quiet log.

    Clients start servers in any working directory, so a file there would be another one each time.
    """
    import logging

    from dungeonfighter.telemetry.logs import set_up_logs

    flags = vars(arguments)
    if flags["database"] is None and not os.environ.get("DB_CONNECTION_STRING"):
        flags["database"] = f"sqlite:///{quote(str(_data_folder() / 'dungeonfighter.db'))}"
    settings = read_settings(flags, os.environ, stores=STORES)
    set_up_logs(settings.log_format, instance_name(settings))
    logging.getLogger().setLevel(logging.WARNING)
    return settings


def _data_folder() -> Path:
    """Where this user's own games are kept; made if it is missing.

    Raises:
        SettingsError: It cannot be made.
    """
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
