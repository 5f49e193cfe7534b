"""`dungeonfighter db copy`: copy a whole database into another one, of the same kind or the other."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dungeonfighter.commands.outcomes import CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.connection_strings import Database, Problem, parse_database
from dungeonfighter.errors import SettingsError

if TYPE_CHECKING:
    from dungeonfighter.storage.copying.copy import Report
    from dungeonfighter.storage.copying.tables import Reading, Writing

HELP: Final = "copy all bots and access tokens into an empty database, and compare"
DESCRIPTION: Final = """\
Copy everything from one database into an empty one, SQLite or PostgreSQL, then compare
both row by row. Stop the servers of both first. A copy that was stopped goes on where it
was; if a server wrote meanwhile, a repeat brings over what differs. No server opens the
target before both are the same. Passwords are better in PGPASSWORD or a PGPASSFILE than
in a URL."""
EXAMPLE: Final = (
    "dungeonfighter db copy --from sqlite:///games.db --to postgresql://game@db.example.org/games"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", metavar="URL", required=True, help="the database to read")
    parser.add_argument("--to", dest="target", metavar="URL", required=True, help="the database to fill")


def run(arguments: argparse.Namespace) -> int:
    """Copy and compare; return 0 if both databases are the same.

    Raises:
        SettingsError: A URL is wrong.
        StoreError: A database cannot be used, or the target has other rows.
    """
    source, target = _parsed("--from", arguments.source), _parsed("--to", arguments.target)
    if _place(source) == _place(target):
        raise SettingsError(["--to: it is the same database as --from"])
    output = ProgressOutput(sys.stderr)
    try:
        report = asyncio.run(_copy(source, target, output))
    except KeyboardInterrupt:
        raise CommandInterrupted("stopped; the same command goes on where it was") from None
    for line in report.named:
        output.say(line)
    left = report.broken + report.different - len(report.named)
    if left > 0:
        output.say(f"... and {left} more rows")
    rows = ", ".join(f"{count} {name}" for name, count in report.rows.items() if count) or "none"
    if report.different:
        print(
            f"{report.different} rows differ: a server wrote meanwhile, or the copy has rows of its own. "
            "Stop the servers and repeat the command: it brings over what differs"
        )
    elif report.broken:
        print(
            f"copied, except {report.broken} rows that cannot be read or kept; "
            f"all others are the same: {rows}"
        )
    else:
        print(f"copied, and every row is the same: {rows}")
    return 1 if report.different or report.broken else 0


def _parsed(flag: str, text: str) -> Database:
    try:
        database = parse_database(text)
    except Problem as error:
        raise SettingsError([f"{flag}: {error}"]) from error
    if database.kind == "memory":
        raise SettingsError([f"{flag}: memory:// keeps nothing; name sqlite:///FILE or postgresql://..."])
    return database


def _place(database: Database) -> str:
    if database.kind == "sqlite":
        return os.path.realpath(database.path)
    return database.shown


async def _copy(source: Database, target: Database, output: ProgressOutput) -> Report:
    from dungeonfighter.serving.signals import let_second_interrupt_end
    from dungeonfighter.storage.copying.copy import Copier

    let_second_interrupt_end()
    reading = await open_to_read(source)
    try:
        writing = await _open_to_write(target)
        try:
            return await Copier(reading, writing, PacedProgress(output)).run()
        finally:
            await writing.close()
    finally:
        await reading.close()


async def open_to_read(database: Database) -> Reading:
    """Open one side of a copy to read it."""
    if database.kind == "postgresql":
        from dungeonfighter.storage.copying.postgres_side import PostgresReading

        return await PostgresReading.open(database.url, database.shown)
    from dungeonfighter.storage.copying.sqlite_side import SqliteReading

    return SqliteReading(Path(database.path))


async def _open_to_write(database: Database) -> Writing:
    if database.kind == "postgresql":
        from dungeonfighter.storage.copying.postgres_side import PostgresWriting

        return await PostgresWriting.open(database.url, database.shown)
    from dungeonfighter.storage.copying.sqlite_side import SqliteWriting

    return SqliteWriting(Path(database.path))
