"""`dungeonfighter stdio`: a server for one MCP client, over standard input and output."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

import msgspec

from dungeonfighter import settings
from dungeonfighter.commands import user_data
from dungeonfighter.commands.bot_keys import check_bot_id

if TYPE_CHECKING:
    from dungeonfighter.serving.signals import StopSignals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--bot`, `--toolset` and the settings of a server for one person."""
    parser.add_argument(
        "--bot", metavar="ID", help="the one bot of this client; the tools then take no botId"
    )
    parser.add_argument(
        "--toolset",
        choices=("core", "play", "fleet"),
        default="play",
        help="which tools are listed (default: %(default)s)",
    )
    settings.add_arguments(parser, (*user_data.SETTINGS, "log_format"), user_data.DATABASE_NAME)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the client closes standard input, or until a signal; return the exit code."""
    from dungeonfighter.mcp.lines import take_standard_streams
    from dungeonfighter.serving.signals import StopSignals
    from dungeonfighter.telemetry.logs import set_up_logs

    if arguments.bot is not None:
        check_bot_id(arguments.bot)
    given = user_data.read_personal_settings(arguments)
    quiet = msgspec.structs.replace(given, log_level="warning")  # clients show standard error to their users
    set_up_logs(quiet, settings.instance_name(given))
    streams = take_standard_streams()
    if streams is not None:
        with StopSignals() as signals:
            asyncio.run(_serve(given, arguments, signals, streams))
    return 0


async def _serve(
    given: settings.Settings,
    arguments: argparse.Namespace,
    signals: StopSignals,
    streams: tuple[int, int],
) -> None:
    from dungeonfighter.mcp.stdio import serve_stdio
    from dungeonfighter.serving.composition import make_admission, open_host
    from dungeonfighter.serving.signals import end_at_once

    stopped = asyncio.Event()
    async with open_host(given) as host:
        signals.call_at_first(stopped.set)
        serving = asyncio.create_task(
            serve_stdio(host, make_admission(), arguments.toolset, arguments.bot, streams)
        )
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    if stopped.is_set():
        # Everything is committed; a thread may still read standard input, and nothing can cancel that thread.
        end_at_once(0)
    await serving
