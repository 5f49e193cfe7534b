"""`dungeonfighter bots list`: the bots with the most tokens or turns, or the last change; it only reads."""

from __future__ import annotations

import argparse
import time
from typing import Final, get_args

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import checked_fleet
from dungeonfighter.commands.inspecting import settings_of, with_inspection
from dungeonfighter.commands.numbers import count
from dungeonfighter.errors import SettingsError
from dungeonfighter.storage.inspection import Order

HELP: Final = "list bots, those with the most tokens or turns or the last change first"
DESCRIPTION: Final = """\
List the bots that have a run. Tokens are those of answers on this day (UTC), which
servers with TOKENS_PER_BOT_PER_DAY count; turns are those of the present run. The list
looks at every bot of the database once, which takes seconds for a million."""
EXAMPLE: Final = "dungeonfighter bots list --by tokens --top 10 --fleet team-a"
TOP: Final = 20
TOP_MAX: Final = 100_000
_DAY_SECONDS: Final = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by",
        choices=get_args(Order),
        default="updated",
        help="the order (default: updated, the last change)",
    )
    parser.add_argument(
        "--top", type=count, default=TOP, metavar="N", help=f"how many bots at most (default: {TOP})"
    )
    parser.add_argument("--fleet", metavar="F", help="only the bots of this fleet (default: of all fleets)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    settings.add_arguments(parser, settings.DATABASE_SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return the exit code."""
    from dungeonfighter.commands import bot_reports

    if arguments.top > TOP_MAX:
        raise SettingsError([f"--top: at most {TOP_MAX}; got {arguments.top}"])
    fleet = checked_fleet(arguments.fleet)
    now = time.time()
    found = with_inspection(
        settings_of(arguments),
        lambda inspection: inspection.top(
            arguments.by, f"{fleet}/" if fleet else "", arguments.top, int(now // _DAY_SECONDS)
        ),
    )
    if arguments.json:
        print(bot_reports.list_json(arguments.by, found, now))
    elif found:
        print(bot_reports.list_text(arguments.by, found, now))
    else:
        print(f"there are no bots{f' in the fleet {fleet}' if fleet else ''}")
    return 0
