"""`dungeonfighter bots list | show`: what metrics cannot say about single bots, read from the database.

Both only read, and run beside the servers of the database.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, get_args

from dungeonfighter import settings
from dungeonfighter.commands.bot_ids import DEFAULT_FLEET, checked_fleet, key_of
from dungeonfighter.commands.inspections import open_inspection, settings_of
from dungeonfighter.commands.numbers import count
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.errors import SettingsError
from dungeonfighter.storage.inspection import Inspection, Order

_Result = TypeVar("_Result")
TOP: Final = 20
TOP_MAX: Final = 100_000
RUNS_SHOWN: Final = 10
_DAY_SECONDS: Final = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands `list` and `show`."""
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    listing = chosen.add_parser(
        "list",
        help="list bots, those with the most tokens or turns or the last change first",
        description="List the bots that have a run. Tokens are those of answers on this day (UTC), which\n"
        "servers with TOKENS_PER_BOT_PER_DAY count; turns are those of the present run. The list\n"
        "looks at every bot of the database once, which takes seconds for a million.",
        epilog="Example: dungeonfighter bots list --by tokens --top 10 --fleet team-a",
    )
    listing.add_argument(
        "--by",
        choices=get_args(Order),
        default="updated",
        help="the order (default: updated, the last change)",
    )
    listing.add_argument(
        "--top", type=count, default=TOP, metavar="N", help=f"how many bots at most (default: {TOP})"
    )
    listing.add_argument("--fleet", metavar="F", help="only the bots of this fleet (default: of all fleets)")
    listing.set_defaults(act=_list)
    show = chosen.add_parser(
        "show",
        help="show all about one bot",
        description="Show one bot: its run and its place in the game, the tokens of this day, its limits,\n"
        "the access tokens that may play it, its saves and its ended runs.",
        epilog="Example: dungeonfighter bots show team-a/ada --db sqlite:///games.db",
    )
    show.add_argument("bot", metavar="BOT", help=f"its id, or FLEET/ID (without a fleet: {DEFAULT_FLEET})")
    show.add_argument("--fleet", metavar="F", help=f"its fleet (default: {DEFAULT_FLEET})")
    show.set_defaults(act=_show)
    for each in (listing, show):
        each.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    settings.add_arguments(listing, settings.DATABASE_SETTINGS)
    settings.add_arguments(
        show, (*settings.DATABASE_SETTINGS, "tokens_per_bot_per_day", "rate_per_bot", "catalog")
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out the subcommand; return the exit code.

    Raises:
        SettingsError, BadInput: A word is wrong.
        StoreError: The database cannot be read.
    """
    act: Callable[[argparse.Namespace], int] = arguments.act
    return act(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from dungeonfighter.commands import bot_reports

    if arguments.top > TOP_MAX:
        raise SettingsError([f"--top: at most {TOP_MAX}; got {arguments.top}"])
    fleet = checked_fleet(arguments.fleet)
    now = time.time()
    found = _with_inspection(
        arguments,
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


def _show(arguments: argparse.Namespace) -> int:
    from dungeonfighter.commands import bot_reports

    key = key_of(arguments.bot, checked_fleet(arguments.fleet))
    given = settings_of(arguments)

    async def look(inspection: Inspection) -> bot_reports.BotReport:
        row = await inspection.row(key)
        if row is None or not (row.state or row.version):
            raise CommandFailed(f"there is no bot {key}; `bots list` shows all")
        ended, runs = await inspection.runs(key, RUNS_SHOWN)
        saves = await inspection.saves(key)
        return bot_reports.report(
            row, saves, ended, runs, await inspection.tokens(), given=given, now=time.time()
        )

    found = _with_inspection(arguments, look)
    print(bot_reports.show_json(found) if arguments.json else bot_reports.show_text(found))
    return 0


def _with_inspection(
    arguments: argparse.Namespace, work: Callable[[Inspection], Awaitable[_Result]]
) -> _Result:
    given = settings_of(arguments)

    async def open_and_work() -> _Result:
        inspection = await open_inspection(given)
        try:
            return await work(inspection)
        finally:
            await inspection.close()

    return asyncio.run(open_and_work())
