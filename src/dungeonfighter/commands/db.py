"""`dungeonfighter db migrate`: bring the schema up to date, and show the progress."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Final, TextIO

import msgspec

from dungeonfighter import settings
from dungeonfighter.errors import SettingsError

_MIGRATION_SECONDS: Final = 3600.0


class ProgressOutput:
    """Writes progress: as one changing line on a terminal, as lines below each other elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._shown_chars = 0

    def progress(self, text: str) -> None:
        """Write how far a step is; on a terminal the next text replaces this one."""
        if not self._output.isatty():
            self.say(text)
            return
        self._output.write(f"\r{text.ljust(self._shown_chars)}")
        self._output.flush()
        self._shown_chars = len(text)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self._shown_chars:
            self._output.write(f"\r{' ' * self._shown_chars}\r")
            self._shown_chars = 0
        print(text, file=self._output, flush=True)


class _LogToProgress(logging.Handler):
    def __init__(self, output: ProgressOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.say(record.getMessage())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand `migrate` and the settings of the database."""
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    migrate = chosen.add_parser(
        "migrate",
        help="bring the schema up to date",
        description="Bring the schema up to date, as every server does at its start, and build the\n"
        "indexes of large tables (PostgreSQL), which no server does. Servers may play on\nmeanwhile.",
        epilog="Example: dungeonfighter db migrate --db sqlite:///games.db",
    )
    settings.add_arguments(migrate, settings.DATABASE_SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Migrate the schema with a timeout of an hour, then build the large indexes; return the exit code.

    Raises:
        SettingsError: The database is wrong, or has no schema.
        StoreError: It cannot be opened or changed.
    """
    from dungeonfighter.serving.composition import STORES

    given = settings.read_settings(vars(arguments), os.environ, stores=STORES)
    if given.database.kind == "memory":
        problem = (
            "--db: memory:// has no schema to migrate; "
            "name a database that keeps games: sqlite:///FILE or postgresql://..."
        )
        raise SettingsError([problem])
    output = ProgressOutput(sys.stderr)
    with _storage_log_to(output):
        asyncio.run(_migrate(given, output))
    print(f"the schema is up to date: {given.database.shown}")
    return 0


async def _migrate(given: settings.Settings, output: ProgressOutput) -> None:
    from dungeonfighter.serving.composition import make_store
    from dungeonfighter.serving.signals import let_second_interrupt_end

    let_second_interrupt_end()
    # Opening a store migrates it, and the commit timeout bounds the migration: a large table takes long.
    store = make_store(msgspec.structs.replace(given, commit_timeout_seconds=_MIGRATION_SECONDS))
    await store.open()
    await store.close()
    if given.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_indexes import build_indexes

        await build_indexes(given.database.url, output)


@contextlib.contextmanager
def _storage_log_to(output: ProgressOutput) -> Iterator[None]:
    """Redirect the log of the storage room to `output` while the block runs."""
    logger = logging.getLogger("dungeonfighter.storage")
    handler, level, propagates = _LogToProgress(output), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates
