"""`dungeonfighter bots show`: all about one bot; it only reads."""

from __future__ import annotations

import argparse
import time
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import add_bot_arguments, key_of
from dungeonfighter.commands.inspecting import no_bot, settings_of, with_inspection
from dungeonfighter.storage.inspection import Inspection

HELP: Final = "show all about one bot"
DESCRIPTION: Final = """\
Show one bot: its run and its place in the game, the tokens of this day, its limits,
the access tokens that may play it, its saves and its ended runs."""
EXAMPLE: Final = "dungeonfighter bots show team-a/ada --db sqlite:///games.db"
RUNS_SHOWN: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bot_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    settings.add_arguments(
        parser, (*settings.DATABASE_SETTINGS, "tokens_per_bot_per_day", "rate_per_bot", "catalog")
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the report about the bot; return the exit code."""
    from dungeonfighter.commands import bot_reports

    key = key_of(arguments.bot, arguments.fleet)
    given = settings_of(arguments)

    async def look(inspection: Inspection) -> bot_reports.BotReport:
        row = await inspection.row(key)
        if row is None or not (row.state or row.version):
            raise no_bot(key)
        ended, runs = await inspection.runs(key, RUNS_SHOWN)
        saves = await inspection.saves(key)
        return bot_reports.report(
            row, saves, ended, runs, await inspection.tokens(), given=given, now=time.time()
        )

    found = with_inspection(given, look)
    print(bot_reports.show_json(found) if arguments.json else bot_reports.show_text(found))
    return 0
