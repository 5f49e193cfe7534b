"""`dungeonfighter db verify`: read every row of the store and name what is damaged, while servers play."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.database.chosen_store import lower_priority, read_store
from dungeonfighter.storage.verification.findings import Source

HELP: Final = "read every row of the store, or of a backup, and name what is damaged"
DESCRIPTION: Final = """\
Read every bot, save, ended run and record of inputs, decode it, check its seal
and digest, and compare the parts of each bot with each other. Each damage is
one line: the bot, the part, the problem. Servers may play on. FILE, a backup
of SQLite, is verified in place of the store, with the structure of its pages."""
EXAMPLE: Final = "dungeonfighter db verify --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="a backup to verify in place of the store"
    )
    parser.add_argument(
        "--after", default="", metavar="KEY", help="go on after this bot, as an interrupted verification says"
    )
    settings.add_arguments(parser, (*settings.DATABASE_SETTINGS, "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Verify the store or the file; return 1 if there are findings.

    Raises:
        SettingsError: The database is wrong.
        StoreError: The store or the file cannot be read.
        CommandInterrupted: Ctrl-C; the text says how to go on.
    """
    from dungeonfighter.commands.database import verifying

    given = read_store(arguments)
    lower_priority()
    path: Path | None = arguments.file
    is_sound = path is None or bool(arguments.after) or _check_file(path)

    async def open_source() -> Source:
        if path is not None:
            return _sqlite(path, is_backup=True)
        if given.database.kind == "sqlite":
            return _sqlite(Path(given.database.path))
        from dungeonfighter.storage.verification.postgres_source import PostgresSource

        return await PostgresSource.open(given.database.url, is_pooler=given.db_prepared_statements != "on")

    go_on = "; go on with the same command and --after {after}"
    seen = verifying.verify(open_source, given.catalog or "", after=arguments.after, go_on=go_on)
    print(f"{path.absolute() if path else given.database.shown}: {verifying.summary(seen)}")
    return 0 if is_sound and not seen.findings else 1


def _sqlite(path: Path, *, is_backup: bool = False) -> Source:
    from dungeonfighter.storage.backup.sqlite_files import open_source
    from dungeonfighter.storage.verification.sqlite_source import SqliteSource

    return SqliteSource(open_source(path, is_backup=is_backup))


def _check_file(path: Path) -> bool:
    """Check the pages of a SQLite backup; print what is wrong and return False if something is.

    Raises:
        StoreError: The file cannot be read, or is a dump of PostgreSQL.
    """
    from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
    from dungeonfighter.errors import StoreError
    from dungeonfighter.storage.backup import sqlite_files
    from dungeonfighter.storage.backup.kinds import kind_of

    if kind_of(path) == "postgresql":
        raise StoreError(
            f"{path} is a dump of PostgreSQL, whose rows only a server can read",
            hint="`dungeonfighter db restore` into an empty database verifies every row",
        )
    source = sqlite_files.open_source(path, is_backup=True)
    try:
        sqlite_files.check_pages(source, PacedProgress(ProgressOutput(sys.stderr)))
    except StoreError as error:
        print(f"{path}: {error}")
        return False
    finally:
        source.close()
    return True
