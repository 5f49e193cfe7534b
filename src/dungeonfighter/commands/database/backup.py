"""`dungeonfighter db backup FILE`: one file with a snapshot of the store, while servers play."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands.database.chosen_store import add_program, begin_long_work, read_store
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import SettingsError, StoreError

HELP: Final = "write a snapshot of the store into one file, while servers play"
DESCRIPTION: Final = """\
Write a snapshot of the store into FILE, while servers play: every turn that was
answered before is in it. SQLite is copied page by page and the copy checked;
PostgreSQL is dumped by pg_dump and the archive read through. FILE appears when
it is complete and on the disk, readable by its owner only. The time is noted
in the store, for mcp_backup_last_success_timestamp_seconds."""
EXAMPLE: Final = "dungeonfighter db backup backups/monday.db --db sqlite:///games.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_program(parser, "pg_dump")
    add_program(parser, "pg_restore")
    settings.add_arguments(parser, settings.DATABASE_SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Take the backup and note its time; return the exit code.

    Raises:
        SettingsError: The database or a program is wrong.
        StoreError: The store cannot be read, or the file not written.
        CommandFailed: The backup is complete, and its time could not be noted.
        CommandInterrupted: Ctrl-C; no file was left.
    """
    given = read_store(arguments)
    output = ProgressOutput(sys.stderr)
    begin_long_work()
    began, at = time.monotonic(), time.time()
    take = _take_sqlite if given.database.kind == "sqlite" else _take_postgres
    try:
        said = take(arguments, given, PacedProgress(output))
    except KeyboardInterrupt:
        raise CommandInterrupted("interrupted; no backup was left: give the same command once more") from None
    size = arguments.file.stat().st_size / 1e6
    print(f"{arguments.file.absolute()}: {said}, {size:.1f} MB, in {time.monotonic() - began:.1f} s")
    _note(given, at)
    return 0


def _take_sqlite(arguments: argparse.Namespace, given: settings.Settings, show: PacedProgress) -> str:
    from dungeonfighter.storage.backup import sqlite_files
    from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile

    path, target = Path(given.database.path), arguments.file
    if target.exists() and path.exists() and target.samefile(path):
        raise SettingsError([f"{target} is the database itself: name another file"])
    source = sqlite_files.open_source(path)
    try:
        with UnfinishedFile(target, overwrite=arguments.force) as file:
            copied = sqlite_files.copy(source, file, show)
            file.finish()
    finally:
        source.close()
    return f"{copied.bots} bots of {given.database.shown}"


def _take_postgres(arguments: argparse.Namespace, given: settings.Settings, show: PacedProgress) -> str:
    from dungeonfighter.storage.backup import postgres_files, postgres_programs
    from dungeonfighter.storage.backup.unfinished_file import UnfinishedFile

    dumper = postgres_programs.find("pg_dump", arguments.pg_dump, "--pg-dump")
    beside = Path(dumper.path).with_name("pg_restore") if not arguments.pg_restore else Path()
    chosen = str(beside) if beside.is_file() else arguments.pg_restore
    restorer = postgres_programs.find("pg_restore", chosen, "--pg-restore")
    server = postgres_files.look(given.database.url)
    if not server.applied:
        raise StoreError(f"{given.database.shown} holds no games", hint="name the database of the servers")
    postgres_files.check_dumper(dumper, server)
    with UnfinishedFile(arguments.file, overwrite=arguments.force) as file:
        postgres_files.dump(given.database.url, dumper, restorer, file, show)
        file.finish()
    return f"about {server.bots} bots of {given.database.shown}"


def _note(given: settings.Settings, at: float) -> None:
    """Record the time of the backup, which began at `at`."""
    try:
        if given.database.kind == "sqlite":
            from dungeonfighter.storage.backup import sqlite_files

            is_noted = sqlite_files.note_backup(Path(given.database.path), at)
        else:
            from dungeonfighter.storage.backup import postgres_files

            is_noted = postgres_files.note_backup(given.database.url, at)
    except (StoreError, OSError) as error:
        raise CommandFailed(
            f"the backup is complete, but its time could not be noted in the store: {error}"
        ) from error
    if not is_noted:
        print(
            "note: the store has no place for the time of the backup (a standby, or a schema before "
            "`dungeonfighter db migrate`), so mcp_backup_last_success_timestamp_seconds does not move",
            file=sys.stderr,
        )
