"""`dungeonfighter db prune`: remove what is older than RETENTION_DAYS, while servers play."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dungeonfighter import settings
from dungeonfighter.commands.inspecting import settings_of
from dungeonfighter.commands.outcomes import CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.commands.removing import open_removal
from dungeonfighter.errors import SettingsError

if TYPE_CHECKING:
    from dungeonfighter.storage.pruning.prune import Pruned
    from dungeonfighter.storage.pruning.removal import Removal

HELP: Final = "remove old runs, saves and idle bots, while servers play"
DESCRIPTION: Final = """\
Remove ended runs with their inputs, saves, and the games of bots, if they have not changed
for RETENTION_DAYS. The run of a bot that plays, ranked runs, and runs from which one that
stays goes on are never removed. Servers may play on. One at a time; a repeat goes on."""
EXAMPLE: Final = "dungeonfighter db prune --days 90 --dry-run --db sqlite:///games.db"
_DAY_SECONDS: Final = 86_400
_MIB: Final = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", dest="retention_days", metavar="N", help="the same as --retention-days")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, and count what would go")
    parser.add_argument(
        "--compact",
        nargs="?",
        choices=("once", "always"),
        const="once",
        help="SQLite: then write the file anew without its free pages (stop the servers first: turns wait "
        "meanwhile); always: let later prunings shrink it while servers play, which costs each turn a little",
    )
    settings.add_arguments(parser, (*settings.DATABASE_SETTINGS, "retention_days", "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Prune; return the exit code.

    Raises:
        SettingsError: The number of days is missing.
        StoreError: The database cannot be used, or is being pruned.
    """
    given = settings_of(arguments)
    if not given.retention_days:
        raise SettingsError(["--days: say how long to keep what does not change (or set RETENTION_DAYS)"])
    if arguments.compact and (given.database.kind != "sqlite" or arguments.dry_run):
        raise SettingsError(["--compact: only for SQLite, and not with --dry-run"])
    output = ProgressOutput(sys.stderr)
    try:
        pruned, free_bytes = asyncio.run(_prune(given, arguments, output))
    except KeyboardInterrupt:
        raise CommandInterrupted("stopped; what was removed is gone, the same command goes on") from None
    gone = pruned.removed
    print(
        f"{'would remove' if arguments.dry_run else 'removed'} {gone.bots} bots, {gone.runs} ended runs with "
        f"{gone.inputs} parts of their inputs, and {gone.saves} saves; looked at {pruned.looked_at} bots"
    )
    if pruned.kept:
        print(f"{pruned.kept} idle bots stay: their runs are ranked, or cannot be read here")
    if pruned.busy:
        print(f"{pruned.busy} bots were busy; the next pruning looks at them again")
    if free_bytes >= _MIB:
        print(
            f"{free_bytes // _MIB} MiB inside the file are free, and are used first; "
            "--compact gives them back"
        )
    return 0


async def _prune(
    given: settings.Settings, arguments: argparse.Namespace, output: ProgressOutput
) -> tuple[Pruned, int]:
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.hosting.system import SystemChance
    from dungeonfighter.rules.releases import shipped_rules
    from dungeonfighter.serving.signals import let_second_interrupt_end
    from dungeonfighter.storage.pruning.prune import Pruner

    let_second_interrupt_end()
    book = ShippedRules(shipped_rules(Path(given.catalog) if given.catalog else None))
    cutoff = time.time() - given.retention_days * _DAY_SECONDS
    removal = await open_removal(given)
    try:
        await removal.claim()
        reporter = PacedProgress(output)
        pruner = Pruner(removal, book, SystemChance(), reporter, cutoff, is_trial=arguments.dry_run)
        pruned = await pruner.run()
        if arguments.compact:
            _compact(removal, output, shrinks=arguments.compact == "always")
        return pruned, await removal.free_bytes()
    finally:
        await removal.close()


def _compact(removal: Removal, output: ProgressOutput, *, shrinks: bool) -> None:
    from dungeonfighter.storage.pruning.sqlite_removal import SqliteRemoval

    if isinstance(removal, SqliteRemoval):
        output.say("writing the file anew; turns wait meanwhile")
        removal.compact(shrinks=shrinks)
