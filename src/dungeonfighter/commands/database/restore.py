"""`dungeonfighter db restore FILE`: a backup becomes a store, which must be empty before."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.database.chosen_store import (
    add_program,
    begin_long_work,
    check_kinds,
    read_store,
)
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.storage.verification.findings import Source
from dungeonfighter.storage.verification.verification import Verified

HELP: Final = "restore a backup into an empty store, and verify it"
DESCRIPTION: Final = """\
Restore FILE, which `db backup` wrote, into an empty store: for SQLite a file
that does not exist, for PostgreSQL a database without tables. Every row is
verified before the store counts as restored."""
EXAMPLE: Final = "dungeonfighter db restore backups/monday.db --db sqlite:///restored.db"

_WAY_OUT: Final = "name a file that does not exist with --db sqlite:///FILE"
_DAMAGED: Final = "the backup holds damaged rows (above)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the backup")
    parser.add_argument(
        "--keep-damaged", action="store_true",
        help="keep the restored store even if rows of it are damaged; it names them and exits with 1",
    )  # fmt: skip
    add_program(parser, "pg_restore")
    settings.add_arguments(parser, (*settings.DATABASE_SETTINGS, "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Restore the backup and verify it; return 1 if it was kept with damaged rows.

    Raises:
        SettingsError: The database or a program is wrong.
        StoreError: The store is not empty, or the backup cannot be read.
        CommandFailed: The backup holds damaged rows.
        CommandInterrupted: Ctrl-C.
    """
    from dungeonfighter.commands.database import verifying
    from dungeonfighter.storage.backup.kinds import kind_of

    given = read_store(arguments)
    check_kinds(str(arguments.file), kind_of(arguments.file), given)
    begin_long_work()
    show = PacedProgress(ProgressOutput(sys.stderr))
    restore = _restore_sqlite if given.database.kind == "sqlite" else _restore_postgres
    seen = restore(arguments, given, show)
    print(f"{given.database.shown}: restored; {verifying.summary(seen)}")
    return 1 if seen.findings else 0


def _restore_sqlite(arguments: argparse.Namespace, given: settings.Settings, show: PacedProgress) -> Verified:
    from dungeonfighter.commands.database import verifying
    from dungeonfighter.storage.backup import sqlite_files
    from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile
    from dungeonfighter.storage.verification.sqlite_source import SqliteSource

    try:
        with UnfinishedFile(Path(given.database.path), way_out=_WAY_OUT) as file:
            backup = sqlite_files.open_source(arguments.file, is_backup=True)
            try:
                sqlite_files.copy(backup, file, show)
            finally:
                backup.close()

            async def open_source() -> Source:
                return SqliteSource(sqlite_files.open_source(file.path, is_backup=True))

            seen = verifying.verify(open_source, given.catalog or "")
            if seen.findings and not arguments.keep_damaged:
                raise CommandFailed(
                    f"{_DAMAGED}; no database was left: restore another backup, or add --keep-damaged"
                )
            file.finish()
    except (KeyboardInterrupt, CommandInterrupted):
        what = "interrupted; no database was left: give the same command once more"
        raise CommandInterrupted(what) from None
    return seen


def _restore_postgres(
    arguments: argparse.Namespace, given: settings.Settings, show: PacedProgress
) -> Verified:
    from dungeonfighter.commands.database import verifying
    from dungeonfighter.storage.backup import postgres_files, postgres_programs
    from dungeonfighter.storage.verification.postgres_source import PostgresSource

    url, shown = given.database.url, given.database.shown
    restorer = postgres_programs.find("pg_restore", arguments.pg_restore, "--pg-restore")
    server = postgres_files.check_empty(url, shown)
    try:
        postgres_files.restore(arguments.file, url, restorer, server, show)
    except KeyboardInterrupt:
        what = f"interrupted; {shown} is as empty as before: give the same command once more"
        raise CommandInterrupted(what) from None

    async def open_source() -> Source:
        return await PostgresSource.open(url, is_pooler=given.db_prepared_statements != "on")

    go_on = f"; {shown} is restored but not verified: go on with `dungeonfighter db verify --after {{after}}`"
    seen = verifying.verify(open_source, given.catalog or "", go_on=go_on)
    if seen.findings and not arguments.keep_damaged:
        raise CommandFailed(
            f"{_DAMAGED}, and {shown} has them now: drop it and restore another backup, or use it as it is"
        )
    return seen
