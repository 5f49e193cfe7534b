"""`dungeonfighter bots delete`: remove one bot with its runs and saves, while servers play."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import add_bot_arguments, key_of
from dungeonfighter.commands.inspecting import no_bot, settings_of, with_inspection
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.removing import open_removal
from dungeonfighter.storage.inspection import Inspection

HELP: Final = "remove one bot with all its runs and saves, for good"
DESCRIPTION: Final = """\
Remove the game of one bot, its directive, its ended runs (ranked ones too) and its saves.
Servers may play on: they answer unknown_bot from then on, and start_new_game begins a run
with a number that the bot never had. `bots export` keeps a copy."""
EXAMPLE: Final = "dungeonfighter bots delete team-a/ada --yes --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bot_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    settings.add_arguments(parser, settings.DATABASE_SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Delete the bot; return the exit code.

    Raises:
        CommandFailed: There is no such bot, or the answer was not yes.
    """
    key = key_of(arguments.bot, arguments.fleet)
    given = settings_of(arguments)
    if not arguments.yes:
        _ask(key, with_inspection(given, lambda inspection: _described(inspection, key)))
    try:
        is_deleted = asyncio.run(_delete(given, key))
    except KeyboardInterrupt:
        raise CommandInterrupted("stopped; the same command removes what is left") from None
    if not is_deleted:
        raise no_bot(key)
    print(f"deleted {key}")
    return 0


async def _described(inspection: Inspection, key: str) -> str:
    row = await inspection.row(key)
    if row is None:
        raise no_bot(key)
    ended, _ = await inspection.runs(key, 1)
    return f"e{row.episode} t{row.turn}, {ended} ended runs, {len(await inspection.saves(key))} saves"


def _ask(key: str, described: str) -> None:
    if not sys.stdin or not sys.stdin.isatty():
        raise CommandFailed("nobody is there to ask; --yes deletes without asking")
    print(f"{key}: {described}\ndelete all of it for good? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandFailed("nothing was deleted")


async def _delete(given: settings.Settings, key: str) -> bool:
    from dungeonfighter.hosting.system import SystemChance
    from dungeonfighter.storage.pruning.deletion import delete_bot

    removal = await open_removal(given)
    try:
        return await delete_bot(removal, SystemChance(), key)
    finally:
        await removal.close()
