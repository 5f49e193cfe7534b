"""`dungeonfighter db import-saves PATH...`: bring heroes of the original game into a database.

The exit code is 0 if every save is imported or was there already, 1 if a file is bad or the database failed,
130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dungeonfighter import limits, settings
from dungeonfighter.commands.bot_keys import check_bot_id
from dungeonfighter.commands.given_settings import read_database_settings
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import BadArgument, StoreError

if TYPE_CHECKING:
    from dungeonfighter.hosting.ports import Row
    from dungeonfighter.storage.saves_import.importer import Target
    from dungeonfighter.storage.saves_import.report import Counts, FileReport, ReportFile
    from dungeonfighter.storage.saves_import.save_files import SaveFile

HELP: Final = "import save files of the original game"
DESCRIPTION: Final = """\
Import save files of the original game (character_save.json and the like, of every
vintage), each as a casual run of a bot of its own. Folders are searched for *.json.
A bot that exists is left alone, so the import can be repeated, and goes on after an
interruption. Servers may play on meanwhile. See docs/import.md."""
EXAMPLE: Final = "dungeonfighter db import-saves GameData --report import.json --db sqlite:///games.db"

DETAILED_FILES_MAX: Final = 10
"""With more files, only the report says what became of each field."""
_DEFAULT_FLEET: Final = "local"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="a save file, or a folder to search")
    add("--fleet", default=_DEFAULT_FLEET, metavar="F", help="the fleet of the bots (default: %(default)s)")
    add(
        "--bot",
        metavar="ID",
        help="the id of the bot, for a single file (default: the hero's name and the file's hash)",
    )
    add("--report", metavar="FILE", help="also write what became of each field to FILE, as JSON")
    add("--dry-run", action="store_true", help="only say what an import would do; write no bot")
    settings.add_arguments(parser, (*settings.DATABASE_SETTINGS, "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Import the files and print the outcome; return the exit code.

    Raises:
        SettingsError, BadInput: A word is wrong.
        StoreError: The database cannot be opened.
        CommandFailed: The database failed on the way.
        CommandInterrupted: Ctrl-C; the bots written before stay.
    """
    given = read_database_settings(
        arguments, "keeps no bots; name a database: sqlite:///FILE or postgresql://..."
    )
    if not limits.fleet_pattern.match(arguments.fleet):
        raise BadArgument(f"--fleet: a fleet is 1 to 32 of a-z, 0-9 and minus; got {arguments.fleet[:40]!r}")
    if arguments.bot is not None:
        check_bot_id(arguments.bot)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may have letters that the terminal lacks
    command = _Command(arguments, given)
    command.find()
    try:
        asyncio.run(command.carry_out())
    except KeyboardInterrupt:
        raise CommandInterrupted(f"interrupted: {command.left_over()}") from None
    return command.finish()


