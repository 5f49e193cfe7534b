"""The command `stdio`: serves one MCP client over standard input and output."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter.commands.personal import run_stdio as run
from dungeonfighter.settings import add_arguments as add_settings

__all__ = ["add_arguments", "run"]

_SETTINGS: Final = (
    "database", "db_pool_size", "db_prepared_statements", "catalog", "commit_timeout_seconds", "log_format",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `stdio`."""
    parser.add_argument("--bot", metavar="ID", help="the bot of this client: the tools then take no botId")
    parser.add_argument(
        "--toolset",
        choices=("core", "play", "fleet"),
        default="play",
        help="which tools are listed (default play)",
    )
    add_settings(parser, _SETTINGS, "dungeonfighter.db in your user data folder")
