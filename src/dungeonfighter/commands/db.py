"""The command `db migrate`: brings the schema up to date, and tells how far it is."""

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

from dungeonfighter.serving.composition import STORES, make_store
from dungeonfighter.serving.signals import let_second_interrupt_end
from dungeonfighter.settings import Settings, read_settings
from dungeonfighter.settings import add_arguments as add_settings

_MIGRATION_SECONDS: Final = 3600.0


class Teller:
    """Shows progress: on a terminal in one line that changes, elsewhere line by line."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._shown = 0

    def progress(self, text: str) -> None:
        if not self._output.isatty():
            self.say(text)
            return
        self._output.write(f"\r{text.ljust(self._shown)}")
        self._output.flush()
        self._shown = len(text)

    def say(self, text: str) -> None:
        if self._shown:
            self._output.write(f"\r{' ' * self._shown}\r")
            self._shown = 0
        print(text, file=self._output, flush=True)


class _Records(logging.Handler):
    """Passes on what a store logs about its schema."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        self._teller.say(record.getMessage())


def run_migrate(arguments: argparse.Namespace) -> int:
    """Do what every store does when it is opened, without hurry; then build the indexes that take long."""
    settings = read_settings(vars(arguments), os.environ, stores=STORES)
    teller = Teller(sys.stderr)
    with _logged(teller):
        asyncio.run(_migrate(settings, teller))
    print(f"the schema is up to date: {settings.database.shown}")
    return 0


async def _migrate(settings: Settings, teller: Teller) -> None:
    let_second_interrupt_end()
    store = make_store(msgspec.structs.replace(settings, commit_timeout_seconds=_MIGRATION_SECONDS))
    await store.open()
    await store.close()
    if settings.database.kind == "postgresql":
        from dungeonfighter.storage.postgres_indexes import build_indexes

        await build_indexes(settings.database.url, teller)


@contextlib.contextmanager
def _logged(teller: Teller) -> Iterator[None]:
    """Show what a store logs meanwhile."""
    logger = logging.getLogger("dungeonfighter.storage")
    handler, level, propagates = _Records(teller), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `db`."""
    subcommands = parser.add_subparsers(metavar="WHAT", required=True)
    migrate = subcommands.add_parser(
        "migrate",
        help="bring the schema up to date",
        description="Bring the schema up to date, as every server does at its start, and build the indexes "
        "of large tables (PostgreSQL), which no server does. Servers may play on meanwhile.",
    )
    add_settings(migrate, ("database", "db_pool_size", "db_prepared_statements"))


run = run_migrate
