"""`dungeonfighter db migrate`: bring the schema up to date, and show the progress."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from dungeonfighter import settings
from dungeonfighter.commands.given_settings import read_database_settings
from dungeonfighter.commands.progress_output import ProgressOutput
from dungeonfighter.errors import SettingsError

HELP: Final = "bring the schema up to date"
DESCRIPTION: Final = """\
Bring the schema up to date, as every server does at its start, and build the
indexes of large tables (PostgreSQL), which no server does. Servers may play on
meanwhile."""
EXAMPLE: Final = "dungeonfighter db migrate --db sqlite:///games.db"

_MIGRATION_SECONDS: Final = 3600.0


class _LogToProgress(logging.Handler):
    def __init__(self, output: ProgressOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.say(record.getMessage())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    settings.add_arguments(parser, settings.DATABASE_SETTINGS)
    parser.add_argument(
        "--partitions", metavar="N", type=int,
        help="partition the tables of an empty PostgreSQL database by a hash of the bot id",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Migrate the schema with a timeout of an hour, then build the large indexes; return the exit code.

    Raises:
        SettingsError: The database is wrong, or has no schema.
        StoreError: It cannot be opened or changed, or cannot be partitioned.
    """
    given = read_database_settings(
        arguments,
        "has no schema to migrate; name a database that keeps games: sqlite:///FILE or postgresql://...",
    )
    partitions = arguments.partitions
    if partitions is not None:
        _check_partitions(partitions, given)
    output = ProgressOutput(sys.stderr)
    with _storage_log_to(output):
        asyncio.run(_migrate(given, output, partitions))
    print(f"the schema is up to date: {given.database.shown}")
    if partitions is not None:
        print(f"its tables have {partitions} partitions")
    return 0


def _check_partitions(partitions: int, given: settings.Settings) -> None:
    from dungeonfighter.storage.postgres_partitions import PARTITIONS_MAX, PARTITIONS_MIN

    if not PARTITIONS_MIN <= partitions <= PARTITIONS_MAX:
        raise SettingsError([f"--partitions: {partitions} is not from {PARTITIONS_MIN} to {PARTITIONS_MAX}"])
    if given.database.kind != "postgresql":
        problem = "--partitions: only PostgreSQL has partitions; name a database postgresql://... with --db"
        raise SettingsError([problem])


async def _migrate(given: settings.Settings, output: ProgressOutput, partitions: int | None) -> None:
    from dungeonfighter.serving.composition import make_store
    from dungeonfighter.serving.signals import let_second_interrupt_end

    let_second_interrupt_end()
    if partitions is not None:
        from dungeonfighter.storage.postgres_partitions import check_can_partition

        await check_can_partition(given.database.url, partitions)
    # Opening a store migrates it, and the commit timeout bounds the migration: a large table takes long.
    store = make_store(msgspec.structs.replace(given, commit_timeout_seconds=_MIGRATION_SECONDS))
    await store.open()
    await store.close()
    if given.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_indexes import build_indexes

        await build_indexes(given.database.url, output)
    if partitions is not None:
        from dungeonfighter.storage.postgres_partitions import partition

        await partition(given.database.url, partitions, output)


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