class _Command:
    """One run of the command: its files, its output, and what it knows when it is cut short."""

    def __init__(self, arguments: argparse.Namespace, given: settings.Settings) -> None:
        from dungeonfighter.storage.saves_import.report import Counts

        self._arguments = arguments
        self._given = given
        self._output = ProgressOutput(sys.stderr)
        self._files: list[SaveFile] = []
        self._report: ReportFile | None = None
        self._counts = Counts()
        self._show = PacedProgress(self._output)
        self._began = time.monotonic()

    def find(self) -> None:
        """Find the files.

        Raises:
            BadArgument: `--bot` is given, and there is not just one.
        """
        from dungeonfighter.storage.saves_import.save_files import find_files

        report = self._arguments.report
        ignored = "" if report is None else os.path.realpath(report)
        for file in find_files(self._arguments.paths, ignored=ignored):
            self._files.append(file)
            self._show(f"{len(self._files)} files found")
        importable = sum(not file.skipped for file in self._files)
        if self._arguments.bot is not None and importable != 1:
            raise BadArgument(f"--bot names the bot of a single file, and these paths have {importable}")

    async def carry_out(self) -> None:
        """Import the files that `find` found; write the end of the report in any case."""
        from dungeonfighter.serving.signals import let_second_interrupt_end
        from dungeonfighter.storage.saves_import.report import ReportFile

        let_second_interrupt_end()
        arguments = self._arguments
        async with self._target() as target:
            if arguments.report is not None:
                self._report = ReportFile(arguments.report, is_dry_run=arguments.dry_run)
            try:
                await self._import(target)
            finally:
                self._close_report()

    def finish(self) -> int:
        """Print the sums; return the exit code."""
        counts = self._counts
        done = (
            f"{counts.importable} could be imported"
            if self._arguments.dry_run
            else f"{counts.imported} imported"
        )
        dead = f" ({counts.dead} of them dead: finished runs)" if counts.dead else ""
        print(
            f"{counts.files} files: {done}{dead}, {counts.exists} there already, {counts.bad} bad, "
            f"{counts.skipped} skipped"
        )
        return 1 if counts.bad else 0

    def left_over(self) -> str:
        """Return how far the import came, and how to go on."""
        done = f"{self._counts.files} of {len(self._files)} files are done"
        return f"{done}, {self._counts.imported} heroes imported; the same command goes on from there"

    async def _import(self, target: Target) -> None:
        from dungeonfighter.rules.releases import shipped_rules
        from dungeonfighter.storage.saves_import.importer import Importer, Naming

        rules = shipped_rules(Path(self._given.catalog) if self._given.catalog else None)[0]
        naming = Naming(self._arguments.fleet, self._arguments.bot or "")
        importer = Importer(rules, target, naming, self._on_report, self._on_progress)
        self._counts = importer.counts
        self._began = time.monotonic()
        try:
            await importer.run(self._files)
        except StoreError as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise CommandFailed(f"{error}{hint}; {self.left_over()}") from error
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CommandFailed(f"--report: the file cannot be written: {why}; {self.left_over()}") from error

    @contextlib.asynccontextmanager
    async def _target(self) -> AsyncIterator[Target]:
        from dungeonfighter.serving.composition import make_store
        from dungeonfighter.storage.saves_import.targets import StoreTarget

        if self._arguments.dry_run:
            async with _look_up(self._given) as target:
                yield target
            return
        store = make_store(self._given)
        await store.open()
        try:
            yield StoreTarget(store)
        finally:
            await store.close()

    def _on_report(self, report: FileReport) -> None:
        from dungeonfighter.storage.saves_import.report import detail_lines, file_line

        if self._report is not None:
            self._report.add(report)
        is_detailed = len(self._files) <= DETAILED_FILES_MAX
        if is_detailed or report.status in {"bad", "skipped"}:
            self._output.clear()
            print(file_line(report))
        if is_detailed and report.status in {"imported", "importable"}:
            print("\n".join(detail_lines(report)))

    def _on_progress(self, counts: Counts) -> None:
        passed = max(time.monotonic() - self._began, 0.001)
        rate = counts.files / passed
        left = (len(self._files) - counts.files) / max(rate, 0.001)
        self._show(
            f"{counts.files} of {len(self._files)} files, {counts.imported + counts.importable} heroes, "
            f"{counts.exists} there already, {counts.bad} bad, {rate:.0f} files/s, {left:.0f} s left"
        )

    def _close_report(self) -> None:
        if self._report is None:
            return
        try:
            self._report.close(self._counts, is_complete=self._counts.files == len(self._files))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CommandFailed(f"--report: the file cannot be written: {why}; {self.left_over()}") from error


@contextlib.asynccontextmanager
async def _look_up(given: settings.Settings) -> AsyncIterator[Target]:
    """Open the database to read only; a SQLite file that does not exist has no bots."""
    from dungeonfighter.storage.saves_import.targets import DryTarget

    async def none(key: str) -> Row | None:
        return None

    if given.database.kind == "sqlite" and _is_missing(given.database.path):
        yield DryTarget(none)
        return
    from dungeonfighter.commands.inspecting import open_inspection

    inspection = await open_inspection(given)
    try:
        yield DryTarget(inspection.row)
    finally:
        await inspection.close()


def _is_missing(path: str) -> bool:
    return not Path(path).exists()
