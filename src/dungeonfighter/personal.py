"""Commands for one person, `stdio` and `play`: a host in this process, games in the user's data folder."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dungeonfighter.composition import STORES, open_host
from dungeonfighter.errors import SettingsError
from dungeonfighter.settings import Settings, instance_name, read_settings


def run_stdio(arguments: argparse.Namespace) -> int:
    from dungeonfighter import limits

    settings = _personal_settings(arguments)
    if arguments.bot is not None and not limits.bot_id_pattern.match(arguments.bot):
        raise SettingsError(
            ["--bot: 1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit"]
        )
    asyncio.run(_stdio(settings, arguments.toolset, arguments.bot))
    return 0


async def _stdio(settings: Settings, toolset: Any, bot: str | None) -> None:
    """Serve until the client closes standard input, or a signal comes."""
    import signal

    from dungeonfighter.mcp.stdio import serve_stdio

    stopped = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: a signal simply ends the process there
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_host(settings) as host:
        serving = asyncio.create_task(serve_stdio(host, toolset, bot))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    if stopped.is_set():
        os._exit(
            0
        )  # everything is written; a thread may still wait for standard input, and nothing can wake it
    await serving


def run_play(arguments: argparse.Namespace) -> int:
    from dungeonfighter import terminal

    flags = vars(arguments)
    if flags["database"] is None and not os.environ.get("DB_CONNECTION_STRING"):
        flags["database"] = f"sqlite:///{quote(str(_data_folder() / 'dungeonfighter.db'))}"
    settings = read_settings(flags, os.environ, stores=STORES)
    return terminal.run(arguments, lambda: open_host(settings))


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
