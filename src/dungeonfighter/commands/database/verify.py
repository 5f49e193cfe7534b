"""`dungeonfighter db verify`: read every row of the store and name what is damaged, while servers play."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.database.chosen_store import add_program, begin_long_work, read_store
from dungeonfighter.commands.outcomes import CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import StoreError
from dungeonfighter.storage.verification.findings import Source
from dungeonfighter.storage.verification.verification import Verified

HELP: Final = "read every row of the store, or of a backup, and name what is damaged"
DESCRIPTION: Final = """\
Read every bot, save, ended run and record of inputs, decode it, check its seal
and digest, and compare the parts of each bot with each other. Each damage is
one line: the bot, the part, the problem. Servers may play on. FILE, a backup,
is verified in place of the store: for SQLite with the structure of its pages,
for PostgreSQL without a server, by pg_restore and a scratch file."""
EXAMPLE: Final = "dungeonfighter db verify --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="a backup to verify in place of the store"
    )
    parser.add_argument(
        "--after", default="", metavar="KEY", help="go on after this bot, as an interrupted verification says"
    )
    add_program(parser, "pg_restore")
    settings.add_arguments(parser, (*settings.DATABASE_SETTINGS, "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Verify the store or the file; return 1 if there are findings.

    Raises:
        SettingsError: The database or a program is wrong.
        StoreError: The store or the file cannot be read.
        CommandInterrupted: Ctrl-C; the text says how to go on.
    """
    from dungeonfighter.commands.database import verifying
    from dungeonfighter.storage.backup.kinds import kind_of

    given = read_store(arguments)
    begin_long_work()
    path: Path | None = arguments.file
    is_sound = True
    if path is None:
        seen = _verify(arguments, given, lambda: _open_store(given))
    elif kind_of(path) == "postgresql":
        seen = _verify_dump(arguments, given)
    else:
        is_sound = bool(arguments.after) or _has_sound_pages(path)
        seen = _verify(arguments, given, lambda: _open_sqlite(path, is_backup=True))
    print(f"{path.absolute() if path else given.database.shown}: {verifying.summary(seen)}")
    return 0 if is_sound and not seen.findings else 1


def _verify(
    arguments: argparse.Namespace, given: settings.Settings, open_source: Callable[[], Awaitable[Source]]
) -> Verified:
    from dungeonfighter.commands.database import verifying

    go_on = "; go on with the same command and --after {after}"
    return verifying.verify(open_source, given.catalog or "", after=arguments.after, go_on=go_on)


def _verify_dump(arguments: argparse.Namespace, given: settings.Settings) -> Verified:
    """Verify the rows of a dump of PostgreSQL in a scratch file, which is removed at the end."""
    from dungeonfighter.storage.backup import dump_rows, postgres_programs

    restorer = postgres_programs.find("pg_restore", arguments.pg_restore, "--pg-restore")
    with tempfile.TemporaryDirectory(prefix="dungeonfighter-verify-") as folder:
        scratch = Path(folder) / "dump.db"
        try:
            dump_rows.load(arguments.file, restorer, scratch, PacedProgress(ProgressOutput(sys.stderr)))
        except KeyboardInterrupt:
            raise CommandInterrupted("interrupted while the dump was read: begin once more") from None
        return _verify(arguments, given, lambda: _open_sqlite(scratch))


async def _open_store(given: settings.Settings) -> Source:
    if given.database.kind == "sqlite":
        return await _open_sqlite(Path(given.database.path))
    from dungeonfighter.storage.verification.postgres_source import PostgresSource

    return await PostgresSource.open(given.database.url, is_pooler=given.db_prepared_statements != "on")


async def _open_sqlite(path: Path, *, is_backup: bool = False) -> Source:
    from dungeonfighter.storage.backup.sqlite_files import open_source
    from dungeonfighter.storage.verification.sqlite_source import SqliteSource

    return SqliteSource(open_source(path, is_backup=is_backup))


def _has_sound_pages(path: Path) -> bool:
    """Check the pages of a SQLite backup; print what is wrong and return False if something is.

    Raises:
        StoreError: The file cannot be read.
    """
    from dungeonfighter.storage.backup import sqlite_files

    source = sqlite_files.open_source(path, is_backup=True)
    try:
        sqlite_files.check_pages(source, PacedProgress(ProgressOutput(sys.stderr)))
    except StoreError as error:
        print(f"{path}: {error}")
        return False
    finally:
        source.close()
    return True
